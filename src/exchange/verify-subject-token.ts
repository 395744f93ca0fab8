// Step 3: the subject token is verified by the rules of its type and of its TrustedIssuer (RFC 8693 §2.1).
import type { Client, Issuer, TokenTypeName } from '../policy/policy.ts';
import { quoted } from './audit-record.ts';
import { readRegisteredClaims, type RegisteredClaims } from './check-claims.ts';
import type { ExchangeEffects } from './effects.ts';
import { identifyIssuer, refused } from './identify-issuer.ts';
import { describeInert } from './inert-entries.ts';
import { parseJwt, type ParsedJwt } from './parse-jwt.ts';
import type { JsonObject } from './strict-json.ts';
import { verifyByReview } from './verify-by-review.ts';
import { verifiedToken, type VerifiedToken } from './verified-token.ts';

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
    throw refused('subject-issuer', `iss is no TrustedIssuer that the client refers to: it is ${quoted(registered.iss)}${inert}`);
  }
  const issuer = await identifyIssuer(token, registered, type, candidates, effects);
  const claims = await readClaims(token, registered, issuer, effects);
  const verified = verifiedToken({ issuer, sub: registered.sub, claims, exp: registered.exp });
  if (typeof verified === 'string') throw refused('subject-token', `${issuer.name}: ${verified}`);
  return verified;
}

/** The claims that are believed: those that were signed, or, where the API server has the last word, what it says. */
async function readClaims(token: ParsedJwt, registered: RegisteredClaims, issuer: Issuer, { reviewToken }: ExchangeEffects): Promise<JsonObject> {
  if (issuer.verification.method !== 'tokenReview') return token.claims;
  const claims = await verifyByReview(token, registered, issuer, reviewToken);
  if (typeof claims === 'string') throw refused('subject-token', `${issuer.name}: ${claims}`);
  return claims;
}
