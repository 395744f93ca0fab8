// The decision: the checks in their order, and what is gathered for them.
import { describe, expect, test } from 'vitest';
import { checks } from '../../src/exchange/checks.ts';
import { decide, gather, type Question } from '../../src/exchange/decide.ts';
import type { ExchangeRequest } from '../../src/exchange/read-exchange-request.ts';
import type { VerifiedToken } from '../../src/exchange/verified-token.ts';
import type { Client, Issuer, SubjectRule, Target } from '../../src/policy/policy.ts';

const issuer = { name: 'ci', url: 'https://ci.example.com', subjectPrefix: 'ci:', kubernetes: false, urlShared: false, claimValidationRules: [] as Issuer['claimValidationRules'] } as Issuer;
const cluster = { ...issuer, name: 'cluster', kubernetes: true };
const target = (audience: string, more: Partial<Target> = {}): Target => ({
  audience,
  scopes: [],
  defaultScopes: [],
  tokenTypes: ['access_token'],
  lifetimeSeconds: 300,
  mappings: { subject: undefined, claims: [] },
  service: undefined,
  ...more,
});
const deploy = target('https://deploy.example.com', { scopes: ['read', 'deploy'], defaultScopes: ['read'] });
const registry = target('registry', { tokenTypes: ['id_token', 'jwt'] });
const byName: SubjectRule = { field: 'subjects[0]', issuer, conditions: [], match: 'subject', subject: 'prod' };
const byAccount: SubjectRule = {
  field: 'subjects[1]',
  issuer: cluster,
  conditions: [],
  match: 'serviceAccounts',
  serviceAccounts: [
    { namespace: 'payments', name: 'deployer', uid: undefined },
    { namespace: 'payments', name: 'pinned', uid: 'uid-1' },
  ],
};
const client: Client = {
  id: 'payments/deployer',
  namespace: 'payments',
  name: 'deployer',
  trusted: true,
  namespaceLabels: new Map(),
  authentication: { method: 'none' },
  subjects: [byName, byAccount],
  issuersByURL: new Map([[issuer.url, [issuer]]]),
  targets: new Map([deploy, registry].map((entry) => [entry.audience, entry])),
  defaultTarget: undefined,
  inert: [],
};
const subject: VerifiedToken = { issuer, sub: 'prod', claims: {}, exp: 2000, serviceAccount: undefined };
const asked: ExchangeRequest = {
  subject_token: '',
  subject_token_type: 'jwt',
  requested_token_type: undefined,
  audience: ['https://deploy.example.com'],
  resource: [],
  scope: [],
};
type Given = { client?: Partial<Client>; asked?: Partial<ExchangeRequest>; subject?: Partial<VerifiedToken>; now?: number; maxLifetimeSeconds?: number };

const question = (given: Given): Question => ({
  client: { ...client, ...given.client },
  asked: { ...asked, ...given.asked },
  subject: { ...subject, ...given.subject },
  now: given.now ?? 1000,
  maxLifetimeSeconds: given.maxLifetimeSeconds ?? 3600,
  issuerURL: 'https://cambio.example.com',
});

test('the checks, in their order', () => {
  expect(checks.map(({ name }) => name)).toEqual([
    'claim-validation',
    'kubernetes-token-outside',
    'service-account-namespace',
    'subject',
    'resource',
    'one-target',
    'target',
    'token-type',
    'scope',
    'lifetime',
    'claim-mappings',
    'target-claims',
    'system-names',
    'token-validation',
  ]);
  expect(checks.every(({ asks }) => asks.endsWith('?'))).toBe(true);
});

test('a grant', () => {
  const claims = {
    iss: 'https://cambio.example.com',
    sub: 'ci:prod',
    aud: 'https://deploy.example.com',
    exp: 1300,
    iat: 1000,
    client_id: 'payments/deployer',
    scope: 'read',
    sub_id: { format: 'iss_sub', iss: 'https://ci.example.com', sub: 'prod' },
  };
  expect(decide(question({ now: 1000.75 }))).toEqual({ target: deploy, tokenType: 'access_token', scopes: ['read'], lifetimeSeconds: 300, claims });
});

test('where no expression looks, no claim is converted', () => {
  const claims = new Proxy({ iss: 'x' }, { ownKeys: () => expect.unreachable('the claims were looked at') });
  expect(() => Object.keys(claims)).toThrow('the claims were looked at');
  expect(decide(question({ subject: { claims } })).lifetimeSeconds).toBe(300);
});

describe('the first check that denies', () => {
  const unknown = 'https://unknown.example.com';
  test.for<[string, Given, string, string]>([
    ['another subject', { subject: { sub: 'dev' } }, 'subject', 'unacceptable_token'],
    ['the same name from another issuer', { subject: { issuer: { ...issuer } } }, 'subject', 'unacceptable_token'],
    ['another subject and everything else too', { subject: { sub: 'dev', exp: 0 }, asked: { audience: [unknown, 'x'], resource: ['y'], scope: ['z'] } }, 'subject', 'unacceptable_token'],
    ['no target', { asked: { audience: [] } }, 'one-target', 'invalid_target'],
    ['two targets', { asked: { audience: ['https://deploy.example.com', 'registry'] } }, 'one-target', 'invalid_target'],
    ['a good target and an unknown one', { asked: { audience: ['https://deploy.example.com', unknown] } }, 'one-target', 'invalid_target'],
    ['an unknown target', { asked: { audience: [unknown] } }, 'target', 'invalid_target'],
    ['an unknown target beside a default', { asked: { audience: [unknown] }, client: { defaultTarget: deploy } }, 'target', 'invalid_target'],
    ['a relative resource', { asked: { audience: [], resource: ['deploy'] } }, 'resource', 'invalid_target'],
    ['a relative resource beside a good audience', { asked: { resource: ['deploy'] } }, 'resource', 'invalid_target'],
    ['a type that is not offered', { asked: { requested_token_type: 'id_token' } }, 'token-type', 'unacceptable_token_type'],
    ['a type that is not offered there', { asked: { audience: ['registry'], requested_token_type: 'access_token' } }, 'token-type', 'unacceptable_token_type'],
    ['a scope too many', { asked: { scope: ['read', 'admin'] } }, 'scope', 'invalid_scope'],
    ['a scope where there are none', { asked: { audience: ['registry'], scope: ['read'] } }, 'scope', 'invalid_scope'],
    ['nothing left', { now: 2000 }, 'lifetime', 'unacceptable_token'],
    ['less than a second left', { now: 1999.5 }, 'lifetime', 'unacceptable_token'],
    ['after the end', { now: 2030 }, 'lifetime', 'unacceptable_token'],
  ])('%s', ([, given, check, mistake]) => {
    expect(() => decide(question(given))).toThrow(expect.objectContaining({ check, mistake }));
  });
});

describe('the lifetime is the least of all bounds, rounded down', () => {
  test.for<[Given, number]>([
    [{}, 300],
    [{ maxLifetimeSeconds: 60 }, 60],
    [{ now: 1800 }, 200],
    [{ now: 1800.001 }, 199],
    [{ now: 1999 }, 1],
    [{ subject: { exp: 1100.9 } }, 100],
    [{ asked: { audience: ['nowhere'] } }, 0],
  ])('%j', ([given, seconds]) => {
    expect(gather(question(given)).lifetimeSeconds).toBe(seconds);
  });

  test('it never reaches past the end of the subject token, at whatever fraction of a second', () => {
    const ends = Array.from({ length: 50 }, (_, tenth) => {
      const now = 1900 + tenth / 10;
      return Math.floor(now) + gather(question({ now })).lifetimeSeconds;
    });
    expect(Math.max(...ends)).toBe(2000);
  });
});

test('an absolute URI without a fragment', () => {
  const accepted = ['https://a', 'urn:example:a', 'a:b', 'https://a/b?c=d&e', 'https://[::1]:8080/%20', 'spiffe://a/b', "x:!$&'()*+,;=~"];
  const refused = ['a', '/a', '//a/b', '', ':a', '1a:b', 'https://a#', 'https://a#b', 'https://a b', 'https://a"', 'https://a\n', 'https://ä', 'https:', 'a:<b>', 'a:b\\c', 'a:{b}', 'a:`', 'a:|', 'a:^'];
  const isAccepted = (resource: string): boolean => checks.find(({ name }) => name === 'resource')?.denies(gather(question({ asked: { resource: [resource] } }))) === undefined;
  expect(accepted.filter((uri) => !isAccepted(uri))).toEqual([]);
  expect(refused.filter(isAccepted)).toEqual([]);
});

describe('ServiceAccounts are matched by namespace, name and uid', () => {
  test.for<[VerifiedToken['serviceAccount'], boolean]>([
    [{ namespace: 'payments', name: 'deployer', uid: 'any' }, true],
    [{ namespace: 'payments', name: 'deployer', uid: undefined }, true],
    [{ namespace: 'payments', name: 'pinned', uid: 'uid-1' }, true],
    [{ namespace: 'payments', name: 'pinned', uid: 'uid-2' }, false],
    [{ namespace: 'payments', name: 'pinned', uid: undefined }, false],
    [{ namespace: 'other', name: 'deployer', uid: 'any' }, false],
    [{ namespace: 'payments', name: 'other', uid: 'any' }, false],
    [undefined, false],
  ])('%j', ([serviceAccount, matches]) => {
    expect(gather(question({ subject: { issuer: cluster, sub: 'prod', serviceAccount } })).match().rule === byAccount).toBe(matches);
  });
});
