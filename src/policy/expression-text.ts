// The functions on text, as in Kubernetes: positions and lengths count code points.
import { overload, type Overload } from './expression-overloads.ts';
import { EvaluationFailure, spend, type Steps } from './expression-steps.ts';
import { listOf } from './expression-types.ts';
import type { ExpressionValue } from './expression-values.ts';

/** Functions that are called on a text: `claims.sub.startsWith('a')`. */
export const textFunctions: Readonly<Record<string, readonly Overload[]>> = {
  startsWith: [overload(['string', 'string'], 'bool', (steps, text, start) => (pay(steps, start), text.startsWith(start)))],
  endsWith: [overload(['string', 'string'], 'bool', (steps, text, end) => (pay(steps, end), text.endsWith(end)))],
  contains: [overload(['string', 'string'], 'bool', (steps, text, part) => (paySearch(steps, text, part), text.includes(part)))],
  lowerAscii: [overload(['string'], 'string', (steps, text) => inAscii(steps, text, (letters) => letters.toLowerCase()))],
  upperAscii: [overload(['string'], 'string', (steps, text) => inAscii(steps, text, (letters) => letters.toUpperCase()))],
  trim: [overload(['string'], 'string', trim)],
  charAt: [overload(['string', 'int'], 'string', charAt)],
  indexOf: [
    overload(['string', 'string'], 'int', (steps, text, part) => indexOf(steps, text, part, 0n)),
    overload(['string', 'string', 'int'], 'int', indexOf),
  ],
  lastIndexOf: [
    overload(['string', 'string'], 'int', (steps, text, part) => lastIndexOf(steps, text, part, undefined)),
    overload(['string', 'string', 'int'], 'int', lastIndexOf),
  ],
  substring: [
    overload(['string', 'int'], 'string', (steps, text, start) => substring(steps, text, start, undefined)),
    overload(['string', 'int', 'int'], 'string', substring),
  ],
  replace: [
    overload(['string', 'string', 'string'], 'string', (steps, text, from, to) => replace(steps, text, from, to, -1n)),
    overload(['string', 'string', 'string', 'int'], 'string', replace),
  ],
  split: [
    overload(['string', 'string'], listOf('string'), (steps, text, separator) => split(steps, text, separator, -1n)),
    overload(['string', 'string', 'int'], listOf('string'), split),
  ],
  join: [overload(['list'], 'string', (steps, items) => join(steps, items, '')), overload(['list', 'string'], 'string', join)],
};

/** How many code points a text has. */
export function lengthOf(text: string, steps: Steps): number {
  return isPlain(text, steps) ? text.length : codePoints(text, steps).length;
}

/** Pays for making or reading a text once. */
export function pay(steps: Steps, text: string): void {
  spend(steps, text.length >> 3);
}

/** Joins two texts. */
export function concatenate(steps: Steps, a: string, b: string): string {
  spend(steps, (a.length + b.length) >> 3);
  return a + b;
}

/** Compares by code points, as the bytes of UTF-8 compare. UTF-16 puts surrogates before U+E000. */
export function compareText(a: string, b: string, steps: Steps): number {
  spend(steps, Math.min(a.length, b.length) >> 2);
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [left, right] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** Changes the letters of ASCII and no others. */
function inAscii(steps: Steps, text: string, change: (letters: string) => string): string {
  pay(steps, text);
  if (/^[\x20-\x7e]*$/.test(text)) return change(text);
  spend(steps, text.length);
  return text.replace(/[A-Za-z]+/g, change);
}

/** The engine's search is fast, and on repetitive text as slow as comparing at each place. */
function paySearch(steps: Steps, text: string, part: string): void {
  spend(steps, (text.length >> 3) + ((text.length * part.length) >> 12));
}

/** Without surrogates, so that code points are UTF-16 units. */
function isPlain(text: string, steps: Steps): boolean {
  pay(steps, text);
  return !/[\ud800-\udfff]/.test(text);
}

function codePoints(text: string, steps: Steps): string[] {
  spend(steps, text.length);
  return Array.from(text);
}

/** An int as a place in something that long, or undefined if it lies outside. `last` may be one past the end. */
function place(index: bigint, last: number): number | undefined {
  return index >= 0n && index <= BigInt(last) ? Number(index) : undefined;
}

const outside = (what: string): EvaluationFailure => new EvaluationFailure(`${what}: the position is outside of the text`);

function charAt(steps: Steps, text: string, index: bigint): string {
  const letters = isPlain(text, steps) ? text : codePoints(text, steps);
  const at = place(index, letters.length);
  if (at === undefined) throw outside('charAt');
  return letters[at] ?? '';
}

function substring(steps: Steps, text: string, start: bigint, end: bigint | undefined): string {
  const letters = isPlain(text, steps) ? text : codePoints(text, steps);
  const from = place(start, letters.length);
  const to = end === undefined ? letters.length : place(end, letters.length);
  if (from === undefined || to === undefined || from > to) throw outside('substring');
  const part = letters.slice(from, to);
  return typeof part === 'string' ? part : part.join('');
}

function indexOf(steps: Steps, text: string, part: string, offset: bigint): bigint {
  if (part === '') return offset;
  if (offset < 0n) throw outside('indexOf');
  paySearch(steps, text, part);
  if (isPlain(text, steps)) return offset >= BigInt(text.length) ? -1n : BigInt(text.indexOf(part, Number(offset)));
  const letters = codePoints(text, steps);
  if (offset >= BigInt(letters.length)) return -1n;
  const before = letters.slice(0, Number(offset)).join('').length;
  return inCodePoints(text, text.indexOf(part, before));
}

function lastIndexOf(steps: Steps, text: string, part: string, offset: bigint | undefined): bigint {
  if (part === '') return offset ?? BigInt(lengthOf(text, steps));
  if (offset !== undefined && offset < 0n) throw outside('lastIndexOf');
  // Backwards the engine compares at each place.
  spend(steps, (text.length * part.length) >> 8);
  if (isPlain(text, steps)) {
    if (offset === undefined) return BigInt(text.lastIndexOf(part));
    return offset >= BigInt(text.length) ? -1n : BigInt(text.lastIndexOf(part, Number(offset)));
  }
  const letters = codePoints(text, steps);
  if (offset !== undefined && offset >= BigInt(letters.length)) return -1n;
  const before = offset === undefined ? text.length : letters.slice(0, Number(offset)).join('').length;
  return inCodePoints(text, text.lastIndexOf(part, before));
}

const inCodePoints = (text: string, at: number): bigint => (at <= 0 ? BigInt(at) : BigInt(Array.from(text.slice(0, at)).length));

/** Spaces as Unicode has them (White_Space). Not by a pattern: one for the end would try at every space of a long text. */
function trim(steps: Steps, text: string): string {
  pay(steps, text);
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isSpace = (unit: number): boolean =>
  unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit === 0x85 || unit === 0xa0 || unit === 0x1680 || (unit >= 0x2000 && unit <= 0x200a) || [0x2028, 0x2029, 0x202f, 0x205f, 0x3000].includes(unit);

/** A negative limit means all of them. */
function replace(steps: Steps, text: string, from: string, to: string, limit: bigint): string {
  const pieces = splitAtMost(steps, text, from, limit < 0n ? limit : limit + 1n, true);
  spend(steps, (text.length + (pieces.length - 1) * to.length) >> 3);
  return pieces.join(to);
}

function split(steps: Steps, text: string, separator: string, limit: bigint): string[] {
  return limit === 0n ? [] : splitAtMost(steps, text, separator, limit, false);
}

/**
 * At most `limit` pieces, the last one with the rest; negative: no limit.
 * @param around between the letters is also before the first and after the last, as `replace` has it
 */
function splitAtMost(steps: Steps, text: string, separator: string, limit: bigint, around: boolean): string[] {
  paySearch(steps, text, separator);
  const letters = separator === '' ? codePoints(text, steps) : text.split(separator);
  const pieces = separator === '' && around ? ['', ...letters, ''] : letters;
  spend(steps, pieces.length);
  if (limit < 0n || BigInt(pieces.length) <= limit) return pieces;
  const most = Number(limit);
  return [...pieces.slice(0, most - 1), pieces.slice(most - 1).join(separator)];
}

function join(steps: Steps, items: readonly ExpressionValue[], separator: string): string {
  const texts = items.filter((item) => typeof item === 'string');
  if (texts.length < items.length) throw new EvaluationFailure('join: not everything in the list is text');
  spend(steps, items.length + (texts.reduce((sum, text) => sum + text.length + separator.length, 0) >> 3));
  return texts.join(separator);
}
