// What of a refused token does not go together with its issuer, all of it, and what to do about it. Whoever runs `cambio check` holds the token.
import { quoted } from '../exchange/audit-record.ts';
import { claimRules, readRegisteredClaims } from '../exchange/check-claims.ts';
import { parseJwt, type ParsedJwt } from '../exchange/parse-jwt.ts';
import { keysFor } from '../exchange/verify-signature.ts';
import type { Client, Issuer } from '../policy/policy.ts';
import type { PublicKey } from '../policy/public-key.ts';
import { issuersOf, listed, type Subject } from './check-subject.ts';

/** Two values that do not go together, in a sentence, and what to do about it. */
export type Comparison = { name: string; message: string; next: string };

const clocks = 'compare the clocks of the issuer and of this machine: clockSkewSeconds of the TrustedIssuer is for small differences; ask with --at about a later moment';

/** What to do where a rule about claims refuses, by its name. The others say it all. */
const nextSteps: ReadonlyMap<string, string> = new Map([
  ['alg', 'add the algorithm to algorithms of the TrustedIssuer, if its issuer signs so; none and HMAC (HS256 …) are never accepted'],
  ['aud', 'ask the issuer for a token with one of these audiences; only an audience that is for Cambio alone may be added to issuer.audiences'],
  ['api-server-audience', 'ask for a token whose only audience is Cambio\'s: one that the API server takes must be shown to nobody else'],
  ['exp', 'take a newer token, just before it is exchanged; ask with --at about the moment when this one was good'],
  ['nbf', clocks],
  ['iat', clocks],
  ['lifetime', 'ask the issuer for a token that ends sooner, or raise maxTokenLifetimeSeconds of the TrustedIssuer'],
]);

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
    const ofClaims = claimRules.flatMap(({ name, refuses }): Comparison[] => {
      const next = nextSteps.get(name);
      // None of these rules looks at the type.
      const why = next && refuses({ token, registered, type: 'jwt', issuer, now });
      return next === undefined || why === undefined ? [] : [{ name, message: `${issuer.name}: ${why}`, next }];
    });
    return [...ofClaims, ...(supposed === undefined ? compareKeys(token, issuer, keysOf(issuer, keys)) : [])];
  });
}

/** @param keys undefined where none of them were looked at */
function compareKeys(token: ParsedJwt, issuer: Issuer, keys: readonly PublicKey[] | undefined): Comparison[] {
  if (keys === undefined || keysFor(token, keys).length > 0) return [];
  const { kid, alg } = token.header;
  return [
    {
      name: 'key',
      message: `the token is signed by kid ${kid === undefined ? '(none)' : quoted(kid)}, alg ${quoted(alg)}; keys of TrustedIssuer ${issuer.name}: ${listed(keys.map(describeKey))}`,
      next: 'find out who signed the token: another issuer that calls itself the same, or this one with a key that it has taken back, or not published yet. Where keys stand in the manifest (jwks), put the new one there',
    },
  ];
}

const keysOf = ({ name, verification }: Issuer, fetched: Subject['keys']): readonly PublicKey[] | undefined => (verification.method === 'jwks' ? verification.keys : fetched?.get(name));

function compareIssuer(iss: string, client: Client): Comparison {
  const issuers = issuersOf(client).map(({ name, url }) => `${JSON.stringify(url)} (${name})`);
  return {
    name: 'iss',
    message: `iss of the token is ${quoted(iss)}; the client refers to: ${listed(issuers)}`,
    next: 'compare the two letter by letter, a slash at the end included; if the token is of another issuer, add a TrustedIssuer with that URL and refer to it in spec.subjects of the client',
  };
}

const describeKey = ({ kid, algorithms }: PublicKey): string => `${kid === undefined ? 'one without kid' : quoted(kid)} (${algorithms.join(', ')})`;
