// The ways to fetch the key set of an issuer on the network: by its discovery document, or at a URL that is given.
import { isObject } from '../manifests/read-object.ts';
import { KeyFetchError, type FetchedKeySet, type FetchKeySet } from '../policy/key-fetch.ts';
import type { FetchRules, Issuer, Verification } from '../policy/policy.ts';
import type { FetchDocument } from './fetch-document.ts';

/** How long a fetch may take as a whole, in milliseconds: both documents, with names, connections and all. */
export const fetchTimeout = 5_000;

type Fetched = Extract<Verification, { fetch: unknown }>;

/** The fetchers of the methods that fetch from the network. */
export function createKeySetFetchers(fetchDocument: FetchDocument, timeout = fetchTimeout): { readonly [M in Fetched['method']]: FetchKeySet } {
  async function fetchSet(url: string, rules: FetchRules, signal: AbortSignal): Promise<FetchedKeySet> {
    const { json, maxAgeSeconds } = await fetchDocument(url, rules, signal);
    return { jwks: json, maxAgeSeconds };
  }
  return {
    discovery: within(timeout, async (issuer, signal) => {
      const { discoveryURL, fetch } = verificationOf(issuer, 'discovery');
      const { json } = await fetchDocument(discoveryURL ?? discoveryURLOf(issuer.url), fetch, signal);
      return fetchSet(jwksURIOf(json, issuer), fetch, signal);
    }),
    jwksURL: within(timeout, async (issuer, signal) => {
      const { url, fetch } = verificationOf(issuer, 'jwksURL');
      return fetchSet(url, fetch, signal);
    }),
  };
}

/** Where the discovery document of an issuer is (OpenID Connect Discovery 1.0 §4: a slash at the end goes away first). */
const discoveryURLOf = (issuerURL: string): string => `${issuerURL.replace(/\/$/, '')}/.well-known/openid-configuration`;

/** The `issuer` must be the configured one, code point by code point (OpenID Connect Discovery 1.0 §4.3). */
function jwksURIOf(json: unknown, { url }: Issuer): string {
  if (!isObject(json)) throw new KeyFetchError('FetchFailed', 'the discovery document is not a JSON object');
  const { issuer, jwks_uri } = json;
  if (typeof issuer !== 'string') throw new KeyFetchError('IssuerMismatch', `the discovery document names no issuer, and issuer.url is ${JSON.stringify(url)}`);
  if (issuer !== url) throw new KeyFetchError('IssuerMismatch', `the discovery document is that of ${JSON.stringify(issuer.slice(0, 512))}, and issuer.url is ${JSON.stringify(url)}`);
  if (typeof jwks_uri !== 'string') throw new KeyFetchError('FetchFailed', 'the discovery document has no jwks_uri');
  return jwks_uri;
}

/** Bounds a fetch as a whole. */
function within(timeout: number, fetchKeySet: FetchKeySet): FetchKeySet {
  return async (issuer, signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
    try {
      return await fetchKeySet(issuer, limit);
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted) throw new KeyFetchError('FetchFailed', `it did not end within ${timeout / 1000} s`);
      throw error;
    }
  };
}

function verificationOf<M extends Fetched['method']>({ name, verification }: Issuer, method: M): Extract<Fetched, { method: M }> {
  if (verification.method !== method) throw new Error(`TrustedIssuer ${name} is not verified by ${method}`);
  return verification as Extract<Fetched, { method: M }>;
}
