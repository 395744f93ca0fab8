// Says in the log what has become of objects: when they change, and when something else changes what they are.
import type { Logger } from 'pino';
import { conditionOf, type Condition } from '../policy/conditions.ts';
import { keyOf, type Change, type Verdict } from '../policy/policy-store.ts';

/** Most lines after one change about what is in force, what waits, what is off and what is gone. A line is written at once, and requests wait meanwhile. */
export const mostLines = 100;

/**
 * Makes what tells of verdicts. Of each object it remembers what it said: an object that was not changed itself is told of
 * again only where that is no longer so. Of very many it says how many there are.
 */
export function createVerdictLog(log: Logger): (verdicts: readonly Verdict[], changes: readonly Change[]) => void {
  const remembered = new Map<string, string>();

  /** Whether there is something to say, which counts as said then. */
  function isNews(verdict: Verdict, changed: ReadonlySet<string>): boolean {
    const [key, text] = [keyOf(verdict.id), textOf(verdict)];
    const isKnown = remembered.get(key) === text;
    remembered.set(key, text);
    return !isKnown || changed.has(key);
  }

  return (verdicts, changes) => {
    const gone = changes.filter(({ object }) => object === undefined);
    for (const { id } of gone) remembered.delete(keyOf(id));
    const changed = new Set(changes.map(({ id }) => keyOf(id)));
    const { good = [], waiting = [], bad = [] } = Object.groupBy(verdicts.filter((verdict) => isNews(verdict, changed)), kindOf);
    for (const { id } of gone.slice(0, mostLines)) log.info({ object: id }, 'gone');
    for (const { id } of good.slice(0, mostLines)) log.info({ object: id }, 'in force');
    for (const verdict of waiting.slice(0, mostLines)) log.info({ object: verdict.id, message: readyOf(verdict)?.message }, 'waits for keys');
    for (const verdict of bad.slice(0, mostLines)) {
      const ready = readyOf(verdict);
      log.warn({ object: verdict.id, reason: reasonOf(verdict), message: ready?.message }, ready?.reason === 'PartlyLoaded' ? 'partly in force' : 'not in force');
    }
    if (Math.max(gone.length, good.length, waiting.length, bad.length) > mostLines) log.info({ gone: gone.length, inForce: good.length, waiting: waiting.length, notInForce: bad.length }, 'so many in all');
  };
}

/** Who waits for keys has no mistake: they come by themselves, and why they don't is said of the issuer. */
function kindOf(verdict: Verdict): 'good' | 'waiting' | 'bad' {
  const ready = readyOf(verdict);
  return ready?.status === 'True' ? 'good' : ready?.reason === 'KeysUnavailable' ? 'waiting' : 'bad';
}

/** What is remembered of it. For what an object waits may change with each attempt, and is no news of it. */
function textOf(verdict: Verdict): string {
  const kind = kindOf(verdict);
  return (kind === 'bad' ? readyOf(verdict)?.message : undefined) ?? kind;
}

function reasonOf(verdict: Verdict): string | undefined {
  return verdict.conditions.find(({ type, status }) => type === 'Accepted' && status === 'False')?.reason ?? readyOf(verdict)?.reason;
}

const readyOf = ({ conditions }: Verdict): Condition | undefined => conditionOf(conditions, 'Ready');
