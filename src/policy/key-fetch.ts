// What it is to fetch the key set of an issuer: the form of every way to do it, and how it fails.
import type { Reasons } from './conditions.ts';
import type { Issuer } from './policy.ts';

/** What was fetched: a document that claims to be a JWK Set, and for how long its server lets it be kept. */
export type FetchedKeySet = {
  /** Parsed JSON. */
  jwks: unknown;
  /** `max-age` of Cache-Control, in seconds, if there was one. */
  maxAgeSeconds: number | undefined;
};

/** What decides which keys are fetched. As long as it stays the same, what is known of them counts. */
export const keyQuestionOf = ({ url, verification }: Issuer): string => JSON.stringify([url, verification]);

/** With tokenReview the API server is asked about a token anyway: keys only spare it the question. */
export const canDoWithoutKeys = ({ verification: { method } }: Issuer): boolean => method === 'tokenReview';

/** Fetches the key set of an issuer. Rejects with a KeyFetchError, and ends at once when `signal` is aborted. */
export type FetchKeySet = (issuer: Issuer, signal: AbortSignal) => Promise<FetchedKeySet>;

/** Why no keys came of a fetch: a reason of KeysAvailable, and a sentence for people. */
export class KeyFetchError extends Error {
  readonly reason: Extract<Reasons['KeysAvailable'], 'FetchFailed' | 'AddressRefused' | 'IssuerMismatch' | 'NoUsableKeys'>;

  constructor(reason: KeyFetchError['reason'], message: string) {
    super(message);
    this.name = 'KeyFetchError';
    this.reason = reason;
  }
}
