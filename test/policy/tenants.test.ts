// What a tenant may try who can write ExchangeClients in one namespace: each attempt over HTTP, refused with the rule that refuses it.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exchangeToken } from '../../src/exchange/exchange-token.ts';
import { createApp } from '../../src/http/app.ts';
import { listen, type Listening } from '../../src/http/listen.ts';
import { createSigner, publicJwks } from '../../src/keys/signing-keys.ts';
import type { ReadNamespace } from '../../src/manifests/read-namespace.ts';
import type { ReadObject } from '../../src/manifests/read-object.ts';
import { createPolicyStore, type PolicyStore, type Verdict } from '../../src/policy/policy-store.ts';
import { signingKeys } from '../cases/run-case.ts';
import { exchange, type Answer } from '../start-cambio.ts';
import { client, clusterSettings, issuer, labelled, put, target } from './objects.ts';

const now = 1_800_000_000;
const forTenant = { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'tenant' } } };
const forOthers = { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'payments' } } };

let server: Listening;
let store: PolicyStore;
let audit: Record<string, unknown>[];
let key: CryptoKey;
let jwks: string;

/** What the platform team has declared. `ci` is tied to a label of the namespace; the others are for everybody, or for nobody here. */
function platform(): ReadObject[] {
  const verification = { jwks };
  const tied = { claimValidationRules: [{ expression: "client.trusted || claims.group == client.namespaceLabels['team']", message: 'the group is another team\'s' }] };
  return [
    issuer('ci', { spec: { verification, allowedNamespaces: forTenant, ...tied } }),
    issuer('private', { spec: { verification } }),
    issuer('cluster', { spec: { verification, kubernetes: true, allowedNamespaces: { from: 'All' } } }),
    issuer('in-cluster', { issuer: { url: null }, spec: { verification: { tokenReview: {} }, allowedNamespaces: { from: 'All' } } }),
    target('deploy', { spec: { audience: 'deploy', allowedNamespaces: forTenant, maxLifetimeSeconds: 120, scopes: ['read'], claims: [{ name: 'groups', rule: "value.all(g, g.startsWith(client.namespace + ':'))" }, { name: 'data', rule: 'true' }] } }),
    target('robots', { spec: { audience: 'robots', allowedNamespaces: forTenant, subjectMapping: 'Allowed' } }),
    target('others', { spec: { audience: 'others', allowedNamespaces: forOthers } }),
    target('suspended', { spec: { audience: 'suspended', allowedNamespaces: { from: 'All' }, suspend: true } }),
    target('broken', { spec: { audience: 'broken', allowedNamespaces: { from: 'All' }, maxLifetimeSecond: 60 } }),
    target('invalid', { spec: { audience: 'invalid', allowedNamespaces: { from: 'All' }, tokenValidationRules: [{ expression: 'token.' }] } }),
    ...['twice-a', 'twice-b'].map((name) => target(name, { spec: { audience: 'twice', allowedNamespaces: { from: 'All' } } })),
    ...[clusterSettings.issuerURL, 'https://reserved.example.com', 'k3s'].map((audience, index) => target(`reserved-${index}`, { spec: { audience, allowedNamespaces: { from: 'All' } } })),
  ];
}

beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  key = pair.privateKey;
  jwks = JSON.stringify({ keys: [await exportJWK(pair.publicKey)] });
  const app = createApp({
    issuerURL: clusterSettings.issuerURL,
    jwks: () => publicJwks(signingKeys),
    token: {
      exchange: (request, record) =>
        exchangeToken(request, record, {
          policy: () => store.snapshot(),
          now: () => now,
          newId: () => 'id',
          reviewToken: () => Promise.reject(new Error('nobody is asked')),
          issuerKeys: { known: () => undefined, current: async () => undefined, refetched: async () => undefined, trouble: () => undefined },
          sign: createSigner(() => signingKeys),
          settings: { issuerURL: clusterSettings.issuerURL, maxLifetimeSeconds: 3600, signingAlgorithm: 'ES256' },
        }),
      audit: async (record) => void audit.push({ ...record }),
      onBug: (error) => audit.push({ bug: error }),
      newId: () => 'id',
      monotonic: () => 0,
      maxRequestsInFlight: 10,
      explainDenials: false,
    },
  });
  server = await listen({ host: '127.0.0.1', port: 0 }, app);
});
afterAll(() => server.close(0));
beforeEach(() => {
  audit = [];
  store = createPolicyStore(clusterSettings);
  store.apply(platform().map(put), [labelled('tenant', 'blue')]);
  store.complete();
});

type Attempt = {
  subject?: object;
  target?: object;
  claims?: Record<string, unknown>;
  /** ResolvedRefs of the client; undefined if it is Resolved. */
  reason?: string;
  /** Of the audit log. */
  check: string;
  says: string;
};

const serviceAccount = (namespace: string, name = 'api') => ({ iss: 'https://cluster.example.com', sub: `system:serviceaccount:${namespace}:${name}`, 'kubernetes.io': { namespace, serviceaccount: { name } } });
const good = { iss: 'https://ci.example.com', sub: 'repo:blue/app', group: 'blue' };

async function attempt({ subject = { issuerRef: { name: 'ci' }, subjectPattern: 'repo:blue/*' }, target: wanted = { audience: 'deploy' }, claims = {} }: Partial<Attempt>): Promise<{ answer: Answer; verdict: Verdict | undefined }> {
  const [verdict] = store.apply([put(client('x', [], { namespace: 'tenant', spec: { subjects: [subject], targets: [{ default: true, ...wanted }] } }))]).filter(({ id }) => id.kind === 'ExchangeClient');
  const token = await new SignJWT({ aud: clusterSettings.issuerURL, iat: now - 10, exp: now + 300, ...good, ...claims }).setProtectedHeader({ alg: 'ES256' }).sign(key);
  return { answer: await exchange(server.url, { client_id: 'tenant/x', subject_token: token }), verdict };
}

const noAudience = (audience: string): string => `no TargetService allows clients of the namespace tenant to hand out ${audience}`;
const never = (audience: string): string => `${audience} is never handed out outside the trusted namespaces`;
const off = (name: string): string => `TargetService ${name} is off; its own status says why`;

describe('a tenant tries for', () => {
  test.each<[string, Attempt]>([
    ['another namespace\'s audience', { target: { audience: 'others' }, reason: 'AudienceNotPermitted', check: 'one-target', says: noAudience('others') }],
    ['an audience that nobody has declared', { target: { audience: 'https://bank.example.com' }, reason: 'AudienceNotPermitted', check: 'one-target', says: noAudience('https://bank.example.com') }],
    ['a reserved audience', { target: { audience: 'https://reserved.example.com' }, reason: 'AudienceReserved', check: 'one-target', says: never('https://reserved.example.com') }],
    ['Cambio\'s own', { target: { audience: 'https://cambio.example.com' }, reason: 'AudienceReserved', check: 'one-target', says: never('https://cambio.example.com') }],
    ['the API server\'s', { target: { audience: 'k3s' }, reason: 'AudienceReserved', check: 'one-target', says: never('k3s') }],
    ['the API server\'s issuer', { target: { audience: 'https://kubernetes.default.svc.cluster.local' }, reason: 'AudienceReserved', check: 'one-target', says: never('https://kubernetes.default.svc.cluster.local') }],
    ['another cluster\'s API server', { target: { audience: 'https://cluster.example.com' }, reason: 'AudienceReserved', check: 'one-target', says: never('https://cluster.example.com') }],
    ['an audience whose TargetService is broken', { target: { audience: 'broken' }, reason: 'TargetNotReady', check: 'one-target', says: off('broken') }],
    ['one whose TargetService has an expression that is none', { target: { audience: 'invalid' }, reason: 'TargetNotReady', check: 'one-target', says: off('invalid') }],
    ['one that is there twice', { target: { audience: 'twice' }, reason: 'TargetNotReady', check: 'one-target', says: 'TargetService twice-a, twice-b are for one audience' }],
    ['one that is suspended', { target: { audience: 'suspended' }, reason: 'TargetNotReady', check: 'one-target', says: off('suspended') }],
    ['a scope that its owner does not offer', { target: { audience: 'deploy', scopes: ['read', 'admin'] }, reason: 'ScopeNotPermitted', check: 'one-target', says: 'TargetService deploy does not offer admin' }],

    ['an issuer that its namespace may not use', { subject: { issuerRef: { name: 'private' }, subject: 'x' }, claims: { iss: 'https://private.example.com' }, reason: 'IssuerNotPermitted', check: 'subject-issuer', says: 'TrustedIssuer private does not allow clients of the namespace tenant (its allowedNamespaces)' }],
    ['another team\'s repository', { subject: { issuerRef: { name: 'ci' }, subject: 'repo:red/app' }, claims: { sub: 'repo:red/app', group: 'red' }, check: 'claim-validation', says: "claimValidationRules[0]: the group is another team's (it is not true)" }],
    ['another team\'s repository, by a condition of its own', { subject: { issuerRef: { name: 'ci' }, conditions: [{ expression: 'true' }] }, claims: { sub: 'repo:red/app', group: 'red' }, check: 'claim-validation', says: "claimValidationRules[0]: the group is another team's (it is not true)" }],

    ['another namespace\'s ServiceAccount, by serviceAccounts', { subject: { issuerRef: { name: 'cluster' }, serviceAccounts: [{ namespace: 'payments', name: 'api' }] }, claims: serviceAccount('payments'), reason: 'ServiceAccountNotPermitted', check: 'subject-issuer', says: 'names the namespace payments, and TrustedIssuer cluster allows ServiceAccounts of tenant only here' }],
    ['… one of several', { subject: { issuerRef: { name: 'cluster' }, serviceAccounts: [{ namespace: 'tenant', name: 'api' }, { namespace: 'payments', name: 'api' }] }, claims: serviceAccount('payments'), reason: 'ServiceAccountNotPermitted', check: 'subject-issuer', says: 'names the namespace payments' }],
    ['… by subject', { subject: { issuerRef: { name: 'cluster' }, subject: 'system:serviceaccount:payments:api' }, claims: serviceAccount('payments'), reason: 'ServiceAccountNotPermitted', check: 'subject-issuer', says: 'names the namespace payments' }],
    ['… by subjectPattern', { subject: { issuerRef: { name: 'cluster' }, subjectPattern: 'system:serviceaccount:*:api' }, claims: serviceAccount('payments'), check: 'service-account-namespace', says: 'the ServiceAccount is in the namespace payments, the client in tenant' }],
    ['… by a condition alone', { subject: { issuerRef: { name: 'cluster' }, conditions: [{ expression: 'true' }] }, claims: serviceAccount('payments'), check: 'service-account-namespace', says: 'the ServiceAccount is in the namespace payments, the client in tenant' }],
    ['… by an issuer that has none', { subject: { issuerRef: { name: 'ci' }, conditions: [{ expression: 'true' }] }, claims: { sub: 'system:serviceaccount:payments:api' }, check: 'kubernetes-token-outside', says: 'it looks like a ServiceAccount token, and TrustedIssuer ci is not said to have any' }],
    ['… that is in no namespace of another cluster', { subject: { issuerRef: { name: 'cluster' }, serviceAccounts: [{ name: 'api' }] }, claims: serviceAccount('payments'), reason: 'ServiceAccountNotPermitted', check: 'subject-issuer', says: 'namespace is required for each' }],

    ['`sub` of somebody else', { target: { audience: 'deploy', claimMappings: { subject: { expression: "'admin'" } } }, reason: 'SubjectMappingNotPermitted', check: 'one-target', says: 'TargetService deploy does not allow clients of the namespace tenant to replace sub (its subjectMapping)' }],
    ['a claim that is not offered', { target: { audience: 'deploy', claimMappings: { claims: [{ name: 'email', expression: "'admin@example.com'" }] } }, reason: 'ClaimNotPermitted', check: 'one-target', says: 'TargetService deploy does not allow clients of the namespace tenant to set email (its claims)' }],
    ['a group outside its namespace', { target: { audience: 'deploy', claimMappings: { claims: [{ name: 'groups', expression: "['payments:admins']" }] } }, check: 'target-claims', says: 'TargetService deploy: groups: claims[0]: it is not true' }],
    ['a group that no rule can be asked about', { target: { audience: 'deploy', claimMappings: { claims: [{ name: 'groups', expression: '7' }] } }, check: 'target-claims', says: 'TargetService deploy: groups: claims[0]: ' }],
    ['system:masters', { target: { audience: 'deploy', claimMappings: { claims: [{ name: 'data', expression: "'system:masters'" }] } }, check: 'system-names', says: 'data would hold a name that begins with "system:"' }],
    ['system:masters, deep inside a claim', { target: { audience: 'deploy', claimMappings: { claims: [{ name: 'data', expression: "{'a': [[{'b': ['x', 'system:masters']}]]}" }] } }, check: 'system-names', says: 'data would hold a name that begins with "system:"' }],
    ['system:masters, as a key', { target: { audience: 'deploy', claimMappings: { claims: [{ name: 'data', expression: "{'a': {'system:masters': 1}}" }] } }, check: 'system-names', says: 'data would hold a name that begins with "system:"' }],
    ['a `sub` of the system, where it may replace it', { target: { audience: 'robots', claimMappings: { subject: { expression: "'system:admin'" } } }, check: 'system-names', says: 'sub would hold a name that begins with "system:"' }],
  ])('%s', async (_name, given) => {
    const { answer, verdict } = await attempt(given);
    const resolved = verdict?.conditions.find(({ type }) => type === 'ResolvedRefs');
    expect(resolved).toMatchObject({ reason: given.reason ?? 'Resolved', message: expect.stringContaining(given.reason === undefined ? 'is in force' : given.says) as string });
    expect(audit).toEqual([expect.objectContaining({ outcome: 'denied', check: given.check, reason: expect.stringContaining(given.says) as string })]);
    expect(answer.status).toBe(400);
    // What the caller is told has nothing of the reason.
    expect(answer.body['error_description']).toMatch(/^The (requested target is unknown or not allowed|subject token or the actor token is invalid or not acceptable)\.$/);
  });

  test('a longer life: the owner\'s limit and the subject token\'s end stand', async () => {
    expect((await attempt({ target: { audience: 'deploy', lifetimeSeconds: 86_400 } })).answer.body['expires_in']).toBe(120);
    expect((await attempt({ target: { audience: 'robots', lifetimeSeconds: 86_400 } })).answer.body['expires_in']).toBe(300);
  });

  test('what it may have it gets', async () => {
    const { answer, verdict } = await attempt({ target: { audience: 'deploy', scopes: ['read'], claimMappings: { claims: [{ name: 'groups', expression: "['tenant:deployers']" }] } } });
    expect(verdict?.conditions[0]).toMatchObject({ type: 'Ready', status: 'True' });
    expect(answer.status).toBe(200);
    expect((await attempt({ subject: { issuerRef: { name: 'cluster' }, serviceAccounts: [{ namespace: 'tenant', name: 'api' }] }, claims: serviceAccount('tenant') })).answer.status).toBe(200);
    expect((await attempt({ target: { audience: 'robots', claimMappings: { subject: { expression: "'robot'" } } } })).answer.status).toBe(200);
  });
});

describe('what a label of the namespace grants ends with the label', () => {
  test.each<[string, string, number]>([
    ['another team', 'red', 400],
    ['none', 'none', 400],
    ['one that nobody can read', 'unreadable', 400],
    ['the same', 'blue', 200],
  ])('%s', async (_name, team, status) => {
    expect((await attempt({})).answer.status).toBe(200);
    store.apply([], [labelled('tenant', team)]);
    expect((await attempt({})).answer.status).toBe(status);
  });
});

describe('what a label of the namespace takes away is not granted while its labels are not known', () => {
  const notRed = { key: 'team', operator: 'NotIn', values: ['red'] };
  const noRed = { expression: "!(has(client.namespaceLabels.team) && client.namespaceLabels.team == 'red')" };
  const by: Record<string, object> = {
    'a selector of the issuer': { allowedNamespaces: { from: 'Selector', selector: { matchExpressions: [notRed] } } },
    'a rule of the issuer': { allowedNamespaces: { from: 'All' }, claimValidationRules: [noRed] },
  };
  const states: [string, ReadNamespace[], number][] = [
    ['not told yet', [], 400],
    ['with the label', [labelled('tenant', 'red')], 400],
    ['unreadable', [labelled('tenant', 'unreadable')], 400],
    ['without it', [labelled('tenant')], 200],
    ['gone again', [labelled('tenant'), { name: 'tenant', labels: undefined }], 400],
  ];
  test.each(Object.keys(by).flatMap((way) => states.map(([name, told, status]) => ({ way, name, told, status }))))('$way, $name', async ({ way, told, status }) => {
    store = createPolicyStore(clusterSettings);
    store.apply([put(issuer('ci', { spec: { verification: { jwks }, ...by[way] } })), put(target('deploy', { spec: { audience: 'deploy', allowedNamespaces: { from: 'All' } } }))]);
    store.complete();
    for (const namespace of told) store.apply([], [namespace]);
    expect((await attempt({})).answer.status).toBe(status);
  });
});
