// What there is to say about an issuer's keys: a reason and a sentence that stay the same while the facts do.
import type { KeyFetchError } from '../policy/key-fetch.ts';
import type { KeyState } from '../policy/key-state.ts';

export type KeyFacts = {
  /** The last good keys: how old they are, and for how long they count as fresh, in milliseconds. */
  kept: { thumbprints: readonly string[]; age: number; fresh: number } | undefined;
  /** Why the last fetch failed; undefined if it did not. */
  failure: KeyFetchError | undefined;
  changedAt: number | undefined;
  /** How old keys may be that are still used, in milliseconds. */
  maxStaleness: number;
  /** Tokens can be verified without these keys, too. */
  canDoWithout: boolean;
};

export function describeKeys({ kept, failure, changedAt, maxStaleness, canDoWithout }: KeyFacts): KeyState {
  const alive = kept !== undefined && kept.age <= maxStaleness && kept.thumbprints.length > 0;
  // An API server that was reached, and did not tell keys that count, can be asked.
  const answers = failure?.reason === 'NoUsableKeys' || failure?.reason === 'IssuerMismatch';
  const known = { usable: alive || (canDoWithout && answers), thumbprints: alive ? kept.thumbprints : [], changedAt };
  // A refresh that fails once or twice before the keys are old is nobody's concern.
  if (failure === undefined || (alive && kept.age <= kept.fresh)) return { ...known, reason: 'Available', message: 'the published keys are known and refreshed' };
  if (alive) return { ...known, reason: 'Stale', message: `the keys can not be refreshed, and the last good ones are used until they are ${hours(maxStaleness)} old: ${failure.message}` };
  if (kept !== undefined && kept.thumbprints.length > 0) return { ...known, reason: 'Stale', message: `the last good keys are more than ${hours(maxStaleness)} old (--max-key-staleness): ${failure.message}` };
  return { ...known, reason: failure.reason, message: failure.message };
}

const hours = (milliseconds: number): string => (milliseconds >= 3_600_000 ? `${Math.round(milliseconds / 360_000) / 10} h` : `${Math.round(milliseconds / 1000)} s`);
