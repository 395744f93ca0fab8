// Step 6: what was granted becomes a signed token (RFC 9068 §2) and the response for it (RFC 8693 §2.2.1).
import type { Grant } from './decide.ts';
import type { ExchangeEffects } from './effects.ts';
import { tokenTypeURN } from './read-exchange-request.ts';

/** The members of a successful response. */
export type TokenResponse = {
  access_token: string;
  issued_token_type: string;
  token_type: 'Bearer' | 'N_A';
  expires_in: number;
  scope?: string;
};

export type IssuedToken = { response: TokenResponse; jti: string; exp: number };

/** Issues a token for a grant, signed as its target wants it. */
export async function issueToken({ tokenType, scopes, target, lifetimeSeconds, claims }: Grant, { sign, newId, settings }: ExchangeEffects): Promise<IssuedToken> {
  const jti = newId();
  const algorithm = target.service?.signingAlgorithm ?? settings.signingAlgorithm;
  const access_token = await sign(algorithm, tokenType === 'access_token' ? 'at+jwt' : 'JWT', { ...claims, jti });
  const response: TokenResponse = {
    access_token,
    issued_token_type: tokenTypeURN(tokenType),
    token_type: tokenType === 'id_token' ? 'N_A' : 'Bearer',
    expires_in: lifetimeSeconds,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
  };
  return { response, jti, exp: Number(claims['exp']) };
}
