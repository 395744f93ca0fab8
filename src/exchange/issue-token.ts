// Step 6: what was granted becomes a signed token (RFC 9068 §2) and the response for it (RFC 8693 §2.2.1).
import type { Grant } from './decide.ts';
import type { ExchangeEffects } from './effects.ts';
import { tokenTypeURN } from './read-exchange-request.ts';
import type { JsonObject } from './strict-json.ts';

/** The members of a successful response. */
export type TokenResponse = {
  access_token: string;
  issued_token_type: string;
  token_type: 'Bearer' | 'N_A';
  expires_in: number;
  scope?: string;
};

export type IssuedToken = { response: TokenResponse; jti: string; exp: number };

/**
 * Issues a token for a grant.
 * @param now seconds since the epoch: the moment of the decision, from which the lifetime counts
 */
export async function issueToken(grant: Grant, now: number, { sign, newId, settings }: ExchangeEffects): Promise<IssuedToken> {
  const { tokenType, scopes, lifetimeSeconds } = grant;
  const jti = newId();
  const iat = Math.floor(now);
  const exp = iat + lifetimeSeconds;
  const claims = issuedClaims(grant, { iss: settings.issuerURL, jti, iat, exp });
  const access_token = await sign(settings.signingAlgorithm, tokenType === 'access_token' ? 'at+jwt' : 'JWT', claims);
  const response: TokenResponse = {
    access_token,
    issued_token_type: tokenTypeURN(tokenType),
    token_type: tokenType === 'id_token' ? 'N_A' : 'Bearer',
    expires_in: lifetimeSeconds,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
  };
  return { response, jti, exp };
}

/** The claims of an issued token. Nothing of the subject token is copied but who its subject is. */
export function issuedClaims({ client, subject, target, scopes }: Grant, own: { iss: string; jti: string; iat: number; exp: number }): JsonObject {
  const { iss, jti, iat, exp } = own;
  const { issuer, sub } = subject;
  return {
    iss,
    sub: issuedSubject(subject),
    aud: target.audience,
    exp,
    iat,
    jti,
    client_id: client.id,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    // The subject as its own issuer names it (RFC 9493 §3.2.3), where that URL means one issuer only.
    ...(issuer.urlShared ? {} : { sub_id: { format: 'iss_sub', iss: issuer.url, sub } }),
  };
}

/** `sub` of what is issued: the issuer's prefix before its own name, so that subjects of two issuers never collide. */
export const issuedSubject = ({ issuer, sub }: Grant['subject']): string => issuer.subjectPrefix + sub;
