import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createVerdictLog, mostLines } from '../../src/commands/log-verdicts.ts';
import type { ObjectId, ReadObject } from '../../src/manifests/read-object.ts';
import type { Condition } from '../../src/policy/conditions.ts';
import type { Change, Verdict } from '../../src/policy/policy-store.ts';

const idOf = (name: string): ObjectId => ({ kind: 'ExchangeClient', namespace: 'shop', name });
const verdict = (name: string, ...conditions: [string, string, string][]): Verdict => ({
  id: idOf(name),
  generation: 1,
  conditions: conditions.map(([type, status, reason]) => ({ type, status, reason, message: 'why' }) as Condition),
  fields: {},
});

/** The log of a server that has just started. Of each line it has the level, the name, the message, the reason, and the numbers. */
function openLog(): { tell: (verdicts: readonly Verdict[], changes?: readonly Change[]) => void; lines: () => string[] } {
  const written: string[] = [];
  const log = pino({ level: 'info', base: null }, { write: (line) => written.push(line) });
  const logVerdicts = createVerdictLog(log);
  return { tell: (verdicts, changes = []) => logVerdicts(verdicts, changes), lines: () => written.splice(0).map(shorten) };
}

function shorten(line: string): string {
  const { level, msg, object, reason, ...more } = JSON.parse(line) as { level: number; msg: string; object?: ObjectId; reason?: string; gone?: number; inForce?: number; waiting?: number; notInForce?: number };
  const numbers = more.gone === undefined ? '' : ` ${more.gone} ${more.inForce} ${more.waiting} ${more.notInForce}`;
  return `${level === 40 ? 'warn' : 'info'} ${object?.name ?? ''} ${msg}${reason === undefined ? '' : ` (${reason})`}${numbers}`;
}

const changeOf = (name: string, object?: ReadObject): Change => ({ id: idOf(name), object });

/** What a server that has just started logs of one change. */
function logOf(verdicts: readonly Verdict[], gone: readonly string[] = []): string[] {
  const { tell, lines } = openLog();
  tell(verdicts, gone.map((name) => changeOf(name)));
  return lines();
}

test('what is in force, what is not and why, and what is gone', () => {
  expect(
    logOf(
      [
        verdict('a', ['Ready', 'True', 'Ready']),
        verdict('b', ['Ready', 'False', 'NotAccepted'], ['Accepted', 'False', 'UnknownField']),
        verdict('c', ['Ready', 'False', 'PartlyLoaded'], ['Accepted', 'True', 'Accepted']),
        verdict('d', ['Ready', 'False', 'Suspended']),
      ],
      ['e'],
    ),
  ).toEqual(['info e gone', 'info a in force', 'warn b not in force (UnknownField)', 'warn c partly in force (PartlyLoaded)', 'warn d not in force (Suspended)']);
});

test('ten thousand clients of one issuer are not ten thousand lines', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
  const lines = logOf([verdict('good', ['Ready', 'True', 'Ready']), ...names.map((name) => verdict(name, ['Ready', 'False', 'NothingLoaded']))], ['gone']);
  expect(lines).toHaveLength(mostLines + 3);
  expect(lines.at(-1)).toBe('info  so many in all 1 1 0 10000');
  expect(logOf(names.slice(0, mostLines).map((name) => verdict(name, ['Ready', 'True', 'Ready'])))).toHaveLength(mostLines);
});

const good = (name: string): Verdict => verdict(name, ['Ready', 'True', 'Ready']);
const waiting = (name: string): Verdict => verdict(name, ['Ready', 'False', 'KeysUnavailable']);
const off = (name: string): Verdict => verdict(name, ['Ready', 'False', 'NothingLoaded']);

test('who waits for keys has no mistake, and is in force when they have come', () => {
  const { tell, lines } = openLog();
  tell([waiting('a'), waiting('b')], [changeOf('a', {} as ReadObject), changeOf('b', {} as ReadObject)]);
  expect(lines()).toEqual(['info a waits for keys', 'info b waits for keys']);
  // What failed this time is said of the issuer.
  tell([{ ...waiting('a'), conditions: [{ type: 'Ready', status: 'False', reason: 'KeysUnavailable', message: 'the connection was refused' }] }]);
  expect(lines()).toEqual([]);
  tell([good('a'), good('b')]);
  expect(lines()).toEqual(['info a in force', 'info b in force']);
  tell([waiting('b')]);
  expect(lines()).toEqual(['info b waits for keys']);
});

test('nothing is said twice, save of what was changed itself', () => {
  const { tell, lines } = openLog();
  tell([good('a'), off('b')]);
  lines();
  tell([good('a'), off('b')]);
  expect(lines()).toEqual([]);
  tell([good('a'), off('b')], [changeOf('a', {} as ReadObject)]);
  expect(lines()).toEqual(['info a in force']);
  tell([], [changeOf('a'), changeOf('b')]);
  expect(lines()).toEqual(['info a gone', 'info b gone']);
  tell([good('a'), off('b')]);
  expect(lines()).toEqual(['info a in force', 'warn b not in force (NothingLoaded)']);
});

test('another mistake is said', () => {
  const { tell, lines } = openLog();
  tell([off('a')]);
  lines();
  tell([{ ...off('a'), conditions: [{ type: 'Ready', status: 'False', reason: 'NothingLoaded', message: 'something else' }] }]);
  expect(lines()).toEqual(['warn a not in force (NothingLoaded)']);
});

test('keys that come for ten thousand clients are not ten thousand lines', () => {
  const { tell, lines } = openLog();
  const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
  tell(names.map(waiting));
  expect(lines().slice(-2)).toEqual([`info c${mostLines - 1} waits for keys`, 'info  so many in all 0 0 10000 0']);
  tell(names.map(good));
  const told = lines();
  expect(told).toHaveLength(mostLines + 1);
  expect(told.at(-1)).toBe('info  so many in all 0 10000 0 0');
});
