// The published keys of issuers, as an exchange sees them: how they come to be known is not its business.
import type { Issuer } from '../policy/policy.ts';
import type { PublicKey } from '../policy/public-key.ts';

/** Published keys of issuers. Never rejects for what an issuer does: where nothing good is known, there are no keys. */
export type IssuerKeys = {
  /** The keys that are known now and may be verified with; undefined where there are none, or where they are too old. */
  known: (issuer: Issuer) => readonly PublicKey[] | undefined;
  /** The same, after a first fetch that is under way: waits for that, within a bound. */
  current: (issuer: Issuer) => Promise<readonly PublicKey[] | undefined>;
  /** Asked for when a token names a kid that is not known: one refetch per cooldown, whoever asks. The keys after it. */
  refetched: (issuer: Issuer) => Promise<readonly PublicKey[] | undefined>;
  /** Why the last fetch failed, for the audit log; undefined if it did not. */
  trouble: (issuer: Issuer) => string | undefined;
};
