// Timestamps and durations of expressions: nanoseconds, read and written as Kubernetes does (RFC 3339, and Go's durations).
import { overload, type Overload } from './expression-overloads.ts';
import { EvaluationFailure, spend, type Steps } from './expression-steps.ts';
import type { Time } from './expression-values.ts';

const second = 1_000_000_000n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z. */
const [earliest, latest] = [-62_135_596_800n * second, 253_402_300_800n * second - 1n];
/** What fits into 64 bits: some 292 years. */
const longest = 2n ** 63n - 1n;

/** A timestamp of nanoseconds since the epoch. Throws an EvaluationFailure outside of the years 1 to 9999. */
export function timestamp(nanos: bigint): Time {
  if (nanos < earliest || nanos > latest) throw new EvaluationFailure('timestamp: outside of the years 1 to 9999');
  return { kind: 'timestamp', nanos };
}

/** A duration of nanoseconds. Throws an EvaluationFailure if it does not fit into 64 bits. */
export function duration(nanos: bigint): Time {
  if (nanos > longest || nanos < -longest - 1n) throw new EvaluationFailure('duration: longer than 292 years');
  return { kind: 'duration', nanos };
}

/** What reading or writing a time costs, besides its characters. */
const timeSteps = 16;

const timestampText = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Reads `2026-01-02T03:04:05.678+01:00` (RFC 3339). */
export function readTimestamp(steps: Steps, text: string): Time {
  spend(steps, timeSteps + text.length);
  const [, year, month, day, hour, minute, seconds, fraction = '', sign, offsetHours, offsetMinutes] = timestampText.exec(text) ?? [];
  const parts = [year, month, day, hour, minute, seconds].map(Number) as [number, number, number, number, number, number];
  const date = new Date(0);
  date.setUTCFullYear(parts[0], parts[1] - 1, parts[2]);
  date.setUTCHours(parts[3], parts[4], parts[5]);
  const isSame = date.getUTCFullYear() === parts[0] && date.getUTCMonth() === parts[1] - 1 && date.getUTCDate() === parts[2];
  const [hours, minutes] = [Number(offsetHours ?? 0), Number(offsetMinutes ?? 0)];
  if (!isSame || parts[3] > 23 || parts[4] > 59 || parts[5] > 59 || hours > 24 || minutes > 59) throw new EvaluationFailure('timestamp: the text is not a time as in RFC 3339');
  const offset = (hours * 60 + minutes) * 60_000 * (sign === '-' ? -1 : 1);
  return timestamp(BigInt(date.getTime() - offset) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0')));
}

/** Reads `1h30m`, `-1.5s`, `0` (Go's ParseDuration). */
export function readDuration(steps: Steps, text: string): Time {
  spend(steps, timeSteps + text.length);
  if (!/^[+-]?(?:0|(?:(?:\d{1,19}(?:\.\d{0,19})?|\.\d{1,19})(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) throw new EvaluationFailure('duration: the text is not a duration such as 1h30m');
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const size = units[unit] ?? 0n;
    nanos += BigInt(whole || '0') * size + (BigInt(fraction || '0') * size) / 10n ** BigInt(fraction.length);
  }
  return duration(text.startsWith('-') ? -nanos : nanos);
}

const units: Readonly<Record<string, bigint>> = { ns: 1n, us: 1000n, µs: 1000n, μs: 1000n, ms: 1_000_000n, s: second, m: 60n * second, h: 3600n * second };

/** A timestamp in UTC, or a duration in seconds, as text. */
export function timeText(steps: Steps, { kind, nanos }: Time): string {
  spend(steps, timeSteps);
  if (kind === 'duration') return `${nanos < 0n ? '-' : ''}${abs(nanos) / second}${fractionText(abs(nanos) % second)}s`;
  return `${dateOf(nanos).toISOString().slice(0, 19)}${fractionText(floorModulo(nanos, second))}Z`;
}

const abs = (value: bigint): bigint => (value < 0n ? -value : value);
const floorModulo = (value: bigint, by: bigint): bigint => ((value % by) + by) % by;
const fractionText = (nanos: bigint): string => (nanos === 0n ? '' : `.${nanos.toString().padStart(9, '0').replace(/0+$/, '')}`);

const dateOf = (nanos: bigint): Date => new Date(Number((nanos - floorModulo(nanos, 1_000_000n)) / 1_000_000n));

/** Seconds since the epoch, the fraction cut off towards earlier. */
export const secondsOf = ({ nanos }: Time): bigint => (nanos - floorModulo(nanos, second)) / second;

const part = (read: (date: Date) => number): Overload => overload(['timestamp'], 'int', (steps, time) => (spend(steps, timeSteps), BigInt(read(dateOf(time.nanos)))));
const total = (unit: bigint): Overload => overload(['duration'], 'int', (_, time) => time.nanos / unit);

/** Functions that are called on a time. Of a timestamp they give the part, in UTC; of a duration the whole in that unit. */
export const timeFunctions: Readonly<Record<string, readonly Overload[]>> = {
  getFullYear: [part((date) => date.getUTCFullYear())],
  getMonth: [part((date) => date.getUTCMonth())],
  getDayOfYear: [part((date) => (Date.UTC(2000, date.getUTCMonth(), date.getUTCDate()) - Date.UTC(2000, 0, 1)) / 86_400_000 - leapDay(date))],
  getDayOfMonth: [part((date) => date.getUTCDate() - 1)],
  getDate: [part((date) => date.getUTCDate())],
  getDayOfWeek: [part((date) => date.getUTCDay())],
  getHours: [part((date) => date.getUTCHours()), total(3600n * second)],
  getMinutes: [part((date) => date.getUTCMinutes()), total(60n * second)],
  getSeconds: [part((date) => date.getUTCSeconds()), total(second)],
  getMilliseconds: [part((date) => date.getUTCMilliseconds()), total(1_000_000n)],
};

/** One less after February in a year without the 29th, since the days were counted in one that has it. */
function leapDay(date: Date): number {
  const year = date.getUTCFullYear();
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return date.getUTCMonth() > 1 && !isLeap ? 1 : 0;
}
