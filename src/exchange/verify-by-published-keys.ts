// Verification by the keys that an issuer publishes: those that are known, and once more after a refetch for a kid that is not.
import type { Issuer } from '../policy/policy.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { OAuthError } from './oauth-error.ts';
import type { ParsedJwt } from './parse-jwt.ts';
import type { JsonObject } from './strict-json.ts';
import { keysFor, refuseBySignature } from './verify-signature.ts';

/**
 * Verifies a token in which everything else that can be seen is right.
 * @returns its claims, or a sentence on why it is refused. Throws issuer_unavailable where no good keys are known
 */
export async function verifyByPublishedKeys(token: ParsedJwt, issuer: Issuer, issuerKeys: IssuerKeys): Promise<JsonObject | string> {
  let keys = issuerKeys.known(issuer) ?? (await issuerKeys.current(issuer));
  if (keys !== undefined && keysFor(token, keys).length === 0) keys = await issuerKeys.refetched(issuer);
  if (keys === undefined) throw new OAuthError('issuer_unavailable', 'issuer-keys', `no keys of TrustedIssuer ${issuer.name} are known; its status says why`);
  return (await refuseBySignature(token, keys)) ?? token.claims;
}
