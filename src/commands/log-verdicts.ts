// Says in the log what has become of the objects that a change has touched.
import type { Logger } from 'pino';
import type { Change, Verdict } from '../policy/policy-store.ts';

/** Most lines about what is off, about what is in force and about what is gone, after one change. A line is written at once, and requests wait meanwhile. */
export const mostLines = 100;

/** Says in the log what came of each object: what is off, and what was taken away. Of very many it says how many there are. */
export function logVerdicts(log: Logger, verdicts: readonly Verdict[], changes: readonly Change[]): void {
  const gone = changes.filter(({ object }) => object === undefined);
  const { good = [], bad = [] } = Object.groupBy(verdicts, ({ conditions }) => (readyOf(conditions)?.status === 'True' ? 'good' : 'bad'));
  for (const { id } of gone.slice(0, mostLines)) log.info({ object: id }, 'gone');
  for (const { id } of good.slice(0, mostLines)) log.info({ object: id }, 'in force');
  for (const { id, conditions } of bad.slice(0, mostLines)) {
    const ready = readyOf(conditions);
    const reason = conditions.find((condition) => condition.type === 'Accepted' && condition.status === 'False')?.reason ?? ready?.reason;
    log.warn({ object: id, reason, message: ready?.message }, ready?.reason === 'PartlyLoaded' ? 'partly in force' : 'not in force');
  }
  if (Math.max(gone.length, good.length, bad.length) > mostLines) log.info({ gone: gone.length, inForce: good.length, notInForce: bad.length }, 'so many in all');
}

const readyOf = (conditions: Verdict['conditions']): Verdict['conditions'][number] | undefined => conditions.find(({ type }) => type === 'Ready');
