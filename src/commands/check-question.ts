// Asks the policy about one request: what a server would answer to this token, or to one with these claims.
import type { ExchangeSettings } from '../exchange/effects.ts';
import { explainExchange, type Explanation } from '../exchange/explain-exchange.ts';
import { parseJwt, type ParsedJwt } from '../exchange/parse-jwt.ts';
import { tokenExchangeGrant, tokenTypeURN } from '../exchange/read-exchange-request.ts';
import type { JsonObject } from '../exchange/strict-json.ts';
import { nearestName } from '../manifests/nearest-name.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import type { Client, Issuer, PolicySnapshot, TokenTypeName } from '../policy/policy.ts';
import { createPolicyStore, keyOf } from '../policy/policy-store.ts';
import type { PolicySettings } from '../policy/settings.ts';
import { signWithNewKey, withSuppositions, type SupposedToken } from './suppose-token.ts';

/** What is asked. The token is shown, or its claims are. */
export type Question = {
  shown: { token: string } | { claims: JsonObject };
  client: string | undefined;
  trustedIssuer: string | undefined;
  parameters: Readonly<Partial<Record<'audience' | 'resource' | 'scope' | 'subject_token_type' | 'requested_token_type', string | undefined>>>;
  /** Seconds since the epoch. */
  now: number;
};

export type Answer = Explanation & {
  client: string;
  /** What was supposed, and what was not looked at. */
  notes: readonly string[];
  /** For a token that was refused: what the checks would say of one with its claims that is good. */
  ifGood?: Explanation;
};

/** What is known of the policy. */
export type Policy = { objects: ReadonlyMap<string, ReadObject>; snapshot: PolicySnapshot; settings: PolicySettings; exchange: ExchangeSettings };

/** The question can't be asked so; the message says what is missing. */
export class UnclearQuestion extends Error {}

/** Answers a question. Throws UnclearQuestion. */
export async function answerQuestion(question: Question, policy: Policy): Promise<Answer> {
  const id = question.client ?? onlyClient(policy);
  const client = policy.snapshot.clients.get(id);
  const subject = client === undefined ? { token: 'token' in question.shown ? question.shown.token : 'none', notes: [] } : await prepareSubject(question, client);
  const notes = [...authenticationNotes(client), ...subject.notes];
  const explanation = await explain(question, id, subject, policy);
  const answer = { ...explanation, client: id, notes };
  const refusedToken = client !== undefined && explanation.record.subject === undefined && explanation.outcome === 'denied' && explanation.error?.error === 'invalid_request';
  const ifGood = refusedToken ? await explainIfGood(question, client, policy) : undefined;
  return { ...answer, ...(ifGood && { ifGood }) };
}

function onlyClient({ objects, snapshot }: Policy): string {
  const ids = [...objects.values()].filter(({ kind }) => kind === 'ExchangeClient').map(({ namespace, name }) => `${namespace}/${name}`);
  const [only, ...more] = ids;
  if (only === undefined) throw new UnclearQuestion('there is no ExchangeClient that could ask for a token');
  if (more.length > 0) throw new UnclearQuestion(`--client: say which one asks: ${listed([...snapshot.clients.keys()])}`);
  return only;
}

/** What to say of a client that is not there. */
export function unknownClient(id: string, { objects, snapshot }: Policy): string {
  const key = keyOf({ kind: 'ExchangeClient', namespace: id.split('/')[0] ?? '', name: id.split('/')[1] ?? '' });
  if (objects.has(key)) return `mend what is wrong with ExchangeClient ${id}: it is off`;
  const near = nearestName(id, [...snapshot.clients.keys()]);
  return near === undefined ? `name one that is there: ${listed([...snapshot.clients.keys()])}` : `did you mean --client ${near}?`;
}

const listed = (names: readonly string[]): string => (names.length === 0 ? 'there is none in force' : names.slice(0, 8).join(', ') + (names.length > 8 ? ` and ${names.length - 8} more` : ''));

/** What stands in for the subject token: it is shown as it is, or signed anew for an issuer that is supposed to have done so. */
type Subject = { token: string; issuer?: Issuer; jwks?: string; typ?: string | undefined; notes: readonly string[] };

async function prepareSubject(question: Question, client: Client): Promise<Subject> {
  const { shown, now } = question;
  if ('claims' in shown) return supposeClaims(shown.claims, chooseIssuer(question, client, shown.claims['iss']), now);
  const parsed = parseJwt(shown.token);
  // What is refused for its form needs no key.
  if (typeof parsed === 'string') return { token: shown.token, notes: [] };
  const candidates = candidatesFor(client, parsed.claims['iss'], question.trustedIssuer);
  const typ = parsed.header.typ;
  if (candidates.every(({ verification }) => verification.method === 'jwks')) return { token: shown.token, typ, notes: [] };
  const [issuer, ...more] = candidates;
  if (issuer === undefined) return { token: shown.token, typ, notes: [] };
  if (more.length > 0) throw new UnclearQuestion(`--trusted-issuer: say which of ${listed(candidates.map(({ name }) => name))} signed the token; they have one URL`);
  if (!issuer.algorithms.has(parsed.header.alg)) return { token: shown.token, typ, notes: [] };
  const signed = await signWithNewKey({ alg: parsed.header.alg, ...(typ === undefined ? {} : { typ }) }, payloadOf(parsed));
  return { ...signed, issuer, typ, notes: [unchecked(issuer)] };
}

/** Why nothing was verified. */
function unchecked({ name, verification }: Issuer): string {
  const how = verification.method === 'tokenReview' ? 'the API server is asked (TokenReview) by cambio serve only' : 'the keys are fetched by cambio serve';
  return `signature not checked: it is supposed to be one of TrustedIssuer ${name} (${how})`;
}

const payloadOf = ({ compact }: ParsedJwt): Uint8Array => Buffer.from(compact.split('.')[1] ?? '', 'base64url');

/** For how long a supposed token is good, in seconds. */
const supposedLifetime = 300;

async function supposeClaims(claims: JsonObject, issuer: Issuer, now: number): Promise<Subject> {
  const iat = Math.floor(now);
  const lifetime = Math.min(supposedLifetime, issuer.maxTokenLifetimeSeconds);
  const [aud] = issuer.audiences;
  const filled = Object.entries({ iss: issuer.url, aud, iat, exp: iat + lifetime }).filter(([name]) => !(name in claims));
  const payload = Buffer.from(JSON.stringify({ ...claims, ...Object.fromEntries(filled) }));
  const signed: SupposedToken = await signWithNewKey({ alg: algorithmFor(issuer), typ: 'JWT' }, payload);
  const added = filled.length === 0 ? '' : `, with ${filled.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}`;
  return { ...signed, issuer, notes: [`the claims are supposed to be those of a good token of TrustedIssuer ${issuer.name}${added}`] };
}

/** Elliptic curves first: RSA keys take long to make. */
function algorithmFor({ algorithms }: Issuer): string {
  const quick = ['ES256', 'EdDSA', 'ES384', 'ES512'].find((alg) => algorithms.has(alg));
  return quick ?? [...algorithms][0] ?? 'ES256';
}

/** The issuer that claims are supposed to come from. */
function chooseIssuer(question: Question, client: Client, iss: unknown): Issuer {
  const [issuer, ...more] = candidatesFor(client, iss, question.trustedIssuer);
  const all = listed(issuersOf(client).map(({ name }) => name));
  if (issuer === undefined) throw new UnclearQuestion(`--trusted-issuer: the client refers to no TrustedIssuer ${question.trustedIssuer ?? `with the URL ${JSON.stringify(iss)}`} that is in force; those in force: ${all}`);
  if (more.length > 0) throw new UnclearQuestion(`--trusted-issuer: say whose claims they are: ${all}`);
  return issuer;
}

/** The issuers of a client that a token with this `iss` may be of. Without `iss` all of them. */
function candidatesFor(client: Client, iss: unknown, name: string | undefined): Issuer[] {
  return issuersOf(client).filter((issuer) => (name === undefined ? iss === undefined || issuer.url === iss : issuer.name === name));
}

const issuersOf = ({ issuersByURL }: Client): Issuer[] => [...issuersByURL.values()].flat();

function authenticationNotes(client: Client | undefined): string[] {
  return client === undefined || client.authentication.method === 'none' ? [] : ['the client is supposed to have proved who it is'];
}

/** Runs the exchange, on a policy in which what is supposed is so. */
async function explain({ parameters, now }: Question, id: string, subject: Subject, { objects, settings, exchange }: Policy): Promise<Explanation> {
  const [namespace = '', name = ''] = id.split('/');
  const store = createPolicyStore(settings);
  const changed = withSuppositions(objects, keyOf({ kind: 'ExchangeClient', namespace, name }), subject.issuer, subject.jwks ?? '');
  store.apply(changed.map((object) => ({ id: object, object })));
  store.complete();
  const given = {
    grant_type: tokenExchangeGrant,
    client_id: id,
    subject_token: subject.token,
    ...parameters,
    subject_token_type: urnOf(parameters.subject_token_type) ?? tokenTypeURN(typeOf(subject.typ)),
    requested_token_type: urnOf(parameters.requested_token_type),
  };
  const body = new URLSearchParams(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString();
  const request = {
    id: 'check',
    clientIdInPath: undefined,
    query: '',
    contentType: 'application/x-www-form-urlencoded',
    authorization: undefined,
    hasDPoP: false,
    body: Buffer.from(body),
    sourceAddress: '',
  };
  return explainExchange(request, {
    policy: store.snapshot,
    now: () => now,
    newId: () => '(made anew for each token)',
    reviewToken: () => Promise.reject(new Error('a TokenReview was asked for that nobody answers')),
    settings: exchange,
  });
}

const typeOf = (typ: string | undefined): TokenTypeName => (typ?.toLowerCase().replace(/^application\//, '') === 'at+jwt' ? 'access_token' : 'jwt');

/** The short name of a type is enough. */
const urnOf = (type: string | undefined): string | undefined => (type === undefined || type.includes(':') ? type : tokenTypeURN(type as TokenTypeName));

/** What registered claims say of a token itself, and not of its subject. */
const ofTheToken = ['iss', 'aud', 'iat', 'exp', 'nbf', 'cnf'];

/** The same claims in a good token: so that one which has expired meanwhile can still be asked about. */
async function explainIfGood(question: Question, client: Client, policy: Policy): Promise<Explanation | undefined> {
  const claims = 'claims' in question.shown ? question.shown.claims : claimsOf(question.shown.token);
  const [issuer, ...more] = claims === undefined ? [] : candidatesFor(client, claims['iss'], question.trustedIssuer);
  if (claims === undefined || issuer === undefined || more.length > 0) return undefined;
  const kept = Object.fromEntries(Object.entries(claims).filter(([name]) => !ofTheToken.includes(name)));
  const subject = await supposeClaims(kept, issuer, question.now);
  const { subject_token_type: _, ...parameters } = question.parameters;
  const explanation = await explain({ ...question, parameters }, client.id, subject, policy);
  return explanation.record.subject === undefined ? undefined : explanation;
}

function claimsOf(token: string): JsonObject | undefined {
  const parsed = parseJwt(token);
  return typeof parsed === 'string' ? undefined : parsed.claims;
}
