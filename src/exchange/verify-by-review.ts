// Verification by TokenReview: the API server says whose the token is; only a ServiceAccount's is accepted.
import { isObject } from '../manifests/read-object.ts';
import type { Issuer } from '../policy/policy.ts';
import type { RegisteredClaims } from './check-claims.ts';
import type { ParsedJwt } from './parse-jwt.ts';
import type { JsonObject } from './strict-json.ts';
import { kubernetesClaim, parseServiceAccountName } from './verified-token.ts';

/** The status of a TokenReview (authentication.k8s.io/v1), as far as it is used. */
export type TokenReviewStatus = {
  authenticated: boolean;
  error: string | undefined;
  audiences: readonly string[];
  user: { username: string; uid: string; groups: readonly string[]; extra: ReadonlyMap<string, readonly string[]> };
};

/**
 * Asks the API server about a token. An empty list of audiences asks whether it is good for the API server itself.
 * Rejects with an OAuthError (issuer_unavailable) when it can't be asked.
 */
export type ReviewToken = (issuer: Issuer, token: string, audiences: readonly string[]) => Promise<TokenReviewStatus>;

/** @returns the claims as the API server vouches for them, or a sentence on why the token is refused */
export async function verifyByReview(token: ParsedJwt, registered: RegisteredClaims, issuer: Issuer, review: ReviewToken): Promise<JsonObject | string> {
  const status = await review(issuer, token.compact, [...issuer.audiences]);
  const refusal = refuseByStatus(status, registered, issuer);
  if (refusal !== undefined) return refusal;
  if (registered.aud.length > 1) {
    // Which audiences the API server takes for its own is not always known: it is asked.
    const own = await review(issuer, token.compact, []);
    if (own.authenticated) return 'the API server takes one of its audiences for its own';
  }
  return claimsOf(token, status);
}

/** TokenReview also authenticates users, nodes and whoever a webhook knows: none of those may pass for a ServiceAccount. */
function refuseByStatus(status: TokenReviewStatus, { sub }: RegisteredClaims, issuer: Issuer): string | undefined {
  const { username, groups } = status.user;
  if (!status.authenticated || status.error !== undefined) return 'TokenReview did not authenticate it';
  if (!status.audiences.some((audience) => issuer.audiences.has(audience))) return "TokenReview confirmed none of the issuer's audiences";
  if (parseServiceAccountName(username) === undefined) return 'TokenReview says it is not of a ServiceAccount';
  if (!groups.includes('system:serviceaccounts')) return 'TokenReview says its user is not in the group system:serviceaccounts';
  if (sub !== username) return 'sub is not the user that TokenReview names';
  return undefined;
}

const extraPrefix = 'authentication.kubernetes.io/';

/** The token's claims, with those about the ServiceAccount, its pod and its node replaced by what the API server says. */
function claimsOf(token: ParsedJwt, { user }: TokenReviewStatus): JsonObject {
  const extra = (name: string): string | undefined => user.extra.get(extraPrefix + name)?.[0];
  const named = parseServiceAccountName(user.username);
  const own = token.claims[kubernetesClaim];
  const bound = {
    ...(isObject(own) ? own : {}),
    namespace: named?.namespace,
    serviceaccount: { name: named?.name, uid: user.uid },
    pod: objectRef(extra('pod-name'), extra('pod-uid')),
    node: objectRef(extra('node-name'), extra('node-uid')),
  };
  const jti = extra('credential-id')?.replace(/^JTI=/, '');
  return withoutUndefined({ ...token.claims, ...(jti === undefined ? {} : { jti }), [kubernetesClaim]: withoutUndefined(bound) });
}

function objectRef(name: string | undefined, uid: string | undefined): JsonObject | undefined {
  return name === undefined && uid === undefined ? undefined : withoutUndefined({ name, uid });
}

/** As parseStrictObject makes them: without a prototype. */
function withoutUndefined(object: Record<string, unknown>): JsonObject {
  const out: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(object)) if (value !== undefined) out[name] = value;
  return out;
}
