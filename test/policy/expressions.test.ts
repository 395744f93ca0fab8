// Expressions: what comes of the corpus, which variables there are, what messages say, and the bounds.
import { RE2JS } from 're2js';
import { describe, expect, test, vi } from 'vitest';
import { compilePattern, maxPatternLength, maxPatternSize, maxRemembered, maxUnicodeClasses, maxUnicodePatternSize } from '../../src/policy/expression-pattern.ts';
import { maxDepth, maxNodes, maxTextLength } from '../../src/policy/expression-syntax.ts';
import { compileExpression, mostSteps, refuseByExpression, toExpressionValue, type CompiledExpression, type ExpressionKind, type ExpressionValues } from '../../src/policy/expressions.ts';
import { corpus, fails, input, inputValues, outcomeHere, refused } from './expression-corpus.ts';

const values = inputValues;

function compile(text: string, kind: ExpressionKind = 'claimMapping'): CompiledExpression {
  const { expression, mistake } = compileExpression(kind, text);
  if (expression === undefined) throw new Error(mistake);
  return expression;
}

const mistakeIn = (text: string, kind: ExpressionKind = 'condition'): string | undefined => compileExpression(kind, text).mistake;
const failureOf = (text: string, given = values): string | undefined => compile(text).evaluate(given).failure;

describe.each(Object.entries(corpus))('the corpus: %s', (_, cases) => {
  test.each(cases.map(([text, outcome]) => ({ text, outcome })))('$text', ({ text, outcome }) => {
    expect(outcomeHere(text)).toEqual(outcome);
  });
});

test('where an API server differs, one of the two refuses or fails; two values come of one expression only', () => {
  const isNone = (outcome: unknown): boolean => outcome === refused || outcome === fails;
  const differing = Object.values(corpus).flat().filter((entry) => entry.length === 3);
  const twoValues = differing.filter(([, here, there]) => !isNone(here) && !isNone(there));
  expect(twoValues.map(([text]) => text)).toEqual(["string(timestamp('2026-01-02T03:04:05+01:00'))"]);
});

describe('variables', () => {
  const everything = ['actor', 'claims', 'client', 'request', 'subject'];
  test.for<[ExpressionKind, string[]]>([
    ['condition', everything],
    ['claimValidationRule', ['claims', 'client']],
    ['subjectMapping', everything],
    ['claimMapping', everything],
    ['claimRule', [...everything, 'value']],
    ['tokenValidationRule', ['claims', 'client', 'request', 'subject', 'token']],
  ])('%s', ([kind, known]) => {
    const names = [...everything, 'value', 'token', 'object', 'now'];
    const uses = (name: string): string => (kind === 'subjectMapping' ? `[${name}] == [] ? 'a' : 'b'` : `[${name}] == []`);
    expect(names.filter((name) => mistakeIn(uses(name), kind) === undefined).toSorted()).toEqual(known.toSorted());
  });

  test.each(['subject', 'actor'])('members of %s', (name) => {
    for (const member of ['issuer', 'sub', 'serviceAccount.namespace', 'serviceAccount.name', 'serviceAccount.uid', 'pod.name', 'pod.uid', 'node.name', 'node.uid']) expect(mistakeIn(`${name}.${member} == 'x'`)).toBeUndefined();
    expect(mistakeIn(`${name}.serviceAccount.nme == 'x'`)).toBe(`${name}.serviceAccount has no member nme; did you mean name? (line 1, column 1)`);
    expect(mistakeIn(`${name}.issuer == 1`)).toBe('== is not for (string, int) (line 1, column 1)');
  });

  test('members of client and request', () => {
    expect(mistakeIn("client.id == client.namespace + '/' + client.name && client.namespaceLabels['a'] == '' && client.trusted")).toBeUndefined();
    expect(mistakeIn("request.audience == 'a' && request.scopes == ['a'] && request.tokenType == 'jwt'")).toBeUndefined();
    expect(mistakeIn("client.labels['a'] == ''")).toBe('client has no member labels (it has id, namespace, name, namespaceLabels, trusted) (line 1, column 1)');
    expect(mistakeIn('has(client.trusted) && has(client.trust)')).toBe('client has no member trust; did you mean trusted? (line 1, column 28)');
    expect(mistakeIn("client['id'] == '' && client['ide'] == ''")).toBe('client has no member ide; did you mean id? (line 1, column 23)');
  });

  test('what an expression uses', () => {
    expect(compile("client.trusted || claims.a == 'subject' && request.scopes.exists(actor, actor == claims.b)").uses).toEqual(new Set(['client', 'claims', 'request']));
    expect(compile('1 + 1').uses).toEqual(new Set());
  });

  test('an actor that is not there is null', () => {
    expect(compile("[actor == null, has(actor.sub), actor.?sub.orValue('none')].map(x, x)").evaluate(values)).toEqual({ value: [true, false, 'none'] });
    expect(failureOf('actor.sub')).toBe('actor is of type null and has no members');
    expect(compile('actor.sub').evaluate({ ...values, actor: toExpressionValue({ issuer: 'in-cluster', sub: 'a' }) })).toEqual({ value: 'a' });
  });
});

describe('results', () => {
  test.for<[ExpressionKind, string, string | undefined]>([
    ['condition', 'true', undefined],
    ['condition', 'claims.verified', undefined],
    ['condition', '1', 'its result must be bool, and it is int (line 1, column 1)'],
    ['condition', "'true'", 'its result must be bool, and it is string (line 1, column 1)'],
    ['condition', 'optional.of(true)', 'its result must be bool, and it is optional(bool) (line 1, column 1)'],
    ['condition', 'null', 'its result must be bool, and it is null (line 1, column 1)'],
    ['subjectMapping', 'claims.sub', undefined],
    ['subjectMapping', '[claims.sub]', 'its result must be string, and it is list(dyn) (line 1, column 1)'],
    ['claimMapping', '{"a": [1]}', undefined],
    ['tokenValidationRule', 'token.size()', 'its result must be bool, and it is int (line 1, column 1)'],
  ])('%s: %s', ([kind, text, mistake]) => {
    expect(mistakeIn(text, kind)).toBe(mistake);
  });

  test('of another type than was known when it was loaded', () => {
    expect(compile('claims.sub', 'condition').evaluate(values)).toEqual({ failure: 'its result must be bool, and it is string' });
    expect(compile('claims.run_attempt', 'subjectMapping').evaluate(values)).toEqual({ failure: 'its result must be string, and it is int' });
  });

  test.for<[string, string | undefined]>([
    ['claims.verified', undefined],
    ['!claims.verified', 'it is not true'],
    ['claims.ref_protected', 'its result must be bool, and it is string'],
    ['claims.environment', 'its result must be bool, and it is null'],
    ['claims.missing', 'claims has no member missing'],
  ])('a condition must be exactly true: %s', ([text, refusal]) => {
    expect(refuseByExpression(compile(text, 'condition'), values)).toBe(refusal);
  });

  test.for<[string, unknown]>([
    ['claims.groups', input.claims.groups],
    ["{'a': 1, 'b': [1.5, null, true, 'x']}", { a: 1, b: [1.5, null, true, 'x'] }],
    ['optional.none()', null],
    ['claims.?missing', null],
    ['claims.?sub', input.claims.sub],
    ['{}', {}],
  ])('as JSON: %s', ([text, value]) => {
    expect(compile(text).evaluate(values)).toEqual({ value });
  });

  test('an object has no prototype, so that no name means more than itself', () => {
    const { value } = compile("{'__proto__': {'a': 1}, 'constructor': 2}").evaluate(values);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":1},"constructor":2}');
  });

  test.for<[string, string]>([
    ['9007199254740992', 'its result has a whole number beyond ±(2^53 − 1), which JSON readers would round'],
    ['9007199254740993.0', 'its result has a whole number beyond ±(2^53 − 1), which JSON readers would round'],
    ['1.0 / 0.0', 'its result has a number that JSON does not have'],
    ["{1: 'a'}", 'its result has a map with int keys; JSON has names only'],
    ["[timestamp('2026-01-01T00:00:00Z')]", 'its result has a timestamp, which is not JSON; use string()'],
    ["duration('1h')", 'its result has a duration, which is not JSON; use string()'],
    ['type(1)', 'its result has a type, which is not JSON; use string()'],
  ])('that JSON can not hold: %s', ([text, failure]) => {
    expect(failureOf(text)).toBe(failure);
  });
});

describe('values', () => {
  test.for<[unknown, string]>([
    [1, 'int'],
    [0, 'int'],
    [-1, 'int'],
    [2 ** 53 - 1, 'int'],
    [1.5, 'double'],
    [1e-300, 'double'],
  ])('%d is a number of type %s', ([json, type]) => {
    expect(compile(`type(claims.n) == ${type}`).evaluate({ claims: toExpressionValue({ n: json }) })).toEqual({ value: true });
  });

  describe('a whole number that JSON readers round', () => {
    const rounded = ['9007199254740993', '-9007199254740992', '1e300'].map((text): ExpressionValues => ({ claims: toExpressionValue(JSON.parse(`{"n": ${text}, "list": [${text}, 5], "other": 7}`)) }));

    test.each([
      'claims.n',
      "claims['n']",
      'claims',
      'claims.list',
      'claims.list[0]',
      'claims.n == 9007199254740993',
      'claims.n != 9007199254740993',
      'claims.n == 1.0',
      "claims.n == 'text'",
      'claims.n > 5',
      'claims.n == claims.n',
      'claims.list == [1, 5]',
      'claims == claims',
      'claims.n in [1, 2]',
      '5 in claims.list',
      'type(claims.n) == int',
      'string(claims.n)',
      'claims.?n.orValue(1)',
      "claims[?'n'].hasValue()",
      'claims.list.exists(x, x == 9007199254740992)',
      'claims.list.all(x, type(x) == int)',
      'claims.list.all(x, string(x) != "a")',
      'claims.list.map(x, x)',
      '[claims.list[0]]',
    ])('decides nothing: %s', (text) => {
      for (const given of rounded) expect(compile(text).evaluate(given)).toEqual({ failure: expect.any(String) as string });
    });

    test.for<[string, unknown]>([
      ['has(claims.n)', true],
      ["'n' in claims", true],
      ['claims.list.size()', 2],
      ['claims.other', 7],
      ['claims.list.exists(x, x == 5)', true],
      ['claims.n == 1 || claims.other == 7', true],
    ])('takes nothing from what does not depend on it: %s', ([text, value]) => {
      for (const given of rounded) expect(compile(text).evaluate(given)).toEqual({ value });
    });
  });

  test('members that are undefined are not there, and null is', () => {
    expect(compile('[has(claims.a), has(claims.b)]').evaluate({ claims: toExpressionValue({ a: undefined, b: null }) })).toEqual({ value: [false, true] });
  });

  test('names that every object has are names like others', () => {
    const names = ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty', 'prototype'];
    for (const name of names) {
      expect(compile(`'${name}' in claims || claims[?'${name}'].hasValue() || claims.exists(k, k == '${name}')`).evaluate({ claims: toExpressionValue({}) })).toEqual({ value: false });
      expect(failureOf(`claims['${name}']`, { claims: toExpressionValue({}) })).toBe(`claims has no member ${name}`);
      expect(compile(`claims['${name}']`).evaluate({ claims: toExpressionValue(JSON.parse(`{"${name}": "own"}`)) })).toEqual({ value: 'own' });
    }
  });
});

describe('what failures say', () => {
  const secret = toExpressionValue({ token: 'hunter2', n: 42, list: ['hunter2'], map: { hunter2: 1 } });
  test.for<[string, string]>([
    ['claims.missing', 'claims has no member missing'],
    ['claims.map.missing', 'claims.map has no member missing'],
    ["claims['map'].missing", "claims['map'] has no member missing"],
    ['claims.map[claims.token + "x"]', 'claims.map has no such member'],
    ['claims.list[7]', 'claims.list has no such member'],
    ['claims.list[claims.n]', 'claims.list has no such member'],
    ['claims.list[claims.token]', 'a list is indexed by an int, not by string'],
    ['claims.token.missing', 'claims.token is of type string and has no members'],
    ['(claims.token + claims.token).missing', 'the value is of type string and has no members'],
    ['claims.n.startsWith(claims.token)', 'startsWith is not for (int, string)'],
    ['claims.token + claims.n', '+ is not for (string, int)'],
    ['claims.token.exists(x, true)', 'claims.token is of type string; exists takes a list or a map'],
    ['claims.list.exists(x, x)', 'the condition of exists must be a bool, not string'],
    ['claims.token && true', 'an operand of && must be a bool, not string'],
    ['claims.token ? 1 : 2', 'the condition before ? must be a bool, not string'],
    ['claims.token in claims.n', 'in takes a list or a map, not int'],
    ['int(claims.token)', 'int: the text is not a whole number'],
    ['timestamp(claims.token)', 'timestamp: the text is not a time as in RFC 3339'],
    ['duration(claims.token)', 'duration: the text is not a duration such as 1h30m'],
    ['claims.token.substring(claims.n)', 'substring: the position is outside of the text'],
    ['[claims.n].join()', 'join: not everything in the list is text'],
    ['{claims.token: 1, claims.token: 2}', 'a map has the same key twice'],
    ['claims.n / 0', 'division by zero'],
    ['claims.n * 9223372036854775807', 'a whole number does not fit into 64 bits'],
    ['claims.?missing.value()', 'value: the optional has none'],
  ])('%s', ([text, failure]) => {
    expect(failureOf(text, { claims: secret })).toBe(failure);
    expect(failure).not.toMatch(/hunter|42/);
  });
});

describe('what mistakes say', () => {
  test.for<[string, string]>([
    ['clams.sub == 1', 'there is no variable clams; did you mean claims? (line 1, column 1)'],
    ["claims.a == 'x' &&\n  claims.b == y", 'there is no variable y (line 2, column 15)'],
    ["claims.sub.startWith('x')", 'there is no function startWith; did you mean startsWith? (line 1, column 1)'],
    ["true && claims.sub.format('x')", 'there is no function format (line 1, column 9)'],
    ['length(claims.sub) == 1', 'there is no function length (line 1, column 1)'],
    ["optional.some(1) == null", 'there is no function some; did you mean none? (line 1, column 1)'],
    ['claims.a.exists(true)', 'exists is written .exists(x, condition) (line 1, column 1)'],
    ['claims.a.map(x)', 'map is written .map(x, result) or map(x, condition, result) (line 1, column 1)'],
    ['claims.a.exists(x.y, true)', 'the first argument must be a name for the variable (line 1, column 19)'],
    ['has(claims)', 'has takes a member, as in has(claims.sub) (line 1, column 1)'],
    ["claims.sub = 'x'", 'unexpected character: = (line 1, column 12)'],
    ['claims.sub ==', 'unexpected token: EOF (line 1, column 14)'],
    ['', 'unexpected token: EOF (line 1, column 1)'],
    ['1u == 1u', 'unsigned numbers are not supported (line 1, column 1)'],
    ["claims.a == b'x'", 'bytes are not supported (line 1, column 13)'],
    ["claims.a == 9223372036854775808", 'this whole number does not fit into 64 bits (line 1, column 13)'],
    ["duration('1 hour') < duration('2h')", 'duration: the text is not a duration such as 1h30m (line 1, column 1)'],
    ["claims.sub.matches(claims.pattern)", 'the pattern of matches must be a literal text (line 1, column 20)'],
    ["claims.sub.matches('a(b')", 'the pattern is not RE2: missing closing ): `a(b` (line 1, column 20)'],
    ["claims.sub.matches('(?=a)')", 'the pattern is not RE2: invalid or unsupported Perl syntax: `(?=` (line 1, column 20)'],
    ["claims.sub.matches('a', 'b')", 'matches takes a text and a pattern (line 1, column 1)'],
    ["{[1]: 'a'} == {}", 'a key of a map is text, an int or a bool, not list(int) (line 1, column 2)'],
    ["true ? 1 : 'a'", 'what stands around : must be of one type, not int and string (line 1, column 12)'],
  ])('%s', ([text, mistake]) => {
    expect(mistakeIn(text)).toBe(mistake);
  });
});

describe('bounds when it is loaded', () => {
  test('characters', () => {
    const text = (length: number): string => `'${'a'.repeat(length - 2)}'`;
    expect(mistakeIn(text(maxTextLength), 'claimMapping')).toBeUndefined();
    expect(mistakeIn(text(maxTextLength + 1), 'claimMapping')).toBe('is longer than 4096 characters (line 1, column 1)');
  });

  test('nodes', () => {
    const list = (items: number): string => `[${Array.from({ length: items }, () => '1').join(',')}]`;
    expect(mistakeIn(list(maxNodes - 1), 'claimMapping')).toBeUndefined();
    expect(mistakeIn(list(maxNodes), 'claimMapping')).toBe('is too large: at most 1024 names, values, operators and calls, 128 of them in each other (line 1, column 1)');
  });

  test.for<[string, (depth: number) => string]>([
    ['lists', (depth) => `${'['.repeat(depth - 1)}1${']'.repeat(depth - 1)}`],
    ['signs', (depth) => `${'!'.repeat(depth - 1)}true`],
    ['members', (depth) => `claims${'.a'.repeat(depth - 1)}`],
    ['calls', (depth) => `claims${'.map(x, x)'.repeat(depth - 1)}`],
    ['sums', (depth) => `1${' + 1'.repeat(depth - 1)}`],
    ['conditions', (depth) => `${'true ? 1 : '.repeat(depth - 1)}1`],
  ])('depth: %s', ([, nested]) => {
    expect(mistakeIn(nested(maxDepth), 'claimMapping')).toBeUndefined();
    expect(mistakeIn(nested(maxDepth + 1), 'claimMapping')).toMatch(/^is (deeper than 128|too large)/);
  });

  test('much too deep', () => {
    for (const [open, close] of [['(', ')'], ['[', ']'], ['!', ''], ['-', ''], ['{1:', '}'], ['a.b(', ')'], ['a[', ']'], ['1?', ':1']] as const) {
      const text = `${open.repeat(4000 / (open.length + close.length))}1${close.repeat(4000 / (open.length + close.length))}`;
      expect(mistakeIn(text)).toEqual(expect.any(String));
    }
  });

  test('a chain of && and || has no depth', () => {
    expect(mistakeIn(Array.from({ length: 400 }, () => 'true').join(' && '))).toBeUndefined();
  });

  const pattern = (text: string): string => `claims.sub.matches('${text}')`;
  test.for<[string, string | undefined]>([
    [pattern('a'.repeat(maxPatternSize - 2)), undefined],
    [pattern('a'.repeat(maxPatternSize - 1)), 'the patterns stand for 513 instructions; at most 512 are allowed: repeat less (line 1, column 20)'],
    [pattern('(a{30}){30}'), 'the patterns stand for 962 instructions; at most 512 are allowed: repeat less (line 1, column 20)'],
    [`${pattern('a{254}')} || ${pattern('a{254}')}`, undefined],
    [`${pattern('a{254}')} || ${pattern('a{255}')}`, 'the patterns stand for 513 instructions; at most 512 are allowed: repeat less (line 1, column 52)'],
    [pattern(`[${'a'.repeat(maxPatternLength - 2)}]`), undefined],
    [pattern(`[${'a'.repeat(maxPatternLength - 1)}]`), 'the patterns are longer than 512 characters (line 1, column 20)'],
    [`${pattern(`[${'a'.repeat(maxPatternLength - 3)}]`)} && ${pattern('ab')}`, 'the patterns are longer than 512 characters (line 1, column 557)'],
    [pattern('a{1001}'), 'the pattern is not RE2: invalid repeat count: `{1001}` (line 1, column 20)'],
    [pattern('\\\\pL'.repeat(maxUnicodeClasses)), undefined],
    [pattern('\\\\PL'.repeat(maxUnicodeClasses + 1)), 'the patterns have more than 8 classes such as \\pL (line 1, column 20)'],
    [pattern(`\\\\pL{${maxUnicodePatternSize - 2}}`), undefined],
    [pattern(`\\\\pL{${maxUnicodePatternSize - 1}}`), 'a pattern with a class such as \\pL may stand for 64 instructions, and this one has 65: repeat less (line 1, column 20)'],
  ])('patterns: %s', ([text, mistake]) => {
    expect(mistakeIn(text)).toBe(mistake);
  });

  test('what a pattern may remember of the texts that it saw', () => {
    const engine = vi.spyOn(RE2JS.prototype, 'test');
    const matches = compilePattern('[ab]*a[ab]{14}[c-z]', { length: 0, size: 0, unicodeClasses: 0 }, 0);
    for (let number = 0; number < 5000; number++) matches({ left: mostSteps }, number.toString(2).replaceAll('0', 'a').replaceAll('1', 'b').padStart(24, 'a'));
    const [compiled] = engine.mock.contexts as RE2JS[];
    engine.mockRestore();
    const states: { nfaStates: number[] }[] = [...(compiled?.re2().dfa.cachedStates() ?? [])];
    const counted = states.reduce((sum, { nfaStates }) => sum + nfaStates.length * 8, 0);
    expect(counted).toBeGreaterThan(0);
    expect(counted).toBeLessThan(maxRemembered);
  });
});

describe('steps', () => {
  const long = 'a'.repeat(8000);
  const given: ExpressionValues = { claims: toExpressionValue({ short: 'abc', long, list: Array.from({ length: 100 }, (_, index) => `${index}`), map: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, index])) }) };

  const stepsOf = (text: string): number => {
    const allowance = { left: mostSteps };
    compile(text).evaluate(given, allowance);
    return mostSteps - allowance.left;
  };

  // One more for the result, and an eighth of its characters if it is text.
  test.for<[string, number]>([
    ['true', 2],
    ["claims.short == 'abc'", 5],
    ["claims.short in ['a', 'b', 'c', 'd', 'e', 'f']", 5],
    ['claims.list.size()', 4],
    ["claims.list.exists(x, x == '99')", 7 + 100 * 4 + 1],
    ["claims.list.exists(x, x == '0')", 7 + 4 + 1],
    ['claims.list.all(x, claims.list.all(y, x == x))', 11 + 100 * 8 + 100 * 100 * 4 + 1],
    ['claims.list == claims.list', 5 + 100 + 1],
    ['claims.map == claims.map', 5 + 400 + 1],
    ["'99' in claims.list", 4 + 100 + 1],
    ['claims.long == claims.long', 5 + 125 + 1],
    ['(claims.long + claims.long).size()', 6 + 2000 + 2000 + 1],
    ["claims.long.contains('b')", 4 + 1000 + 1 + 1],
    ['claims.long.contains(claims.long)', 5 + 1000 + 15_625 + 1],
    ["claims.short.matches('a$')", 4 + 32 + 3 + 1 + 1],
    ["claims.long.matches('a$')", 4 + 32 + 8000 + 4000 + (32_000 - 4096) / 4 + 1],
    ['claims.list', 2 + 101],
    ['claims.long', 2 + 1001],
  ])('%s takes %d', ([text, steps]) => {
    expect(stepsOf(text)).toBe(steps);
  });

  test.each([
    'claims.list.all(a, claims.list.all(b, claims.list.all(c, true)))',
    'claims.list.all(a, claims.list.all(b, claims.list.all(c, claims.missing == 1)))',
    'claims.list.all(a, claims.list.all(b, claims.list.all(c, false || true || claims.missing)))',
    'claims.list.exists(a, claims.list.exists(b, claims.list.exists(c, claims.missing == 1)))',
    `[1]${'.map(x, [x, x])'.repeat(60)}`,
    `[1]${'.map(x, [x, x])'.repeat(60)} == [1]${'.map(x, [x, x])'.repeat(60)}`,
    `['aa']${'.map(x, x + x)'.repeat(60)}`,
    `[['aa']]${'.map(x, x + x)'.repeat(60)}`,
    `['aa']${".map(x, x.replace('a', x))".repeat(60)}`,
    `['aa']${".map(x, x.replace('', x))".repeat(60)}`,
    `[['aa']]${".map(x, [x.join('aa'), x.join('bb')])".repeat(60)}`,
    `['aa']${".map(x, (x + ',' + x).split(',').join(','))".repeat(30)}`,
    `[1]${".map(x, {'a': x, 'b': x})".repeat(60)}`,
    'claims.list.all(x, claims.long.contains(claims.long + x) || true)',
    'claims.list.all(x, claims.long.lastIndexOf(claims.long) == 1 || true)',
    "claims.list.all(x, claims.long.matches('(a*)*(a*)*b') || true)",
    "claims.list.all(x, claims.long.split('').size() > 0)",
  ])('are used up, and that is a failure: %s', (text) => {
    const allowance = { left: 10 * mostSteps };
    expect(compile(text).evaluate(given, allowance)).toEqual({ failure: 'it takes more steps than an expression may' });
    // Not much more was spent than there was: the last function pays before it does its work.
    expect(allowance.left).toBeLessThan(9 * mostSteps);
  });

  test('one that finds an allowance used up stops at once', () => {
    const allowance = { left: 4 * mostSteps };
    const worst = compile('claims.list.all(x, claims.list.all(y, claims.list.all(z, true)))');
    for (let number = 0; number < 2048; number++) worst.evaluate(given, allowance);
    expect(allowance.left).toBeLessThan(0);
    // Each of the later ones took off no more than its own size.
    expect(allowance.left).toBeGreaterThan(-20 * 2048);
  });

  // Where the work grows with the square of the text, this takes minutes and runs into the test's limit.
  test.each(['double', 'int', 'bool', 'timestamp', 'duration'])('%s() goes through a text once', (name) => {
    const expression = compile(`${name}(claims.text)`);
    for (const text of ['1'.repeat(40_000), '1h'.repeat(20_000), '1.'.repeat(20_000), '0'.repeat(40_000)]) {
      const claims = toExpressionValue({ text: `${text}x` });
      for (let round = 0; round < 100; round++) expect(expression.evaluate({ claims })).toEqual({ failure: expect.stringMatching(new RegExp(`^${name}: `)) as string });
    }
  });

  test('an allowance may be shared, and ends for all', () => {
    const expression = compile('claims.list.all(x, true)');
    const allowance = { left: 500 };
    expect(expression.evaluate(given, allowance)).toEqual({ value: true });
    expect(allowance.left).toBe(500 - 206);
    expect(expression.evaluate(given, allowance)).toEqual({ value: true });
    expect(expression.evaluate(given, allowance)).toEqual({ failure: 'it takes more steps than an expression may' });
    expect(expression.evaluate(given, allowance)).toEqual({ failure: 'it takes more steps than an expression may' });
    expect(expression.evaluate(given)).toEqual({ value: true });
  });
});
