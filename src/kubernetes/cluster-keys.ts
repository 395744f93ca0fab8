// The keys that an API server publishes, fetched with the credential that Cambio has for it (OpenID Connect Discovery 1.0 §4).
import { isObject } from '../manifests/read-object.ts';
import { KeyFetchError, type FetchKeySet } from '../policy/key-fetch.ts';
import type { Verification } from '../policy/policy.ts';
import type { ApiResponse, ApiServer } from './api-server.ts';
import { findFor, type FindCluster } from './cluster-connection.ts';
import { describeFailure } from './describe-failure.ts';

/** How long it may take to fetch a document that an API server publishes, in milliseconds. */
export const clusterDocumentTimeout = 5_000;

/** The largest that is read, in bytes. */
export const maxClusterDocumentBytes = 262_144;

/** Where it says what it calls itself. */
export const discoveryPath = '/.well-known/openid-configuration';
const keysPath = '/openid/v1/jwks';

/** The API server answers with 406 where the type of its JWK Set (RFC 7517 §8.5.2) is not asked for. */
const accept = 'application/json, application/jwk-set+json';

/**
 * Fetches the keys of a cluster from its API server itself, wherever its issuer URL points to. The `jwks_uri` in the
 * discovery document is not looked at: its host may be one that Cambio's credential must not be shown to.
 */
export function createClusterKeyFetcher(find: FindCluster): FetchKeySet {
  return async (asked, signal) => {
    const { url, verification } = asked;
    const cluster = findFor(asked, find);
    if (typeof cluster === 'string') throw new KeyFetchError('FetchFailed', cluster);
    // Both at once, so that no new credential comes between them.
    const [discovery, keys] = await Promise.all([fetchDocument(cluster.api, discoveryPath, signal), fetchDocument(cluster.api, keysPath, signal)]);
    const document = readDocument(discovery, discoveryPath, verification.method);
    const issuer = isObject(document) ? document['issuer'] : undefined;
    if (issuer !== url) {
      const named = typeof issuer === 'string' ? `calls itself ${JSON.stringify(issuer.slice(0, 512))}` : 'does not say what it calls itself';
      throw new KeyFetchError('IssuerMismatch', `the API server ${named}, and issuer.url is ${JSON.stringify(url)}`);
    }
    // Without its max-age: API servers let it be kept for an hour, which is long for a key that was removed, and asking costs little.
    return { jwks: readDocument(keys, keysPath, verification.method), maxAgeSeconds: undefined };
  };
}

async function fetchDocument(api: ApiServer, path: string, signal: AbortSignal): Promise<ApiResponse> {
  try {
    return await api.request({ method: 'GET', path, accept, timeoutMs: clusterDocumentTimeout, maxBytes: maxClusterDocumentBytes, signal });
  } catch (error) {
    throw new KeyFetchError('FetchFailed', `the API server can not be reached: ${describeFailure(error)}`);
  }
}

/** With tokenReview an API server may keep its keys to itself: it can be asked about each token. */
function readDocument({ status, body }: ApiResponse, path: string, method: Verification['method']): unknown {
  if (status === 200) return body;
  const keepsThem = (status === 403 || status === 404) && method === 'tokenReview';
  const fix = status === 401 ? ': it does not accept the token that is shown to it' : status === 403 ? ': the role system:service-account-issuer-discovery permits it' : '';
  throw new KeyFetchError(keepsThem ? 'NoUsableKeys' : 'FetchFailed', `the API server answered ${path} with ${status}${fix}`);
}
