// What is known of the keys that an issuer publishes: told to the policy store, which tells it in the issuer's status.
import type { Reasons } from './conditions.ts';

/** How it stands with the published keys of a TrustedIssuer. */
export type KeyState = {
  reason: Reasons['KeysAvailable'];
  /** One sentence for people: what failed, and what to do. */
  message: string;
  /** Whether there are keys to verify with now: false means that its tokens are answered with 503. */
  usable: boolean;
  /** RFC 7638 thumbprints of the keys, sorted: the number of them is `status.keys`. */
  thumbprints: readonly string[];
  /** When the keys were last seen to change, in milliseconds since the epoch; undefined before the first fetch. */
  changedAt: number | undefined;
};
