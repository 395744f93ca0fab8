// The claims of an issued token (RFC 9068 §2.2), all but its id.
import type { Client, Target } from '../policy/policy.ts';
import type { MappedClaims } from './map-claims.ts';
import type { JsonObject } from './strict-json.ts';
import type { VerifiedToken } from './verified-token.ts';

/** What an issued token is made of. */
export type Issuance = {
  /** Cambio's issuer URL. */
  issuerURL: string;
  client: Client;
  subject: VerifiedToken;
  target: Target;
  scopes: readonly string[];
  mapped: MappedClaims;
  /** Seconds since the epoch: from then on the lifetime counts. */
  now: number;
  lifetimeSeconds: number;
};

/** The claims. Nothing of the subject token is copied but who its subject is, and what a mapping takes. */
export function issuedClaims({ issuerURL, client, subject, target, scopes, mapped, now, lifetimeSeconds }: Issuance): JsonObject {
  const { issuer, sub } = subject;
  const iat = Math.floor(now);
  return {
    ...mapped.claims,
    iss: issuerURL,
    sub: mapped.sub ?? issuedSubject(subject),
    aud: target.audience,
    exp: iat + lifetimeSeconds,
    iat,
    client_id: client.id,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    // The subject as its own issuer names it (RFC 9493 §3.2.3), where that URL means one issuer only.
    ...(issuer.urlShared ? {} : { sub_id: { format: 'iss_sub', iss: issuer.url, sub } }),
  };
}

/** The subject as issued tokens name it: the issuer's prefix before its own name, so that subjects of two issuers never collide. */
export const issuedSubject = ({ issuer, sub }: Pick<VerifiedToken, 'issuer' | 'sub'>): string => issuer.subjectPrefix + sub;
