// What an API server says of itself: the issuer of its tokens, and audiences that it takes for its own.
import { parseJwt } from '../exchange/parse-jwt.ts';
import type { ApiServer } from './api-server.ts';

export type ClusterFacts = {
  issuerURL: string | undefined;
  audiences: readonly string[];
  /** Why the issuer is not known, for the log. */
  trouble: string | undefined;
};

/** Asks once. Rejects if the API server can't be reached; where it refuses to tell, the facts are simply fewer. */
export async function readClusterFacts(api: ApiServer): Promise<ClusterFacts> {
  const { status, body } = await api.request({ method: 'GET', path: '/.well-known/openid-configuration', timeoutMs: 10_000, maxBytes: 262_144 });
  const issuer = (body as { issuer?: unknown } | undefined)?.issuer;
  if (status >= 500 || status === 429) throw new Error(`the API server answered its discovery document with ${status}`);
  const issuerURL = status === 200 && typeof issuer === 'string' ? issuer : undefined;
  const audiences = audiencesOf(await api.ownToken());
  const trouble = issuerURL === undefined ? `the API server's discovery document was answered with ${status}` : undefined;
  return { issuerURL, audiences: [...new Set([...(issuerURL === undefined ? [] : [issuerURL]), ...audiences])], trouble };
}

/** Cambio's own token is made for the API server: its audiences are the API server's. Of one that is no JWT nothing is known. */
export function audiencesOf(token: string | undefined): string[] {
  const parsed = token === undefined ? 'none' : parseJwt(token);
  if (typeof parsed === 'string') return [];
  const aud = parsed.claims['aud'];
  return (Array.isArray(aud) ? aud : [aud]).filter((value) => typeof value === 'string');
}
