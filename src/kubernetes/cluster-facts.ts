// What an API server says of itself: the issuer of its tokens, and audiences that it takes for its own.
import { parseJwt } from '../exchange/parse-jwt.ts';
import type { ApiServer } from './api-server.ts';
import { clusterDocumentTimeout, discoveryPath, maxClusterDocumentBytes } from './cluster-keys.ts';
import { describeFailure } from './describe-failure.ts';
import { pause, type Pause } from './pause.ts';

export type ClusterFacts = {
  issuerURL: string | undefined;
  audiences: readonly string[];
  /** Why the issuer is not known. */
  trouble: string | undefined;
};

/** How long is waited from one try to the next, in milliseconds: it doubles. */
const backoff = { first: 500, most: 10_000 } as const;

/**
 * Asks until it is told: nothing can be decided before.
 * @param onFailure told why it is asked again
 * @returns undefined if `signal` is aborted first
 */
export async function awaitClusterFacts(api: ApiServer, onFailure: (reason: string) => void, signal: AbortSignal, rest: Pause = pause): Promise<ClusterFacts | undefined> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      return await readClusterFacts(api, signal);
    } catch (error) {
      if (signal.aborted) break;
      onFailure(describeFailure(error));
      await rest(Math.min(backoff.most, backoff.first * 2 ** failures), signal);
    }
  }
  return undefined;
}

/** Asks once. Rejects if the API server can't be reached, or can't tell now; where it refuses to tell, the facts are simply fewer. */
export async function readClusterFacts(api: ApiServer, signal?: AbortSignal): Promise<ClusterFacts> {
  const { status, body } = await api.request({
    method: 'GET',
    path: discoveryPath,
    timeoutMs: clusterDocumentTimeout,
    maxBytes: maxClusterDocumentBytes,
    ...(signal && { signal }),
  });
  const issuer = (body as { issuer?: unknown } | undefined)?.issuer;
  if (mayPass(status)) throw new Error(`the API server answered its discovery document with ${status}${status === 401 ? ': it does not accept the credential that is shown to it' : ''}`);
  const issuerURL = status === 200 && typeof issuer === 'string' ? issuer : undefined;
  const audiences = audiencesOf(await api.ownToken());
  const trouble = issuerURL === undefined ? `the API server's discovery document was answered with ${status}` : undefined;
  return { issuerURL, audiences: [...new Set([...(issuerURL === undefined ? [] : [issuerURL]), ...audiences])], trouble };
}

/** Whether the next answer may be another one by itself: a credential may be too old or too new, and a server busy or ill. */
const mayPass = (status: number): boolean => [401, 408, 429].includes(status) || status >= 500;

/** Cambio's own token is made for the API server: its audiences are the API server's. Of one that is no JWT nothing is known. */
export function audiencesOf(token: string | undefined): string[] {
  const parsed = token === undefined ? 'none' : parseJwt(token);
  if (typeof parsed === 'string') return [];
  const aud = parsed.claims['aud'];
  return (Array.isArray(aud) ? aud : [aud]).filter((value) => typeof value === 'string');
}
