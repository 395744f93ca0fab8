// Expressions, for any text and any values: nothing throws, results are of their type, nothing leaks, nothing is changed.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileExpression, mostSteps, refuseByExpression, toExpressionValue, type CompiledExpression, type ExpressionKind, type ExpressionValues } from '../../src/policy/expressions.ts';
import { anyExpression } from './expression-arbitraries.ts';
import { corpus, input, inputValues } from './expression-corpus.ts';

const kinds: readonly ExpressionKind[] = ['condition', 'claimValidationRule', 'subjectMapping', 'claimMapping', 'claimRule', 'tokenValidationRule'];
const variables = ['claims', 'subject', 'actor', 'client', 'request', 'token', 'value'];
const texts = Object.values(corpus).flatMap((cases) => cases.map(([text]) => text));

const kind = fc.constantFrom(...kinds);
const realistic = fc.constant({ ...input, token: { sub: 'a', groups: ['b'] }, value: ['c'], actor: null });
const anyJson = fc.jsonValue({ maxDepth: 6 });
const values: fc.Arbitrary<ExpressionValues> = fc
  .oneof(realistic, fc.record(Object.fromEntries(variables.map((name) => [name, anyJson])), { requiredKeys: [] }))
  .map((json) => Object.fromEntries(Object.entries(json).map(([name, member]) => [name, toExpressionValue(member)])));

/** Pieces of expressions in any order: most are refused, and they get further than letters by chance. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(...texts),
    fc.constantFrom('claims', '.sub', '.?groups', "['a']", '[0]', '[?0]', '(', ')', '[', ']', '{', '}', ',', ':', '?', ' && ', ' || ', '!', '-', ' == ', ' in ', ' + ', 'x', '.exists(x, ', '.map(x, ', 'has(', 'size(', '.matches(', "'a'", '"', "'", '1', '1.5', '1u', "b'a'", 'null', 'true', 'optional.of(', '.orValue(', '\n', '//', '\\', '\0', '\ud800', 'é'),
  ),
  { maxLength: 12 },
);
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 60 }), pieces.map((parts) => parts.join('')), fc.constantFrom(...texts));

/** The values of the corpus, or any JSON in their place. */
const anyValues = fc.oneof({ weight: 3, arbitrary: fc.constant(inputValues) }, values);
/** Types that fit as far as they are known when it is loaded, or are known only when it is evaluated. */
const made = fc.oneof(anyExpression, anyExpression.map((inner) => `dyn(${inner})`), fc.tuple(anyExpression, anyExpression).map(([a, b]) => `dyn(${a}) + dyn(${b})`), fc.tuple(anyExpression, anyExpression).map(([a, b]) => `{'a': [dyn(${a})], 'b': dyn(${b})}`));

describe('any text', () => {
  test('is compiled or refused with a place in it', () => {
    fc.assert(
      fc.property(kind, text, (of, written) => {
        const { expression, mistake } = compileExpression(of, written);
        expect(expression === undefined ? / \(line \d+, column \d+\)$/.test(mistake) : expression.uses.isSubsetOf(new Set(variables))).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test('gives JSON of its type, or fails, on any values', () => {
    const isOfType = (of: ExpressionKind, value: unknown): boolean => of === 'claimMapping' || typeof value === (of === 'subjectMapping' ? 'string' : 'boolean');
    fc.assert(
      fc.property(kind, text, values, (of, written, given) => {
        const { expression } = compileExpression(of, written);
        const { value, failure } = expression?.evaluate(given) ?? { failure: 'it was not compiled' };
        const isTrue = expression !== undefined && refuseByExpression(expression, given) === undefined;
        expect(isTrue).toBe(value === true);
        expect(failure === undefined ? isOfType(of, value) : failure !== '').toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('expressions whose types fit', () => {
  /** Some are too large, and no other mistake may be found in them. */
  const compile = (written: string): CompiledExpression | undefined => {
    const { expression, mistake } = compileExpression('claimMapping', written);
    expect(mistake ?? 'is too large').toMatch(/^is (?:too large|deeper|longer)/);
    return expression;
  };

  test('are compiled, and give JSON or fail, on any values', () => {
    fc.assert(
      fc.property(made, anyValues, (written, given) => {
        const { value, failure } = compile(written)?.evaluate(given) ?? { failure: 'it was not compiled' };
        expect(failure ?? JSON.stringify(value)).toBeTypeOf('string');
      }),
      { numRuns: 5000 },
    );
  });

  test('give the same each time, and change none of the values', () => {
    const show = (given: unknown): string => JSON.stringify(given, (_, part: unknown) => (part instanceof Map ? [...part] : typeof part === 'bigint' ? `${part}` : part));
    fc.assert(
      fc.property(made, anyValues, (written, given) => {
        const before = show(given);
        const expression = compile(written);
        expect(expression?.evaluate(given)).toEqual(expression?.evaluate(given));
        expect(show(given)).toBe(before);
      }),
      { numRuns: 2000 },
    );
  });

  test('spend no more than they may', () => {
    const outOfSteps = { failure: 'it takes more steps than an expression may' };
    fc.assert(
      fc.property(made, anyValues, fc.integer({ min: 0, max: 300 }), (written, given, most) => {
        const expression = compile(written);
        const allowance = { left: most };
        const outcome = expression?.evaluate(given, allowance);
        expect(outcome).toEqual(allowance.left < 0 ? outOfSteps : expression?.evaluate(given, { left: mostSteps }));
      }),
      { numRuns: 2000 },
    );
  });
});

test('no name reaches beyond the values', () => {
  const prototypes = [Object.prototype, Array.prototype, Map.prototype, String.prototype, Function.prototype];
  const names = new Set(prototypes.flatMap((prototype) => Object.getOwnPropertyNames(prototype)).filter((name) => /^\w+$/.test(name)));
  expect(names.size).toBeGreaterThan(80);
  const given = { claims: toExpressionValue({ aMap: {}, aList: [], aText: '' }) };
  const fails = { failure: expect.any(String) as string };
  const isNot = { value: false };
  for (const name of names) {
    for (const [from, outcome] of [['claims', isNot], ['claims.aMap', isNot], ['claims.aList', fails], ['claims.aText', isNot]] as const) {
      for (const isThere of [`has(${from}.${name})`, `${from}.?${name}.hasValue()`, `dyn(${from})[?'${name}'].hasValue()`]) {
        expect(compileExpression('condition', isThere).expression?.evaluate(given)).toEqual(outcome);
      }
      expect(compileExpression('claimMapping', `${from}.${name}`).expression?.evaluate(given)).toEqual(fails);
    }
    // `map` is the name of a type.
    expect(compileExpression('condition', name).mistake).toBeDefined();
    expect(compileExpression('claimMapping', `${name}({}, 1, 2)`).mistake).toBeDefined();
  }
});
