import { pino } from 'pino';
import { expect, test } from 'vitest';
import { logVerdicts, mostLines } from '../../src/commands/log-verdicts.ts';
import type { ObjectId } from '../../src/manifests/read-object.ts';
import type { Condition } from '../../src/policy/conditions.ts';
import type { Verdict } from '../../src/policy/policy-store.ts';

const idOf = (name: string): ObjectId => ({ kind: 'ExchangeClient', namespace: 'shop', name });
const verdict = (name: string, ...conditions: [string, string, string][]): Verdict => ({
  id: idOf(name),
  generation: 1,
  conditions: conditions.map(([type, status, reason]) => ({ type, status, reason, message: 'why' }) as Condition),
  fields: {},
});

/** Level, name, message and reason of each line. */
function logOf(verdicts: readonly Verdict[], gone: readonly string[] = []): string[] {
  const lines: string[] = [];
  const log = pino({ level: 'info', base: null }, { write: (line) => lines.push(line) });
  logVerdicts(log, verdicts, gone.map((name) => ({ id: idOf(name), object: undefined })));
  return lines.map((line) => {
    const { level, msg, object, reason, ...more } = JSON.parse(line) as { level: number; msg: string; object?: ObjectId; reason?: string; gone?: number; inForce?: number; notInForce?: number };
    const numbers = more.gone === undefined ? '' : ` ${more.gone} ${more.inForce} ${more.notInForce}`;
    return `${level === 40 ? 'warn' : 'info'} ${object?.name ?? ''} ${msg}${reason === undefined ? '' : ` (${reason})`}${numbers}`;
  });
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
  expect(lines.at(-1)).toBe('info  so many in all 1 1 10000');
  expect(logOf(names.slice(0, mostLines).map((name) => verdict(name, ['Ready', 'True', 'Ready'])))).toHaveLength(mostLines);
});
