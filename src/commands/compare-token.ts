// What a refused token has, and what its issuer wants, side by side. Whoever runs `cambio check` holds the token; a log is told less.
import { algorithmName, readRegisteredClaims, type RegisteredClaims } from '../exchange/check-claims.ts';
import { parseJwt, type ParsedJwt } from '../exchange/parse-jwt.ts';
import { keysFor } from '../exchange/verify-signature.ts';
import type { Client, Issuer } from '../policy/policy.ts';
import type { PublicKey } from '../policy/public-key.ts';
import { issuersOf, listed, type Subject } from './check-subject.ts';
import { momentOf } from './check-text.ts';

/** Two values that do not go together, in a sentence, and what to do about it. */
export type Comparison = { name: string; message: string; next: string };

/** A token beside one TrustedIssuer; `keys` are undefined where none of them were looked at. */
type Pair = { token: ParsedJwt; registered: RegisteredClaims; issuer: Issuer; keys: readonly PublicKey[] | undefined; now: number };

type Compare = { name: string; differs: (pair: Pair) => boolean; message: (pair: Pair) => string; next: string };

/** In the order in which a token is refused for them. */
const comparisons: readonly Compare[] = [
  {
    name: 'alg',
    differs: ({ token, issuer }) => !issuer.algorithms.has(algorithmName(token.header.alg)),
    message: ({ token, issuer }) => `alg of the token is ${quoted([token.header.alg])}; algorithms of TrustedIssuer ${issuer.name}: ${quoted(issuer.algorithms)}`,
    next: 'add the algorithm to algorithms of the TrustedIssuer, if its issuer signs so',
  },
  {
    name: 'aud',
    differs: ({ registered: { aud }, issuer }) => !aud.some((audience) => issuer.audiences.has(audience)),
    message: ({ registered: { aud }, issuer }) => `aud of the token is ${quoted(aud)}; audiences of TrustedIssuer ${issuer.name}: ${quoted(issuer.audiences)}`,
    next: 'ask the issuer for a token with one of these audiences; only an audience that is for Cambio alone may be added to issuer.audiences',
  },
  {
    name: 'api-server-audience',
    differs: ({ registered: { aud }, issuer }) => aud.some((audience) => issuer.apiServerAudiences.has(audience)),
    message: ({ registered: { aud }, issuer }) => `aud of the token is ${quoted(aud)}; audiences of the API server of TrustedIssuer ${issuer.name}: ${quoted(issuer.apiServerAudiences)}`,
    next: 'ask for a token whose only audience is Cambio\'s: one that the API server takes must be shown to nobody else',
  },
  {
    name: 'exp',
    differs: ({ registered: { exp }, issuer, now }) => now >= exp + issuer.clockSkewSeconds,
    message: ({ registered: { exp }, issuer, now }) => `exp of the token is ${momentOf(exp)}, and now is ${momentOf(now)}, ${Math.round(now - exp)} s later; clockSkewSeconds of TrustedIssuer ${issuer.name}: ${issuer.clockSkewSeconds}`,
    next: 'take a newer token, just before it is exchanged; ask with --at about the moment when this one was good',
  },
  ...(['nbf', 'iat'] as const).map((name): Compare => ({
    name,
    differs: ({ registered, issuer, now }) => now + issuer.clockSkewSeconds < (registered[name] ?? 0),
    message: ({ registered, issuer, now }) => `${name} of the token is ${momentOf(registered[name] ?? 0)}, and now is ${momentOf(now)}; clockSkewSeconds of TrustedIssuer ${issuer.name}: ${issuer.clockSkewSeconds}`,
    next: 'compare the clocks of the issuer and of this machine: clockSkewSeconds of the TrustedIssuer is for small differences; ask with --at about a later moment',
  })),
  {
    name: 'lifetime',
    differs: ({ registered: { exp, iat }, issuer }) => exp - iat > issuer.maxTokenLifetimeSeconds,
    message: ({ registered: { exp, iat }, issuer }) => `exp − iat of the token is ${exp - iat} s; maxTokenLifetimeSeconds of TrustedIssuer ${issuer.name}: ${issuer.maxTokenLifetimeSeconds}`,
    next: 'ask the issuer for a token that ends sooner, or raise maxTokenLifetimeSeconds of the TrustedIssuer',
  },
  {
    name: 'key',
    differs: ({ token, keys }) => keys !== undefined && keysFor(token, keys).length === 0,
    message: ({ token: { header }, issuer, keys = [] }) => `the token is signed by kid ${header.kid === undefined ? '(none)' : quoted([header.kid])}, alg ${quoted([header.alg])}; keys of TrustedIssuer ${issuer.name}: ${listed(keys.map(describeKey))}`,
    next: 'find out who signed the token: another issuer that calls itself the same, or this one with a key that it has taken back, or not published yet. Where keys stand in the manifest (jwks), put the new one there',
  },
];

/**
 * Compares a token with the TrustedIssuers of its `iss` that a client refers to, or `iss` itself where there are none.
 * @param now seconds since the epoch
 * @returns what does not go together; nothing where the token is none, or is refused for something else
 */
export function compareToken({ token: compact, keys, issuer: supposed }: Subject, client: Client, now: number): Comparison[] {
  const token = parseJwt(compact);
  const registered = typeof token === 'string' ? token : readRegisteredClaims(token);
  if (typeof token === 'string' || typeof registered === 'string') return [];
  const candidates = client.issuersByURL.get(registered.iss) ?? [];
  if (candidates.length === 0) return [compareIssuer(registered.iss, client)];
  return candidates.flatMap((issuer) => {
    const pair: Pair = { token, registered, issuer, keys: supposed === undefined ? keysOf(issuer, keys) : undefined, now };
    return comparisons.filter(({ differs }) => differs(pair)).map(({ name, message, next }) => ({ name, message: message(pair), next }));
  });
}

const keysOf = ({ name, verification }: Issuer, fetched: Subject['keys']): readonly PublicKey[] | undefined => (verification.method === 'jwks' ? verification.keys : fetched?.get(name));

function compareIssuer(iss: string, client: Client): Comparison {
  const issuers = issuersOf(client).map(({ name, url }) => `${JSON.stringify(url)} (${name})`);
  return {
    name: 'iss',
    message: `iss of the token is ${quoted([iss])}; the client refers to: ${listed(issuers)}`,
    next: 'compare the two letter by letter, a slash at the end included; if the token is of another issuer, add a TrustedIssuer with that URL and refer to it in spec.subjects of the client',
  };
}

const describeKey = ({ kid, algorithms }: PublicKey): string => `${kid === undefined ? 'one without kid' : quoted([kid])} (${algorithms.join(', ')})`;

/** The longest value that is shown whole, in UTF-16 units. */
const longest = 256;

const quoted = (values: Iterable<string>): string => listed(Array.from(values, (value) => JSON.stringify(value.length > longest ? `${value.slice(0, longest)}…` : value)));
