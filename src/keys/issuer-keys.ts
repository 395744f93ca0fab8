// The keys that issuers publish: fetched, kept, refreshed before they get old, and forgotten with their issuer.
import type { IssuerKeys } from '../exchange/issuer-keys.ts';
import type { FetchKeySet } from '../policy/key-fetch.ts';
import type { KeyState } from '../policy/key-state.ts';
import type { Issuer, Verification } from '../policy/policy.ts';

/** The ways of verification that need an issuer's published keys, in some case at least. */
export type FetchedMethod = Exclude<Verification['method'], 'jwks'>;

export type IssuerKeysOptions = {
  /** How keys are fetched, by the way of verification. */
  fetchers: { readonly [M in FetchedMethod]: FetchKeySet };
  /** Told whenever the state of an issuer's keys is another one than before. */
  onState: (name: string, revision: string, state: KeyState) => void;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  /** From 0 to 1. */
  random: () => number;
};

export type IssuerKeyStore = IssuerKeys & {
  /** The TrustedIssuers in force. Those whose keys are published are fetched from now on; all others are forgotten. */
  setIssuers: (issuers: Iterable<Issuer>) => void;
  /** Ends every fetch and timer. */
  close: () => void;
};

/** Makes it, empty. */
export function createIssuerKeys(_options: IssuerKeysOptions): IssuerKeyStore {
  return { known: () => undefined, current: async () => undefined, refetched: async () => undefined, setIssuers: () => undefined, close: () => undefined };
}
