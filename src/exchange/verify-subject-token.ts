// Step 3: the subject token is verified by the rules of its type and of its TrustedIssuer (RFC 8693 §2.1).
import type { Client, Issuer, TokenTypeName, Verification } from '../policy/policy.ts';
import { readRegisteredClaims, refuseByClaims, type RegisteredClaims } from './check-claims.ts';
import type { ExchangeEffects } from './effects.ts';
import { describeInert } from './inert-entries.ts';
import { OAuthError } from './oauth-error.ts';
import { parseJwt, type ParsedJwt } from './parse-jwt.ts';
import type { JsonObject } from './strict-json.ts';
import { verifyByPublishedKeys } from './verify-by-published-keys.ts';
import { verifyByReview } from './verify-by-review.ts';
import { refuseBySignature } from './verify-signature.ts';
import { serviceAccountOf, type VerifiedToken } from './verified-token.ts';

/** A way to verify. It answers with the claims that are now believed, or with a sentence on why not. */
type Verify<V extends Verification> = (
  token: ParsedJwt,
  registered: RegisteredClaims,
  issuer: Issuer & { verification: V },
  effects: ExchangeEffects,
) => Promise<JsonObject | string>;

/** One entry for each verification method of a TrustedIssuer. */
const methods = {
  discovery: (token, _registered, issuer, { issuerKeys }) => verifyByPublishedKeys(token, issuer, issuerKeys),
  jwksURL: (token, _registered, issuer, { issuerKeys }) => verifyByPublishedKeys(token, issuer, issuerKeys),
  kubernetesDiscovery: (token, _registered, issuer, { issuerKeys }) => verifyByPublishedKeys(token, issuer, issuerKeys),
  jwks: async (token, _registered, { verification }) => (await refuseBySignature(token, verification.keys)) ?? token.claims,
  tokenReview: (token, registered, issuer, { reviewToken }) => verifyByReview(token, registered, issuer, reviewToken),
} satisfies { [M in Verification['method']]: Verify<Extract<Verification, { method: M }>> };

/**
 * Verifies a subject token. It is tried against the TrustedIssuers with its `iss` that the client refers to, and against
 * no other: `iss` chooses among them and is never a place to ask. Throws unacceptable_token, or issuer_unavailable.
 */
export async function verifySubjectToken(compact: string, type: TokenTypeName, client: Client, effects: ExchangeEffects): Promise<VerifiedToken> {
  const token = parseJwt(compact);
  if (typeof token === 'string') throw refused('subject-token', token);
  const registered = readRegisteredClaims(token);
  if (typeof registered === 'string') throw refused('subject-token', registered);
  const candidates = client.issuersByURL.get(registered.iss) ?? [];
  if (candidates.length === 0) {
    const inert = describeInert(client, ({ issuerURL }) => issuerURL === registered.iss);
    throw refused('subject-issuer', `iss is no TrustedIssuer that the client refers to${inert}`);
  }
  const outcomes = await Promise.all(candidates.map((issuer) => verifyUnder(issuer, token, registered, type, effects)));
  const verified = outcomes.filter((outcome) => typeof outcome !== 'string');
  const [first] = verified;
  if (first === undefined) throw refused('subject-token', describe(candidates, outcomes));
  if (verified.length > 1) throw refused('subject-issuer', 'it verifies under more than one TrustedIssuer');
  return first;
}

async function verifyUnder(issuer: Issuer, token: ParsedJwt, registered: RegisteredClaims, type: TokenTypeName, effects: ExchangeEffects): Promise<VerifiedToken | string> {
  const refusal = refuseByClaims(token, registered, type, issuer, effects.now());
  if (refusal !== undefined) return refusal;
  // The method and the issuer's verification are of one kind, which the compiler can't follow through an index.
  const verify = methods[issuer.verification.method] as Verify<Verification>;
  const claims = await verify(token, registered, issuer, effects);
  if (typeof claims === 'string') return claims;
  const serviceAccount = issuer.kubernetes ? serviceAccountOf(registered.sub, claims) : undefined;
  if (issuer.kubernetes && serviceAccount === undefined) return 'sub and the claim kubernetes.io do not name one ServiceAccount';
  return { issuer, sub: registered.sub, claims, exp: registered.exp, serviceAccount };
}

function describe(candidates: readonly Issuer[], outcomes: readonly (VerifiedToken | string)[]): string {
  return outcomes.flatMap((outcome, index) => (typeof outcome === 'string' ? [`${candidates[index]?.name}: ${outcome}`] : [])).join('; ');
}

const refused = (check: string, reason: string) => new OAuthError('unacceptable_token', check, `subject token: ${reason}`);
