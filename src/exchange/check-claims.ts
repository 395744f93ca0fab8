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

/** A token, what it is said to be, and the issuer that it is held against; `now` in seconds since the epoch. */
export type ClaimedToken = { token: ParsedJwt; registered: RegisteredClaims; type: TokenTypeName; issuer: Issuer; now: number };

/** One rule about what can be seen of a token. */
export type ClaimRule = {
  name: string;
  /** @returns why the token is not acceptable, with both sides of the comparison, or undefined */
  refuses: (given: ClaimedToken) => string | undefined;
};

const skewOf = ({ clockSkewSeconds }: Issuer): string => `and clockSkewSeconds is ${clockSkewSeconds}`;

/** The rules, in the order in which they are asked. */
export const claimRules: readonly ClaimRule[] = [
  { name: 'iss', refuses: ({ registered: { iss }, issuer }) => (iss === issuer.url ? undefined : 'iss is another one') },
  {
    name: 'alg',
    refuses: ({ token: { header: { alg } }, issuer: { algorithms } }) =>
      algorithms.has(algorithmName(alg)) ? undefined : `alg is not among the issuer's algorithms: it is ${quoted(alg)}, and they are ${quotedList(algorithms)}`,
  },
  {
    name: 'typ',
    refuses: ({ token: { header: { typ } }, type }) => (fitsType(typ, type) ? undefined : `typ does not fit a subject token of type ${type}: it is ${typ === undefined ? 'absent' : quoted(typ)}`),
  },
  { name: 'cnf', refuses: ({ token: { claims } }) => ('cnf' in claims ? 'it is bound to a key (cnf), and that proof is not supported' : undefined) },
  // RFC 8693 §4.1 and §4.4: to leave them out would make an actor's token the subject's own, or anybody the actor.
  { name: 'act', refuses: ({ token: { claims } }) => ('act' in claims ? 'it says who acts for its subject (act), and actors are not supported' : undefined) },
  { name: 'may_act', refuses: ({ token: { claims } }) => ('may_act' in claims ? 'it says who may act for its subject (may_act), and actors are not supported' : undefined) },
  {
    name: 'aud',
    refuses: ({ registered: { aud }, issuer: { audiences } }) =>
      aud.some((audience) => audiences.has(audience)) ? undefined : `aud has none of the issuer's audiences: it has ${quotedList(aud)}, and they are ${quotedList(audiences)}`,
  },
  {
    name: 'api-server-audience',
    refuses: ({ registered: { aud }, issuer: { apiServerAudiences } }) => {
      const own = aud.filter((audience) => apiServerAudiences.has(audience));
      return own.length === 0 ? undefined : `aud has an audience of the API server: ${quotedList(own)}`;
    },
  },
  { name: 'exp', refuses: ({ registered: { exp }, issuer, now }) => (now >= exp + issuer.clockSkewSeconds ? `it has expired (exp): ${seconds(now - exp)} ago, ${skewOf(issuer)}` : undefined) },
  {
    name: 'nbf',
    refuses: ({ registered: { nbf }, issuer, now }) => (nbf !== undefined && now + issuer.clockSkewSeconds < nbf ? `it is not valid yet (nbf): it will be in ${seconds(nbf - now)}, ${skewOf(issuer)}` : undefined),
  },
  { name: 'iat', refuses: ({ registered: { iat }, issuer, now }) => (now + issuer.clockSkewSeconds < iat ? `it was issued in the future (iat): in ${seconds(iat - now)}, ${skewOf(issuer)}` : undefined) },
  { name: 'exp-after-iat', refuses: ({ registered: { exp, iat } }) => (exp <= iat ? 'exp is not after iat' : undefined) },
  { name: 'nbf-before-exp', refuses: ({ registered: { nbf, exp } }) => (nbf !== undefined && nbf >= exp ? 'nbf is not before exp' : undefined) },
  {
    name: 'lifetime',
    refuses: ({ registered: { exp, iat }, issuer: { maxTokenLifetimeSeconds: most } }) =>
      exp - iat > most ? `exp − iat is longer than maxTokenLifetimeSeconds: ${seconds(exp - iat)}, and ${most} s are allowed` : undefined,
  },
];

/** Holds a token against the rules. @returns why the first that refuses does, or undefined */
export function refuseByClaims(given: ClaimedToken): string | undefined {
  for (const { refuses } of claimRules) {
    const why = refuses(given);
    if (why !== undefined) return why;
  }
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
