// Runs a case in one of two ways: in process, and over HTTP against a server that really listens.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { createApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/listen.ts';
import { auditLine } from '../../src/audit/audit-log.ts';
import { noteFailure, type AuditRecord } from '../../src/exchange/audit-record.ts';
import type { ExchangeEffects } from '../../src/exchange/effects.ts';
import { exchangeToken } from '../../src/exchange/exchange-token.ts';
import { OAuthError } from '../../src/exchange/oauth-error.ts';
import { unsupportedHeaders, type TokenRequest } from '../../src/exchange/token-request.ts';
import { createExampleRunner } from '../../src/exchange/run-examples.ts';
import type { ReviewToken } from '../../src/exchange/verify-by-review.ts';
import { createSigner, publicJwks, readSigningKeys } from '../../src/keys/signing-keys.ts';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import type { PolicySnapshot } from '../../src/policy/policy.ts';
import { readPublicKey, type PublicKey } from '../../src/policy/public-key.ts';
import { mintToken, testKeys } from './mint-token.ts';
import type { Case } from './read-cases.ts';

export const issuerURL = 'https://cambio.example.com';

/** A TokenReview that was asked for. */
type ReviewAsked = { issuer: string; audiences: readonly string[] };

/** What came of a case. */
export type Outcome = {
  status: number;
  /** The members of the JSON body; empty if there is no body. */
  body: Record<string, unknown>;
  /** The lines of the audit log, as they would be written. */
  audit: Record<string, unknown>[];
  /** Over HTTP only. */
  headers?: IncomingHttpHeaders;
  subjectToken: string;
  /** What was asked of API servers: of which TrustedIssuer's, and the audiences of each TokenReview. */
  reviewsAsked: ReviewAsked[];
  /** The TrustedIssuers whose keys were fetched anew for this token. */
  refetched: string[];
  /** What was reported as a bug of the server. */
  bugs: unknown[];
};

/** Cambio's own keys in every case. */
export const signingKeys = await readSigningKeys(JSON.stringify({ keys: [testKeys['cambio-es'], testKeys['cambio-rs']] }));

/** A case as a request in process, with all that an exchange needs of the world: a fixed clock, and ids that count. */
export function requestInProcess(given: Case): { request: TokenRequest; requestId: string; effects: ExchangeEffects; subjectToken: string; reviewsAsked: ReviewAsked[]; refetched: string[] } {
  const { effects, reviewsAsked, refetched } = effectsOf(given);
  const requestId = effects.newId();
  const subjectToken = mintToken(given.subject_token);
  const { headers, body } = requestOf(given, subjectToken);
  const [path = '', query = ''] = given.request.path.split('?');
  const [, namespace, name] = /^\/clients\/([^/]+)\/([^/]+)\/token$/.exec(path) ?? [];
  const request: TokenRequest = {
    clientIdInPath: namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`,
    query,
    contentType: headers['content-type'],
    authorization: headers['authorization'],
    unsupportedHeader: unsupportedHeaders.find((field) => headers[field] !== undefined),
    body,
  };
  return { request, requestId, effects, subjectToken, reviewsAsked, refetched };
}

/** Runs a case against exchangeToken alone. Cases that need HTTP can't be run so. */
export async function runInProcess(given: Case): Promise<Outcome> {
  const { request, requestId, effects, subjectToken, reviewsAsked, refetched } = requestInProcess(given);
  const record: AuditRecord = { requestId, outcome: 'failed', sourceAddress: '192.0.2.1' };
  const common = { subjectToken, reviewsAsked, refetched, bugs: [] };
  try {
    const response = await exchangeToken(request, record, effects);
    return { ...common, status: 200, body: response, audit: [written(record)] };
  } catch (thrown) {
    if (!(thrown instanceof OAuthError)) throw thrown;
    const { status, error, description } = noteFailure(record, thrown);
    return { ...common, status, body: { error, error_description: description }, audit: [written(record)] };
  }
}

/** Runs a case over HTTP: a server on a free port, and one request over a connection of its own. */
export async function runOverHTTP(given: Case): Promise<Outcome> {
  const { effects, reviewsAsked, refetched } = effectsOf(given);
  const audit: Record<string, unknown>[] = [];
  const bugs: unknown[] = [];
  const app = createApp({
    issuerURL,
    jwks: () => publicJwks(signingKeys),
    token: {
      exchange: (request, record) => exchangeToken(request, record, effects),
      audit: async (record) => void audit.push(written(record)),
      onBug: (error) => bugs.push(error),
      newId: effects.newId,
      monotonic: () => 0,
      maxRequestsInFlight: 10,
      explainDenials: false,
    },
  });
  const server = await listen({ host: '127.0.0.1', port: 0 }, app);
  try {
    const subjectToken = mintToken(given.subject_token);
    return { ...(await send(server.url, given, subjectToken)), audit, bugs, reviewsAsked, refetched, subjectToken };
  } finally {
    await server.close(1000);
  }
}

/** The policy of a case's manifests. Throws where they are not YAML or a document has a mistake. */
export function policyOf({ manifests, policy }: Pick<Case, 'manifests' | 'policy'>): PolicySnapshot {
  const known = policies.get(manifests.file) ?? compile(manifests);
  policies.set(manifests.file, known);
  return { ...known, complete: policy === 'complete' };
}

/** Most cases share their manifests, and a policy never changes. */
const policies = new Map<string, PolicySnapshot>();

function compile(manifests: Case['manifests']): PolicySnapshot {
  const { objects, namespaces, problems, syntaxErrors } = parseManifests(manifests.text, manifests.file);
  const [problem] = [...syntaxErrors, ...problems];
  if (problem !== undefined) throw new Error(`${problem.file}:${problem.line}: ${problem.field}: ${problem.message}`);
  const store = createPolicyStore({
    issuerURL,
    isTrustedNamespace: (namespace) => namespace !== 'tenant',
    reservedAudiences: ['https://reserved.example.com'],
    runExamples: createExampleRunner({ issuerURL, maxLifetimeSeconds: 3600 }),
    cluster: { issuerURL: 'https://kubernetes.default.svc.cluster.local', audiences: ['https://kubernetes.default.svc.cluster.local', 'api'] },
  });
  // Other clusters: an API server takes the name of its Secret with -api for an audience of its own.
  for (const name of ['east', 'alone', 'north']) store.setClusterFacts(name, { revision: '1', identity: name, audiences: [`${name}-api`] });
  store.apply(
    objects.map((object) => ({ id: object, object })),
    namespaces.map(({ namespace }) => namespace),
  );
  return store.snapshot();
}

function effectsOf(given: Case): { effects: ExchangeEffects; reviewsAsked: ReviewAsked[]; refetched: string[] } {
  const reviewsAsked: ReviewAsked[] = [];
  const refetched: string[] = [];
  const policy = policyOf(given);
  const answers = given.reviews.values();
  const reviewToken: ReviewToken = async ({ name }, _token, audiences) => {
    reviewsAsked.push({ issuer: name, audiences });
    const { value: answer } = answers.next();
    if (answer === undefined) throw new Error('the case has no answer for this TokenReview');
    if (answer.unavailable) throw new OAuthError('issuer_unavailable', 'token-review', 'TokenReview could not be had: no route to host');
    const { authenticated, error, confirmed, user } = answer;
    return { authenticated, error, audiences: confirmed, user: { ...user, extra: new Map(Object.entries(user.extra)) } };
  };
  let ids = 0;
  return {
    reviewsAsked,
    refetched,
    effects: {
      policy: () => policy,
      now: () => given.now,
      newId: () => `id-${++ids}`,
      reviewToken,
      issuerKeys: publishedKeys(given.published ?? {}, refetched),
      sign: createSigner(() => signingKeys),
      settings: { issuerURL, ...given.settings },
    },
  };
}

/** The keys that issuers publish, by the name of the TrustedIssuer; `refetched` notes who was asked anew. */
function publishedKeys(published: NonNullable<Case['published']>, refetched: string[]): ExchangeEffects['issuerKeys'] {
  const keysOf = (names: readonly string[] | undefined): readonly PublicKey[] | undefined => names?.flatMap((name) => readPublicKey(publicJwkOf(name)).key ?? []);
  return {
    known: ({ name }) => keysOf(published[name]?.known),
    current: async ({ name }) => keysOf(published[name]?.known ?? published[name]?.current),
    refetched: async ({ name }) => {
      refetched.push(name);
      return keysOf(published[name]?.refetched ?? published[name]?.known);
    },
    trouble: () => undefined,
  };
}

const privateMembers = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi']);

const publicJwkOf = (name: string): object => Object.fromEntries(Object.entries(testKeys[name] ?? {}).filter(([member]) => !privateMembers.has(member)));

/** The bytes of the request: the default parameters as the case changes them, or the body that it gives. */
function requestOf({ request }: Case, subjectToken: string): { headers: Record<string, string>; body: Uint8Array } {
  const filled = (text: string): string => text.replaceAll('${subject_token}', () => subjectToken);
  const defaults: [string, string][] = [
    ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ['client_id', 'payments/deployer'],
    ['subject_token', '${subject_token}'],
    ['subject_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
    ['audience', 'https://deploy.example.com'],
  ];
  const parameters = [...defaults.filter(([name]) => !request.without.includes(name)), ...request.with];
  const form = new URLSearchParams(parameters.map(([name, value]) => [name, filled(value)])).toString();
  const body = request.body_base64 === undefined ? Buffer.from(request.body === undefined ? form : filled(request.body)) : Buffer.from(request.body_base64, 'base64');
  const all = { 'content-type': 'application/x-www-form-urlencoded', ...request.headers };
  return { headers: Object.fromEntries(Object.entries(all).filter(([name]) => !request.without_headers.includes(name))), body };
}

async function send(origin: string, given: Case, subjectToken: string): Promise<Pick<Outcome, 'status' | 'body' | 'headers'>> {
  const { method, path, chunked } = given.request;
  const { headers, body } = requestOf(given, subjectToken);
  const length = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const request = httpRequest(origin + path, { method, headers: { ...length, ...headers }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: membersOf(Buffer.concat(chunks).toString()) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The members of a JSON object; what is not JSON is shown as it is. */
function membersOf(text: string): Record<string, unknown> {
  if (text === '') return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { 'not JSON': text };
  }
}

/** The line as it is written: members without a value fall away. */
const written = (record: AuditRecord): Record<string, unknown> => JSON.parse(JSON.stringify(auditLine(record, 0, 0))) as Record<string, unknown>;
