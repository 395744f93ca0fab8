// The issuers whose tokens can't be verified now for want of keys, for whoever asks a probe what is wrong.
import { conditionOf, summarize } from '../policy/conditions.ts';
import type { Change, Verdict } from '../policy/policy-store.ts';

/** Most issuers that are named. Of more it is said how many there are. */
export const mostNamed = 8;

export type IssuersWithoutKeys = {
  /** Takes verdicts, and which objects are gone. */
  note: (verdicts: readonly Verdict[], changes: readonly Change[]) => void;
  /** Which they are, each with the reason and the message of its KeysAvailable; undefined if there are none. */
  trouble: () => string | undefined;
};

/** Makes it, empty. */
export function createIssuersWithoutKeys(): IssuersWithoutKeys {
  const troubles = new Map<string, string>();
  return {
    note: (verdicts, changes) => {
      for (const { id, object } of changes) if (id.kind === 'TrustedIssuer' && object === undefined) troubles.delete(id.name);
      for (const verdict of verdicts) {
        if (verdict.id.kind !== 'TrustedIssuer') continue;
        const why = lackOf(verdict);
        if (why === undefined) troubles.delete(verdict.id.name);
        else troubles.set(verdict.id.name, why);
      }
    },
    trouble: () => (troubles.size === 0 ? undefined : summarize(Array.from(troubles, ([name, why]) => `${name}: ${why}`).toSorted(), mostNamed)),
  };
}

/** Why there are no keys that can be verified with; undefined if there are, or none are needed. */
function lackOf({ conditions }: Verdict): string | undefined {
  const ready = conditionOf(conditions, 'Ready');
  if (ready?.reason !== 'KeysUnavailable') return undefined;
  const available = conditionOf(conditions, 'KeysAvailable');
  return available === undefined ? ready.message : `${available.reason}: ${available.message}`;
}
