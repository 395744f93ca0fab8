// What can be seen of a token without its signature: it is checked first, so that nothing is spent on a token that can't be good.
import type { Issuer, TokenTypeName } from '../policy/policy.ts';
import { quoted, quotedList } from './audit-record.ts';
import type { ParsedJwt } from './parse-jwt.ts';

/** The registered claims of a token, of the right types (RFC 7519 §4.1). */
export type RegisteredClaims = { iss: string; sub: string; aud: readonly string[]; exp: number; iat: number; nbf: number | undefined };

/** The longest `sub` that is accepted, in UTF-16 units. */
export const maxSubjectLength = 1024;

/** Reads the registered claims. @returns them, or a sentence on which one is missing or of the wrong type */
export function readRegisteredClaims({ claims }: ParsedJwt): RegisteredClaims | string {
  const { iss, sub, aud, exp, iat, nbf } = claims;
  if (typeof iss !== 'string') return 'iss is missing or not text';
  if (typeof sub !== 'string' || sub === '') return 'sub is missing or not text';
  if (sub.length > maxSubjectLength) return `sub is longer than ${maxSubjectLength}`;
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!Array.isArray(audiences) || !audiences.every((value) => typeof value === 'string')) return 'aud is missing or not text';
  if (!isDate(exp)) return 'exp is missing or not a number';
  if (!isDate(iat)) return 'iat is missing or not a number';
  if (nbf !== undefined && !isDate(nbf)) return 'nbf is not a number';
  return { iss, sub, aud: audiences, exp, iat, nbf };
}

/** A NumericDate (RFC 7519 §2): seconds since the epoch, not negative. JSON such as 1e400 is read as Infinity. */
const isDate = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;

/**
 * Holds a token against the rules of an issuer.
 * @param now seconds since the epoch
 * @returns why it is not acceptable, or undefined
 */
export function refuseByClaims(token: ParsedJwt, registered: RegisteredClaims, type: TokenTypeName, issuer: Issuer, now: number): string | undefined {
  const { iss, aud, exp, iat, nbf } = registered;
  const { alg, typ } = token.header;
  const skew = issuer.clockSkewSeconds;
  const and = `and clockSkewSeconds is ${skew}`;
  if (iss !== issuer.url) return 'iss is another one';
  if (!issuer.algorithms.has(algorithmName(alg))) return `alg is not among the issuer's algorithms: it is ${quoted(alg)}, and they are ${quotedList(issuer.algorithms)}`;
  if (!fitsType(typ, type)) return `typ does not fit a subject token of type ${type}: it is ${typ === undefined ? 'absent' : quoted(typ)}`;
  if ('cnf' in token.claims) return 'it is bound to a key (cnf), and that proof is not supported';
  // RFC 8693 §4.1 and §4.4: to leave them out would make an actor's token the subject's own, or anybody the actor.
  if ('act' in token.claims) return 'it says who acts for its subject (act), and actors are not supported';
  if ('may_act' in token.claims) return 'it says who may act for its subject (may_act), and actors are not supported';
  if (!aud.some((audience) => issuer.audiences.has(audience))) return `aud has none of the issuer's audiences: it has ${quotedList(aud)}, and they are ${quotedList(issuer.audiences)}`;
  if (aud.some((audience) => issuer.apiServerAudiences.has(audience))) return 'aud has an audience of the API server';
  if (now >= exp + skew) return `it has expired (exp): ${seconds(now - exp)} ago, ${and}`;
  if (nbf !== undefined && now + skew < nbf) return `it is not valid yet (nbf): it will be in ${seconds(nbf - now)}, ${and}`;
  if (now + skew < iat) return `it was issued in the future (iat): in ${seconds(iat - now)}, ${and}`;
  if (exp <= iat) return 'exp is not after iat';
  if (nbf !== undefined && nbf >= exp) return 'nbf is not before exp';
  if (exp - iat > issuer.maxTokenLifetimeSeconds) return `exp − iat is longer than maxTokenLifetimeSeconds: ${seconds(exp - iat)}, and ${issuer.maxTokenLifetimeSeconds} s are allowed`;
  return undefined;
}

const seconds = (span: number): string => `${Number(span.toFixed(3))} s`;

/** `Ed25519` is the fully specified name of what `EdDSA` means here (RFC 9864 §2.2). */
export const algorithmName = (alg: string): string => (alg === 'Ed25519' ? 'EdDSA' : alg);

/**
 * Whether the header's `typ` fits what the token is said to be (RFC 8725 §3.11, RFC 9068 §2.1). An `at+jwt` is an access
 * token and nothing else; an untyped token is a jwt or an id_token, and so is one that says only `JWT` or `JOSE`.
 */
function fitsType(typ: string | undefined, type: TokenTypeName): boolean {
  const name = typ?.toLowerCase().replace(/^application\//, '');
  if (name === 'at+jwt') return type === 'access_token';
  return type !== 'access_token' && (name === undefined || name === 'jwt' || name === 'jose');
}
