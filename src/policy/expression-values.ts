// Values as expressions see them (claims and the like, converted once), and back to JSON.
import { EvaluationFailure, spend, type Steps } from './expression-steps.ts';

/** Nanoseconds since the epoch, or of a duration. */
export type Time = { readonly kind: 'timestamp' | 'duration'; readonly nanos: bigint };
/** An optional value; absent if there is none. */
export type Optional = { readonly kind: 'optional'; readonly value: ExpressionValue | undefined };
/** What `type(x)` gives. */
export type TypeValue = { readonly kind: 'type'; readonly name: string };

/** Stands for a whole number of JSON beyond ±(2^53 − 1): which of several it was is not known, so whatever looks at it fails. */
export type Inexact = { readonly kind: 'inexact number' };
const inexact: Inexact = Object.freeze({ kind: 'inexact number' });

/** A value that expressions work on. JSON becomes one by toExpressionValue. */
export type ExpressionValue =
  | null
  | boolean
  /** An int, of 64 bits. */
  | bigint
  /** A double. */
  | number
  | string
  | readonly ExpressionValue[]
  | ReadonlyMap<ExpressionValue, ExpressionValue>
  | Time
  | Optional
  | TypeValue
  | Inexact;

/** The variables of one evaluation, by name. */
export type ExpressionValues = Readonly<Record<string, ExpressionValue>>;

/**
 * Converts JSON, once for all the expressions that will see it. Objects become Maps, so that a name such as
 * `constructor` is a key like any other; whole numbers become ints, as `claims.exp > 5` means them, and fractions
 * stay doubles. Members that are undefined are left out.
 */
export function toExpressionValue(json: unknown): ExpressionValue {
  if (typeof json === 'string' || typeof json === 'boolean') return json;
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : Number.isInteger(json) ? inexact : json;
  if (Array.isArray(json)) return json.map(toExpressionValue);
  if (typeof json !== 'object' || json === null) return null;
  const value = new Map<ExpressionValue, ExpressionValue>();
  for (const [name, member] of Object.entries(json)) if (member !== undefined) value.set(name, toExpressionValue(member));
  return value;
}

/** Throws an EvaluationFailure for a number that was not kept exactly. */
export function refuseInexact(value: ExpressionValue | undefined): asserts value is Exclude<ExpressionValue, Inexact> | undefined {
  if (value === inexact) throw new EvaluationFailure('a whole number beyond ±(2^53 − 1) is not kept exactly: nothing can be decided by it');
}

/** Kinds of values, as messages and `type()` name them. */
export type Kind = 'null' | 'bool' | 'int' | 'double' | 'string' | 'list' | 'map' | 'timestamp' | 'duration' | 'optional' | 'type' | 'inexact number';

export function kindOf(value: ExpressionValue): Kind {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'double';
  if (value === null) return 'null';
  if (isList(value)) return 'list';
  return isMap(value) ? 'map' : value.kind;
}

export const isList = (value: ExpressionValue): value is readonly ExpressionValue[] => Array.isArray(value);
export const isMap = (value: ExpressionValue): value is ReadonlyMap<ExpressionValue, ExpressionValue> => value instanceof Map;
export const isOptional = (value: ExpressionValue): value is Optional => typeof value === 'object' && value !== null && !isMap(value) && !isList(value) && value.kind === 'optional';

/** Whether two values are equal: numbers by what they count whatever their type, lists and maps member by member. */
export function areEqual(a: ExpressionValue, b: ExpressionValue, steps: Steps): boolean {
  if (typeof a === 'string') {
    if (typeof b !== 'string' || a.length !== b.length) return false;
    spend(steps, a.length >> 6);
    return a === b;
  }
  if (typeof a === 'bigint' && typeof b === 'number') return isSameNumber(a, b);
  if (typeof a === 'number' && typeof b === 'bigint') return isSameNumber(b, a);
  refuseInexact(a);
  refuseInexact(b);
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (isList(a)) return isList(b) && areListsEqual(a, b, steps);
  if (isMap(a)) return isMap(b) && areMapsEqual(a, b, steps);
  if (isList(b) || isMap(b) || a.kind !== b.kind) return false;
  spend(steps, 1);
  if ('nanos' in a) return 'nanos' in b && a.nanos === b.nanos;
  if ('name' in a) return 'name' in b && a.name === b.name;
  if (!('value' in b)) return false;
  return a.value === undefined || b.value === undefined ? a.value === b.value : areEqual(a.value, b.value, steps);
}

/** What looking up one key costs. */
const keySteps = 4;

function areListsEqual(a: readonly ExpressionValue[], b: readonly ExpressionValue[], steps: Steps): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    spend(steps, 1);
    if (!areEqual(a[index] ?? null, b[index] ?? null, steps)) return false;
  }
  return true;
}

function areMapsEqual(a: ReadonlyMap<ExpressionValue, ExpressionValue>, b: ReadonlyMap<ExpressionValue, ExpressionValue>, steps: Steps): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    spend(steps, keySteps);
    const other = b.get(key);
    if (other === undefined || !areEqual(value, other, steps)) return false;
  }
  return true;
}

/** As Kubernetes compares them: as doubles. */
const isSameNumber = (whole: bigint, double: number): boolean => Number(whole) === double;

/**
 * A result as JSON. An optional without a value is null, times are text. Throws an EvaluationFailure for what JSON can't
 * hold. Values may be shared, so each visit is paid for: what comes out is never much larger than the steps allow.
 */
export function toJson(value: ExpressionValue, steps: Steps): unknown {
  spend(steps, 1);
  if (typeof value === 'string') return (spend(steps, value.length >> 3), value);
  if (typeof value === 'bigint' || typeof value === 'number') return jsonNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((item) => toJson(item, steps));
  if (isMap(value)) return objectOf(value, steps);
  refuseInexact(value);
  if (value.kind === 'optional') return value.value === undefined ? null : toJson(value.value, steps);
  throw new EvaluationFailure(`its result has a ${value.kind}, which is not JSON; use string()`);
}

function jsonNumber(value: bigint | number): number {
  const number = Number(value);
  if (!Number.isFinite(number)) throw new EvaluationFailure('its result has a number that JSON does not have');
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) throw new EvaluationFailure('its result has a whole number beyond ±(2^53 − 1), which JSON readers would round');
  return number;
}

function objectOf(map: ReadonlyMap<ExpressionValue, ExpressionValue>, steps: Steps): Record<string, unknown> {
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, member] of map) {
    if (typeof key !== 'string') throw new EvaluationFailure(`its result has a map with ${kindOf(key)} keys; JSON has names only`);
    spend(steps, keySteps + (key.length >> 3));
    out[key] = toJson(member, steps);
  }
  return out;
}
