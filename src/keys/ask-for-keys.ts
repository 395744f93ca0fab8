// One try to get the keys of an issuer: whatever comes of it is an answer, and none is an exception.
import { KeyFetchError, type FetchKeySet } from '../policy/key-fetch.ts';
import type { Issuer } from '../policy/policy.ts';
import { readPublishedJwks, type PublicKey } from '../policy/public-key.ts';

/** What came of a try. */
export type Answer = {
  /** What the issuer says that it publishes; undefined where it did not say. */
  keys: readonly PublicKey[] | undefined;
  maxAgeSeconds: number | undefined;
  /** Why it counts as a failure; undefined if it does not. */
  failure: KeyFetchError | undefined;
};

/** @param onBug told of an error that is none of those that a fetch may end with */
export async function askForKeys(fetchKeySet: FetchKeySet | undefined, issuer: Issuer, signal: AbortSignal, onBug: (error: unknown) => void): Promise<Answer> {
  try {
    if (fetchKeySet === undefined) throw new KeyFetchError('FetchFailed', 'there is no way to fetch its keys here');
    const { jwks, maxAgeSeconds } = await fetchKeySet(issuer, signal);
    return { ...readAnswer(jwks), maxAgeSeconds };
  } catch (error) {
    if (error instanceof KeyFetchError) return { ...withoutKeys(error), maxAgeSeconds: undefined };
    if (!signal.aborted) onBug(error);
    return { keys: undefined, maxAgeSeconds: undefined, failure: new KeyFetchError('FetchFailed', 'a bug: see the log') };
  }
}

function readAnswer(jwks: unknown): Pick<Answer, 'keys' | 'failure'> {
  const set = readPublishedJwks(jwks);
  if (set.keys === undefined) return { keys: undefined, failure: new KeyFetchError('FetchFailed', set.mistake) };
  if (set.keys.length > 0) return { keys: set.keys, failure: undefined };
  const message = ['the published JWK Set has no usable key', ...set.passedOver.slice(0, 4)].join('; ');
  return withoutKeys(new KeyFetchError('NoUsableKeys', message.slice(0, 1024).toWellFormed()));
}

/** An issuer that says that it has no keys has none: those of before are gone, as every key that is removed. */
function withoutKeys(failure: KeyFetchError): Pick<Answer, 'keys' | 'failure'> {
  if (failure.reason !== 'NoUsableKeys') return { keys: undefined, failure };
  return { keys: [], failure };
}
