// Runs the tests of cel-spec (tests/simple) and counts: `npm run conformance:cel`. Fetches them as a Go module.
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compileNode } from '../../src/policy/compile-expression.ts';
import { outermostScope } from '../../src/policy/expression-scope.ts';
import { EvaluationFailure, mostSteps } from '../../src/policy/expression-steps.ts';
import { ExpressionMistake, readSyntax } from '../../src/policy/expression-syntax.ts';
import { listOf, mapOf, type SimpleType, type Type } from '../../src/policy/expression-types.ts';
import { areEqual, kindOf, type ExpressionValue } from '../../src/policy/expression-values.ts';
import { readTextProto, type Message, type Scalar } from './text-proto.ts';

/** The release of cel-spec; the module proxy and Go's checksum database vouch for what is fetched. */
const release = 'cel.dev/expr@v0.25.3';

/** What a test expects that has no value. */
const anyError = Symbol('an error');

/** `early`: an error is expected, and it is refused when it is loaded. */
type Outcome = 'passed' | 'wrong' | 'early' | 'refused' | 'foreign';
type Test = { file: string; name: string; expression: string; message: Message };

function folder(): string {
  const module = JSON.parse(execFileSync('go', ['mod', 'download', '-json', release], { encoding: 'utf8' })) as { Dir: string };
  return join(module.Dir, 'tests/simple/testdata');
}

function readTests(dir: string): Test[] {
  return globSync(join(dir, '*.textproto')).toSorted().flatMap((path) =>
    messages(readTextProto(readFileSync(path, 'utf8')), 'section').flatMap((section) =>
      messages(section, 'test').map((message) => ({ file: basename(path, '.textproto'), name: `${text(section, 'name')}/${text(message, 'name')}`, expression: text(message, 'expr'), message })),
    ),
  );
}

function messages(message: Message | undefined, field: string): Message[] {
  return (message?.[field] ?? []) as Message[];
}

function text(message: Message | undefined, field: string): string {
  const [scalar] = (message?.[field] ?? []) as Scalar[];
  return scalar === undefined ? '' : 'text' in scalar ? scalar.text : scalar.word;
}

/** What policy has no use for: protobuf messages and names of packages, unsigned numbers, bytes. A test that gives or expects them is foreign. */
class Foreign extends Error {}

function run({ message }: Test): { outcome: Outcome; why: string } {
  let expected: ExpressionValue | typeof anyError;
  let variables: Record<string, Type>;
  let values: Record<string, ExpressionValue>;
  try {
    expected = expectation(message);
    variables = Object.fromEntries(messages(message, 'type_env').map((entry) => [text(entry, 'name'), typeOf(messages(messages(entry, 'ident')[0], 'type')[0])]));
    values = Object.fromEntries(messages(message, 'bindings').map((entry) => [text(entry, 'key'), valueOf(messages(messages(entry, 'value')[0], 'value')[0])]));
  } catch (error) {
    if (error instanceof Foreign) return { outcome: 'foreign', why: error.message };
    throw error;
  }
  for (const name of Object.keys(values)) variables[name] ??= 'dyn';
  if (message['container'] !== undefined || Object.keys(variables).some((name) => name.includes('.'))) return { outcome: 'foreign', why: 'names of packages' };
  try {
    const compiled = compileNode(readSyntax(text(message, 'expr')), outermostScope(variables));
    if (text(message, 'check_only') === 'true') return { outcome: 'passed', why: '' };
    const steps = { left: mostSteps };
    const value = compiled.run({ values, locals: [], steps });
    if (expected === anyError) return { outcome: 'wrong', why: `gives ${show(value)}, where an error is expected` };
    return isSame(value, expected) ? { outcome: 'passed', why: '' } : { outcome: 'wrong', why: `gives ${show(value)}, not ${show(expected)}` };
  } catch (error) {
    if (error instanceof ExpressionMistake) return { outcome: expected === anyError ? 'early' : 'refused', why: error.message };
    if (error instanceof EvaluationFailure) return { outcome: expected === anyError ? 'passed' : 'wrong', why: `fails: ${error.message}` };
    throw error;
  }
}

function isSame(a: ExpressionValue, b: ExpressionValue): boolean {
  return kindOf(a) === kindOf(b) && (Object.is(a, b) || areEqual(a, b, { left: mostSteps }));
}

function show(value: ExpressionValue): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part instanceof Map ? Array.from(part) : part)) ?? 'nothing';
}

function expectation(message: Message): ExpressionValue | typeof anyError {
  if (message['eval_error'] !== undefined || message['any_eval_errors'] !== undefined) return anyError;
  if (message['unknown'] !== undefined || message['any_unknowns'] !== undefined) throw new Foreign('unknown values');
  const [typed] = messages(message, 'typed_result');
  const [value] = typed === undefined ? messages(message, 'value') : messages(typed, 'result');
  return value === undefined ? true : valueOf(value);
}

function valueOf(value: Message | undefined): ExpressionValue {
  const field = Object.keys(value ?? {})[0] ?? '';
  const written = text(value, field);
  switch (field) {
    case 'null_value':
      return null;
    case 'bool_value':
      return written === 'true';
    case 'int64_value':
      return BigInt(written);
    case 'double_value':
      return doubleOf(written);
    case 'string_value':
      return written;
    case 'type_value':
      return { kind: 'type', name: written };
    case 'list_value':
      return messages(messages(value, field)[0], 'values').map(valueOf);
    case 'map_value':
      return new Map(messages(messages(value, field)[0], 'entries').map((entry) => [valueOf(messages(entry, 'key')[0]), valueOf(messages(entry, 'value')[0])]));
    case 'object_value':
      return timeOf(messages(value, field)[0]);
    default:
      throw new Foreign(field);
  }
}

function doubleOf(written: string): number {
  if (/^[+-]?inf/i.test(written)) return written.startsWith('-') ? -Infinity : Infinity;
  return /nan/i.test(written) ? Number.NaN : Number(written);
}

function timeOf(any: Message | undefined): ExpressionValue {
  for (const [kind, name] of [['timestamp', 'Timestamp'], ['duration', 'Duration']] as const) {
    const [time] = messages(any, `[type.googleapis.com/google.protobuf.${name}]`);
    if (time !== undefined) return { kind, nanos: BigInt(text(time, 'seconds') || '0') * 1_000_000_000n + BigInt(text(time, 'nanos') || '0') };
  }
  throw new Foreign('protobuf messages');
}

const primitives: Readonly<Record<string, SimpleType>> = { BOOL: 'bool', INT64: 'int', DOUBLE: 'double', STRING: 'string' };
const wellKnown: Readonly<Record<string, SimpleType>> = { TIMESTAMP: 'timestamp', DURATION: 'duration', ANY: 'dyn' };

function typeOf(type: Message | undefined): Type {
  const [list] = messages(type, 'list_type');
  if (list !== undefined) return listOf(typeOf(messages(list, 'elem_type')[0]));
  const [map] = messages(type, 'map_type');
  if (map !== undefined) return mapOf(typeOf(messages(map, 'key_type')[0]) as SimpleType, typeOf(messages(map, 'value_type')[0]));
  if (type?.['dyn'] !== undefined) return 'dyn';
  if (type?.['null'] !== undefined) return 'null';
  const known = primitives[text(type, 'primitive')] ?? wellKnown[text(type, 'well_known')];
  if (known === undefined) throw new Foreign('a type of protobuf');
  return known;
}

function report(): void {
  const outcomes = ['passed', 'wrong', 'early', 'refused', 'foreign'] as const;
  const count = (outcome: Outcome, file?: string): number => results.filter((result) => result.outcome === outcome && (file === undefined || result.file === file)).length;
  if (process.argv.includes('--list')) {
    for (const { file, name, expression, outcome, why } of results) if (outcome === 'wrong' || outcome === 'refused') console.log(`${outcome} ${file}/${name}: ${JSON.stringify(expression)}\n    ${why}`);
  }
  console.log(`${'file'.padEnd(18)}${outcomes.map((outcome) => outcome.padStart(9)).join('')}`);
  for (const file of [...new Set(results.map((result) => result.file)), undefined]) console.log(`${(file ?? 'all').padEnd(18)}${outcomes.map((outcome) => String(count(outcome, file)).padStart(9)).join('')}`);
  const supported = count('passed') + count('wrong');
  console.log(`\n${release}: of ${supported} tests that are loaded and evaluated ${count('passed')} agree (${((100 * count('passed')) / supported).toFixed(1)} %).`);
  console.log(`${count('refused')} are refused when they are loaded, and ${count('early')} where an error is expected; ${count('foreign')} are about protobuf, packages, bytes or unsigned numbers.`);
}

const results = readTests(folder()).map((test) => ({ ...test, ...run(test) }));
report();
