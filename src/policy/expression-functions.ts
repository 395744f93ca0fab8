// The functions and operators that expressions may use. What does not stand here is refused when a manifest is loaded.
import { overload, type Overload } from './expression-overloads.ts';
import { EvaluationFailure, spend, type Steps } from './expression-steps.ts';
import type { Operator } from './expression-syntax.ts';
import { compareText, concatenate, lengthOf, textFunctions } from './expression-text.ts';
import { duration, readDuration, readTimestamp, secondsOf, timeFunctions, timestamp, timeText } from './expression-times.ts';
import { listOf, optionalOf, unify, type Type } from './expression-types.ts';
import { kindOf, refuseInexact, type ExpressionValue, type Time } from './expression-values.ts';

const size: readonly Overload[] = [
  overload(['string'], 'int', (steps, text) => BigInt(lengthOf(text, steps))),
  overload(['list'], 'int', (_, list) => BigInt(list.length)),
  overload(['map'], 'int', (_, map) => BigInt(map.size)),
];

/** Functions that are called with a dot: `claims.sub.startsWith('a')`. */
export const memberFunctions: Readonly<Record<string, readonly Overload[]>> = {
  ...textFunctions,
  ...timeFunctions,
  size,
  hasValue: [overload(['optional'], 'bool', (_, optional) => optional.value !== undefined)],
  value: [overload(['optional'], insideOf, (_, { value }) => {
    if (value === undefined) throw new EvaluationFailure('value: the optional has none');
    return value;
  })],
};

/** Functions that stand alone: `size(claims.groups)`. */
export const globalFunctions: Readonly<Record<string, readonly Overload[]>> = {
  size,
  string: [
    overload(['string'], 'string', (_, text) => text),
    overload(['bool'], 'string', (_, value) => String(value)),
    overload(['int'], 'string', (_, value) => String(value)),
    overload(['double'], 'string', (steps, value) => (spend(steps, numberSteps), doubleText(value))),
    overload(['timestamp'], 'string', (steps, time) => timeText(steps, time)),
    overload(['duration'], 'string', (steps, time) => timeText(steps, time)),
  ],
  int: [
    overload(['int'], 'int', (_, value) => value),
    overload(['double'], 'int', (_, value) => wholeOf(value)),
    overload(['string'], 'int', readInt),
    overload(['timestamp'], 'int', (_, time) => secondsOf(time)),
  ],
  double: [
    overload(['double'], 'double', (_, value) => value),
    overload(['int'], 'double', (_, value) => Number(value)),
    overload(['string'], 'double', readDouble),
  ],
  bool: [overload(['bool'], 'bool', (_, value) => value), overload(['string'], 'bool', (_, text) => readBool(text))],
  timestamp: [
    overload(['timestamp'], 'timestamp', (_, time) => time),
    overload(['string'], 'timestamp', readTimestamp),
    overload(['int'], 'timestamp', (_, seconds) => timestamp(seconds * 1_000_000_000n)),
  ],
  duration: [overload(['duration'], 'duration', (_, time) => time), overload(['string'], 'duration', readDuration)],
  dyn: [overload(['dyn'], 'dyn', (_, value) => value)],
  type: [overload(['dyn'], 'type', (_, value) => ({ kind: 'type', name: typeNameOf(value) }))],
};

/** `optional.of(x)` and the like. */
export const optionalFunctions: Readonly<Record<string, readonly Overload[]>> = {
  of: [overload(['dyn'], asOptional, (_, value) => ({ kind: 'optional', value }))],
  ofNonZeroValue: [overload(['dyn'], asOptional, (_, value) => ({ kind: 'optional', value: isZero(value) ? undefined : value }))],
  none: [overload([], { kind: 'optional', of: 'dyn' }, () => ({ kind: 'optional', value: undefined }))],
};

/** Names of types, for comparing with `type(x)`. */
export const typeNames: readonly string[] = ['bool', 'int', 'double', 'string', 'list', 'map', 'null_type', 'type'];

const order = (compare: (order: number) => boolean): readonly Overload[] => [
  overload(['string', 'string'], 'bool', (steps, a, b) => compare(compareText(a, b, steps))),
  overload(['int', 'int'], 'bool', (_, a, b) => compare(sign(a, b))),
  overload(['double', 'double'], 'bool', (_, a, b) => compare(sign(a, b))),
  overload(['int', 'double'], 'bool', (_, a, b) => compare(sign(Number(a), b))),
  overload(['double', 'int'], 'bool', (_, a, b) => compare(sign(a, Number(b)))),
  overload(['bool', 'bool'], 'bool', (_, a, b) => compare(Number(a) - Number(b))),
  overload(['timestamp', 'timestamp'], 'bool', (_, a, b) => compare(sign(a.nanos, b.nanos))),
  overload(['duration', 'duration'], 'bool', (_, a, b) => compare(sign(a.nanos, b.nanos))),
];

/** NaN where one of them is: then no comparison holds. */
function sign<N extends number | bigint>(a: N, b: N): number {
  if (a < b) return -1;
  return a > b ? 1 : a >= b ? 0 : Number.NaN;
}

const arithmetic = (onInts: (a: bigint, b: bigint) => bigint, onDoubles: (a: number, b: number) => number): readonly Overload[] => [
  overload(['int', 'int'], 'int', (_, a, b) => int(onInts(a, b))),
  overload(['double', 'double'], 'double', (_, a, b) => onDoubles(a, b)),
];

/** The operators that are calls like others. `==`, `!=` and `in` take all types and are compiled by themselves. */
export const operators: Readonly<Record<Exclude<Operator, '==' | '!=' | 'in'>, readonly Overload[]>> = {
  '+': [
    overload(['string', 'string'], 'string', concatenate),
    ...arithmetic((a, b) => a + b, (a, b) => a + b),
    overload(['list', 'list'], (a = 'dyn', b = 'dyn') => unify(a, b) ?? listOf('dyn'), joinLists),
    overload(['timestamp', 'duration'], 'timestamp', (_, a, b) => timestamp(a.nanos + b.nanos)),
    overload(['duration', 'timestamp'], 'timestamp', (_, a, b) => timestamp(a.nanos + b.nanos)),
    overload(['duration', 'duration'], 'duration', (_, a, b) => duration(a.nanos + b.nanos)),
  ],
  '-': [
    ...arithmetic((a, b) => a - b, (a, b) => a - b),
    overload(['timestamp', 'timestamp'], 'duration', (_, a, b) => duration(a.nanos - b.nanos)),
    overload(['timestamp', 'duration'], 'timestamp', (_, a, b) => timestamp(a.nanos - b.nanos)),
    overload(['duration', 'duration'], 'duration', (_, a, b) => duration(a.nanos - b.nanos)),
  ],
  '*': arithmetic((a, b) => a * b, (a, b) => a * b),
  '/': arithmetic((a, b) => a / divisor(b), (a, b) => a / b),
  '%': [overload(['int', 'int'], 'int', (_, a, b) => int(a % divisor(b)))],
  '<': order((sides) => sides < 0),
  '<=': order((sides) => sides <= 0),
  '>': order((sides) => sides > 0),
  '>=': order((sides) => sides >= 0),
  '-_': [overload(['int'], 'int', (_, value) => int(-value)), overload(['double'], 'double', (_, value) => -value)],
  '!_': [overload(['bool'], 'bool', (_, value) => !value)],
};

const [least, greatest] = [-(2n ** 63n), 2n ** 63n - 1n];

function int(value: bigint): bigint {
  if (value < least || value > greatest) throw new EvaluationFailure('a whole number does not fit into 64 bits');
  return value;
}

function divisor(value: bigint): bigint {
  if (value === 0n) throw new EvaluationFailure('division by zero');
  return value;
}

function wholeOf(value: number): bigint {
  if (!(Math.abs(value) < 2 ** 63)) throw new EvaluationFailure('int: the double does not fit into 64 bits');
  return BigInt(Math.trunc(value));
}

/** What reading a number costs, besides its characters. */
const numberSteps = 4;

function readInt(steps: Steps, text: string): bigint {
  spend(steps, numberSteps + text.length);
  if (!/^[+-]?\d{1,30}$/.test(text)) throw new EvaluationFailure('int: the text is not a whole number');
  return int(BigInt(text.startsWith('+') ? text.slice(1) : text));
}

function readDouble(steps: Steps, text: string): number {
  spend(steps, numberSteps + text.length);
  if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) {
    const value = Number(text);
    if (Number.isFinite(value)) return value;
  } else if (/^(?:[+-]?inf(?:inity)?|nan)$/i.test(text)) {
    return /nan/i.test(text) ? Number.NaN : text.startsWith('-') ? -Infinity : Infinity;
  }
  throw new EvaluationFailure('double: the text is not a number');
}

const booleans: Readonly<Record<string, boolean>> = { 1: true, t: true, T: true, true: true, TRUE: true, True: true, 0: false, f: false, F: false, false: false, FALSE: false, False: false };

function readBool(text: string): boolean {
  const value = Object.hasOwn(booleans, text) ? booleans[text] : undefined;
  if (value === undefined) throw new EvaluationFailure('bool: the text is not true or false');
  return value;
}

/** As Go's %g, whatever JavaScript would print: `1e+06`. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return Object.is(value, -0) ? '-0' : String(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function joinLists(steps: Steps, a: readonly ExpressionValue[], b: readonly ExpressionValue[]): readonly ExpressionValue[] {
  spend(steps, (a.length + b.length) >> 1);
  return a.concat(b);
}

const longTypeNames: Readonly<Record<string, string>> = { null: 'null_type', optional: 'optional_type', timestamp: 'google.protobuf.Timestamp', duration: 'google.protobuf.Duration' };

function typeNameOf(value: ExpressionValue): string {
  refuseInexact(value);
  const kind = kindOf(value);
  return Object.hasOwn(longTypeNames, kind) ? (longTypeNames[kind] ?? kind) : kind;
}

function isZero(value: ExpressionValue): boolean {
  switch (kindOf(value)) {
    case 'null':
      return true;
    case 'list':
      return (value as readonly ExpressionValue[]).length === 0;
    case 'map':
      return (value as ReadonlyMap<ExpressionValue, ExpressionValue>).size === 0;
    case 'optional':
    case 'timestamp':
    case 'type':
      return false;
    case 'duration':
      return (value as Time).nanos === 0n;
    default:
      return value === false || value === 0 || value === 0n || value === '';
  }
}

function asOptional(of: Type = 'dyn'): Type {
  return optionalOf(of);
}

function insideOf(type: Type = 'dyn'): Type {
  return typeof type === 'object' && type.kind === 'optional' ? type.of : 'dyn';
}
