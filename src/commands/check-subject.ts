// The subject token of a question: shown as it is, or, where no key to verify it is at hand, signed anew for who is supposed to have done so.
import { parseJwt, type ParsedJwt } from '../exchange/parse-jwt.ts';
import type { JsonObject } from '../exchange/strict-json.ts';
import type { Client, Issuer } from '../policy/policy.ts';
import type { PublicKey } from '../policy/public-key.ts';
import { signWithNewKey } from './suppose-token.ts';

/** What is shown: a token, or the claims of one. */
export type Shown = { token: string; claims?: never } | { token?: never; claims: JsonObject };

/**
 * What stands in for the subject token: `issuer` verifies it by `jwks`, where it is signed anew; `keys` are those that
 * issuers publish, by name, where they were fetched.
 */
export type Subject = { token: string; issuer?: Issuer; jwks?: string; keys?: ReadonlyMap<string, readonly PublicKey[]>; typ?: string | undefined; notes: readonly string[] };

/** Fetches the keys that an issuer publishes. Rejects with a sentence where they can't be had. */
export type FetchKeys = (issuer: Issuer) => Promise<readonly PublicKey[]>;

/** Who is supposed to have signed a token: the name of a TrustedIssuer; and how keys are fetched, if they are. */
export type Verifying = { trustedIssuer: string | undefined; fetchKeys: FetchKeys | undefined };

/** The question can't be asked so; the message says what is missing. */
export class UnclearQuestion extends Error {}

/**
 * Prepares what is shown for the client that asks.
 * @param now seconds since the epoch
 */
export async function prepareSubject(shown: Shown, client: Client | undefined, verifying: Verifying, now: number): Promise<Subject> {
  // Of a client that is not there nothing more is asked.
  if (client === undefined) return { token: shown.token || 'none', notes: [] };
  if (shown.claims !== undefined) return supposeClaims(shown.claims, issuerOf(shown.claims, client, verifying.trustedIssuer), now);
  const token = shown.token.trim();
  const subject = await prepareToken(token, client, verifying);
  return token === shown.token ? subject : { ...subject, notes: [...subject.notes, 'the file has space or line breaks around the token: they are passed over here, and a request with them is refused'] };
}

async function prepareToken(token: string, client: Client, { trustedIssuer, fetchKeys }: Verifying): Promise<Subject> {
  const parsed = parseJwt(token);
  // What is refused for its form needs no key.
  if (typeof parsed === 'string') return { token, notes: [] };
  const { alg, typ } = parsed.header;
  const candidates = candidatesFor(parsed.claims['iss'], client, trustedIssuer);
  const [issuer, ...more] = candidates;
  if (issuer === undefined || candidates.every(({ verification }) => verification.method === 'jwks')) return { token, typ, notes: [] };
  if (fetchKeys !== undefined && candidates.every(isFetchable)) {
    const keys = new Map(await Promise.all(candidates.filter(({ verification }) => verification.method !== 'jwks').map(async (each) => [each.name, await fetchKeys(each)] as const)));
    return { token, typ, keys, notes: [`the signature is checked with the keys that ${listed([...keys.keys()])} ${keys.size === 1 ? 'publishes' : 'publish'} now`] };
  }
  if (more.length > 0) throw new UnclearQuestion(`--trusted-issuer: say which one signed the token: ${listed(namesOf(candidates))} have one URL`);
  if (!issuer.algorithms.has(alg)) return { token, typ, notes: [] };
  const signed = await signWithNewKey({ alg, ...(typ === undefined ? {} : { typ }) }, payloadOf(parsed));
  return { ...signed, issuer, typ, notes: [`signature not checked: it is supposed to be that of TrustedIssuer ${issuer.name} (${whoChecks(issuer)})`] };
}

const payloadOf = ({ compact }: ParsedJwt): Uint8Array => Buffer.from(compact.split('.')[1] ?? '', 'base64url');

/** Its keys can be had without an API server. */
export const isFetchable = ({ verification: { method } }: Issuer): boolean => method === 'jwks' || method === 'discovery' || method === 'jwksURL';

const whoChecks = (issuer: Issuer): string => (isFetchable(issuer) ? 'cambio serve fetches the keys; --fetch-keys does so here' : 'only cambio serve asks an API server');

/** For how long a supposed token is good, in seconds. */
const supposedLifetime = 300;

/** A token with these claims. Those that every token has are filled in. Without an issuer nobody will verify it. */
async function supposeClaims(claims: JsonObject, issuer: Issuer | undefined, now: number): Promise<Subject> {
  const iat = Math.floor(now);
  const [aud] = issuer?.audiences ?? ['unknown'];
  const exp = iat + Math.min(supposedLifetime, issuer?.maxTokenLifetimeSeconds ?? supposedLifetime);
  const filled = Object.entries({ iss: issuer?.url, aud, iat, exp }).filter(([name, value]) => !(name in claims) && value !== undefined);
  const payload = Buffer.from(JSON.stringify({ ...claims, ...Object.fromEntries(filled) }));
  const signed = await signWithNewKey({ alg: algorithmFor(issuer), typ: 'JWT' }, payload);
  if (issuer === undefined) return { ...signed, notes: [] };
  const added = filled.length === 0 ? '' : `, with ${filled.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}`;
  return { ...signed, issuer, notes: [`the claims are supposed to be those of a good token of TrustedIssuer ${issuer.name}${added}`] };
}

/** Elliptic curves first: RSA keys take long to make. */
function algorithmFor(issuer: Issuer | undefined): string {
  const allowed = [...(issuer?.algorithms ?? [])];
  return ['ES256', 'EdDSA', 'ES384', 'ES512'].find((alg) => allowed.includes(alg)) ?? allowed[0] ?? 'ES256';
}

/** The issuer that claims are supposed to come from; undefined where they name one that the client does not refer to. */
function issuerOf(claims: JsonObject, client: Client, trustedIssuer: string | undefined): Issuer | undefined {
  const [issuer, ...more] = candidatesFor(claims['iss'], client, trustedIssuer);
  const all = listed(namesOf(issuersOf(client)));
  if (more.length > 0) throw new UnclearQuestion(`--trusted-issuer: say whose claims they are: ${all}`);
  if (issuer === undefined && trustedIssuer !== undefined) throw new UnclearQuestion(`--trusted-issuer: the client does not refer to ${trustedIssuer}, or it is off; name one of ${all}`);
  if (issuer === undefined && claims['iss'] === undefined) throw new UnclearQuestion('the client refers to no TrustedIssuer that is in force');
  return issuer;
}

/** The issuers of a client that a token with this `iss` may be of. Without `iss` all of them. */
function candidatesFor(iss: unknown, client: Client, name: string | undefined): Issuer[] {
  return issuersOf(client).filter((issuer) => (name === undefined ? iss === undefined || issuer.url === iss : issuer.name === name));
}

/** The TrustedIssuers that a client refers to and that are in force. */
export const issuersOf = ({ issuersByURL }: Client): Issuer[] => [...issuersByURL.values()].flat();
const namesOf = (issuers: readonly Issuer[]): string[] => issuers.map(({ name }) => name);

/** Names in a sentence. */
export const listed = (names: readonly string[]): string => (names.length === 0 ? 'there is none in force' : names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : ''));

/** What registered claims say of a token itself, and not of its subject. */
const ofTheToken = ['iss', 'aud', 'iat', 'exp', 'nbf', 'cnf'];

/** The same claims in a good token: so that one which has expired meanwhile can still be asked about. */
export async function supposeGood(shown: Shown, client: Client, trustedIssuer: string | undefined, now: number): Promise<Subject | undefined> {
  const parsed = shown.token === undefined ? shown : parseJwt(shown.token.trim());
  if (typeof parsed === 'string') return undefined;
  const [issuer, ...more] = candidatesFor(parsed.claims['iss'], client, trustedIssuer);
  if (issuer === undefined || more.length > 0) return undefined;
  const kept = Object.fromEntries(Object.entries(parsed.claims).filter(([name]) => !ofTheToken.includes(name)));
  return supposeClaims(kept, issuer, now);
}
