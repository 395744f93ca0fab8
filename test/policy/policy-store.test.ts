// The policy store: what is in force after changes, what is said about each object, and what is left untouched.
import { describe, expect, test } from 'vitest';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import { client, clusterSettings, describeVerdicts, issuer, messageOf, put, remove, settings, storeOf } from './objects.ts';

const ready = 'Ready=True Ready, Accepted=True Accepted';
const resolved = `${ready}, ResolvedRefs=True Resolved, ExamplesPassed=True None`;
const off = (reason: string): string => `Ready=False NotAccepted, Accepted=False ${reason}, Stalled=True NotAccepted`;
const suspended = 'Ready=False Suspended, Accepted=True Accepted, Stalled=True Suspended';
const nothing = (reason: string): string => `Ready=False NothingLoaded, Accepted=True Accepted, ResolvedRefs=False ${reason}, ExamplesPassed=True None, Stalled=True NothingLoaded`;
const partly = (reason: string): string => `Ready=False PartlyLoaded, Accepted=True Accepted, ResolvedRefs=False ${reason}, ExamplesPassed=True None, Stalled=True PartlyLoaded`;

const tokenReview = { verification: { tokenReview: {} } };

test('why a client is not in force is kept for the audit log, as long as it is so', () => {
  const { store } = storeOf([issuer('ci'), client('on', ['ci'])]);
  const whyOff = (name: string): string | undefined => store.snapshot().clientsOff.get(`payments/${name}`);
  expect([...store.snapshot().clientsOff]).toEqual([]);
  store.apply([put(client('on', ['ci'], { spec: { suspend: true } }))]);
  expect(whyOff('on')).toBe('Suspended: spec.suspend is true');
  store.apply([put(client('on', ['ci'], { spec: { suspendd: true } }))]);
  expect(whyOff('on')).toBe('UnknownField: spec.suspendd: unknown field; did you mean suspend?');
  store.apply([remove(client('on', ['ci']))]);
  expect(whyOff('on')).toBeUndefined();
  store.apply([put(client('on', ['ci'], { spec: { suspend: true } }))]);
  store.apply([put(client('on', ['ci']))]);
  expect([...store.snapshot().clientsOff]).toEqual([]);
});

describe('an object by itself', () => {
  test('in force, with what its status shows', () => {
    const { store, verdicts } = storeOf([issuer('ci', { generation: 3 }), client('deployer', ['ci'], { generation: 9, spec: { targets: [{ audience: 'vault' }, { audience: 'registry' }] } })]);
    expect(verdicts).toEqual([
      {
        id: { kind: 'TrustedIssuer', namespace: '', name: 'ci' },
        generation: 3,
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Ready', message: 'tokens of https://ci.example.com are accepted from clients that refer to this issuer' },
          { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the object was understood whole' },
        ],
        fields: { issuerURL: 'https://ci.example.com', verification: 'jwks', keys: 1 },
      },
      {
        id: { kind: 'ExchangeClient', namespace: 'payments', name: 'deployer' },
        generation: 9,
        conditions: [
          { type: 'Ready', status: 'True', reason: 'Ready', message: 'requests of this client are answered' },
          { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the object was understood whole' },
          { type: 'ResolvedRefs', status: 'True', reason: 'Resolved', message: 'everything that it refers to is in force' },
          { type: 'ExamplesPassed', status: 'True', reason: 'None', message: 'there are no examples' },
        ],
        fields: { authentication: 'none', targets: 'vault (+1)' },
      },
    ]);
    expect(store.snapshot().clients.get('payments/deployer')).toMatchObject({
      id: 'payments/deployer',
      namespace: 'payments',
      name: 'deployer',
      authentication: { method: 'none' },
      subjects: [{ field: 'subjects[0]', match: 'subject', subject: 'someone', issuer: { name: 'ci', url: 'https://ci.example.com', subjectPrefix: 'ci:', kubernetes: false, urlShared: false } }],
      defaultTarget: undefined,
    });
  });

  test.each([
    { name: 'a field that is not known', object: issuer('x', { spec: { allowEverything: true } }), verdict: off('UnknownField'), message: 'spec.allowEverything: unknown field; known are issuer, verification, algorithms, maxTokenLifetimeSeconds, clockSkewSeconds, subjectPrefix, kubernetes, allowPrivateAddresses, claimValidationRules, allowedNamespaces, serviceAccountNamespaces, suspend' },
    { name: 'a wrong value', object: issuer('x', { spec: { clockSkewSeconds: 301 } }), verdict: off('InvalidField'), message: 'spec.clockSkewSeconds: must be at most 300' },
    { name: 'both', object: issuer('x', { spec: { clockSkewSeconds: 301, suspendd: true } }), verdict: off('UnknownField'), message: 'spec.clockSkewSeconds: must be at most 300; spec.suspendd: unknown field; did you mean suspend?' },
    { name: 'keys that are none', object: issuer('x', { spec: { verification: { jwks: '[]' } } }), verdict: off('InvalidKey'), message: 'spec.verification.jwks: is not a JWK Set: an object like {"keys": [ … ]}' },
    { name: 'Cambio\'s own URL', object: issuer('x', { issuer: { url: 'https://cambio.example.com' } }), verdict: off('Reserved'), message: 'spec.issuer.url: https://cambio.example.com is Cambio itself; its tokens can\'t be exchanged again' },
    { name: 'suspended', object: issuer('x', { spec: { suspend: true } }), verdict: suspended, message: 'spec.suspend is true' },
    { name: 'suspended and wrong: the mistake is said', object: issuer('x', { spec: { suspend: true, verification: { jwks: '{}' } } }), verdict: off('InvalidKey'), message: 'spec.verification.jwks: is not a JWK Set: an object like {"keys": [ … ]}' },
    { name: 'tokenReview without an API server', object: issuer('x', { spec: tokenReview }), verdict: off('InvalidField'), message: 'spec.verification.tokenReview: needs an API server, and manifests are read from a directory here; use jwks, jwksURL or discovery' },
  ])('TrustedIssuer: $name', ({ object, verdict, message }) => {
    const { store, verdicts } = storeOf([object, client('deployer', ['x'])]);
    expect(describeVerdicts(verdicts)).toEqual([`ExchangeClient/payments/deployer: ${nothing('IssuerNotReady')}`, `TrustedIssuer//x: ${verdict}`]);
    expect(messageOf(verdicts, 'x')).toBe(message);
    expect(messageOf(verdicts, 'deployer')).toBe('spec.subjects[0].issuerRef: TrustedIssuer x is off; its own status says why');
    expect(store.snapshot().clients.get('payments/deployer')).toMatchObject({ subjects: [], issuersByURL: new Map() });
  });

  test.each([
    { name: 'an expression that is none', object: client('x', ['ci'], { spec: { subjects: [{ issuerRef: { name: 'ci' }, conditions: [{ expression: 'true' }, { expression: 'claims.' }] }] } }), verdict: off('InvalidExpression'), message: expect.stringMatching(/^spec\.subjects\[0\]\.conditions\[1\]\.expression: /) as string },
    { name: 'suspended', object: client('x', ['ci'], { spec: { suspend: true } }), verdict: suspended, message: 'spec.suspend is true' },
    { name: 'a wrong value', object: client('x', ['ci'], { spec: { targets: [] } }), verdict: off('InvalidField'), message: 'spec.targets: must have at least 1 entry' },
    { name: 'an unknown field', object: client('x', ['ci'], { spec: { actors: {} } }), verdict: off('UnknownField'), message: 'spec.actors: unknown field; known are authentication, subjects, targets, examples, suspend' },
  ])('ExchangeClient: $name', ({ object, verdict, message }) => {
    const { store, verdicts } = storeOf([issuer('ci'), object]);
    expect(describeVerdicts(verdicts)[0]).toBe(`ExchangeClient/${object.namespace}/x: ${verdict}`);
    expect(messageOf(verdicts, 'x')).toEqual(message);
    expect([...store.snapshot().clients]).toEqual([]);
  });

  test('the default target is that which says so', () => {
    const { store } = storeOf([issuer('ci'), client('a', ['ci'], { spec: { targets: [{ audience: 'one' }, { audience: 'two', default: true }] } })]);
    expect(store.snapshot().clients.get('payments/a')?.defaultTarget?.audience).toBe('two');
  });

  test('a message that quotes what somebody wrote is cut to what the API server takes', () => {
    const { verdicts } = storeOf([issuer('x', { spec: { ['k'.repeat(100_000)]: 1 } }), issuer('y', { spec: { verification: { jwks: JSON.stringify({ keys: [{ kty: 'K'.repeat(60_000) }] }) } } })]);
    expect(verdicts.flatMap(({ conditions }) => conditions).filter(({ message }) => message.length > 32_768)).toEqual([]);
    expect(messageOf(verdicts, 'x')).toMatch(/^spec\.k{4000,}…$/);
  });
});

describe('tokens of the cluster', () => {
  const inCluster = (more: object = {}): ReturnType<typeof issuer> => issuer('in-cluster', { issuer: { url: null, ...more }, spec: tokenReview });

  test('the API server\'s own URL and audiences are taken', () => {
    const { store, verdicts } = storeOf([inCluster(), client('a', ['in-cluster'])], clusterSettings);
    expect(describeVerdicts(verdicts)).toEqual([`ExchangeClient/payments/a: ${resolved}`, `TrustedIssuer//in-cluster: ${ready}`]);
    expect(verdicts[0]?.fields).toEqual({ issuerURL: 'https://kubernetes.default.svc.cluster.local', verification: 'tokenReview' });
    expect(store.snapshot().clients.get('payments/a')?.subjects[0]?.issuer).toMatchObject({
      url: 'https://kubernetes.default.svc.cluster.local',
      kubernetes: true,
      verification: { method: 'tokenReview', cluster: undefined },
      apiServerAudiences: new Set(['https://kubernetes.default.svc.cluster.local', 'https://api.cluster.example.com', 'k3s']),
    });
  });

  test.each([
    { name: 'its issuer URL', parts: { audiences: ['https://kubernetes.default.svc.cluster.local'] } },
    { name: 'one that Cambio found', parts: { audiences: ['cambio', 'k3s'] } },
    { name: 'one that the object itself names', parts: { audiences: ['cambio', 'other'], apiServerAudiences: ['other'] } },
  ])('an audience of the API server can not be one of Cambio\'s: $name', ({ parts }) => {
    const { verdicts } = storeOf([inCluster(parts)], clusterSettings);
    expect(describeVerdicts(verdicts)).toEqual([`TrustedIssuer//in-cluster: ${off('InvalidField')}`]);
    expect(messageOf(verdicts, 'in-cluster')).toBe(
      `spec.issuer.audiences: ${parts.audiences.at(-1)} is an audience of the API server, and a token with it is always refused; name one of Cambio's, such as https://cambio.example.com`,
    );
  });

  test('without a URL, where the API server did not tell its own', () => {
    const { verdicts } = storeOf([inCluster()], { ...clusterSettings, cluster: { issuerURL: undefined, audiences: [] } });
    expect(describeVerdicts(verdicts)).toEqual([`TrustedIssuer//in-cluster: ${off('InvalidField')}`]);
    expect(messageOf(verdicts, 'in-cluster')).toBe('spec.issuer.url: is required here: the API server did not tell its own issuer');
  });

  test('ServiceAccounts of an issuer whose tokens are none', () => {
    const serviceAccounts = [{ issuerRef: { name: 'ci' }, serviceAccounts: [{ name: 'deployer' }] }];
    const { store, verdicts } = storeOf([issuer('ci'), client('a', [], { spec: { subjects: serviceAccounts } })], clusterSettings);
    expect(describeVerdicts(verdicts)[0]).toBe(`ExchangeClient/payments/a: ${nothing('ServiceAccountNotPermitted')}`);
    expect(messageOf(verdicts, 'a')).toBe('spec.subjects[0].serviceAccounts: the tokens of TrustedIssuer ci are not ServiceAccount tokens; use subject');
    expect(store.snapshot().clients.get('payments/a')?.subjects).toEqual([]);
  });

  test('ServiceAccounts are in the client\'s namespace if they don\'t say another', () => {
    const subjects = [{ issuerRef: { name: 'in-cluster' }, serviceAccounts: [{ name: 'deployer' }, { name: 'bot', namespace: 'ci', uid: '9d6a' }] }];
    const { store } = storeOf([inCluster(), client('a', [], { spec: { subjects } })], clusterSettings);
    expect(store.snapshot().clients.get('payments/a')?.subjects).toMatchObject([
      { match: 'serviceAccounts', serviceAccounts: [{ namespace: 'payments', name: 'deployer', uid: undefined }, { namespace: 'ci', name: 'bot', uid: '9d6a' }] },
    ]);
  });
});

describe('issuers beside each other', () => {
  test('one prefix for two: neither is in force, until one goes', () => {
    const [a, b] = [issuer('a', { spec: { subjectPrefix: 'ci:' } }), issuer('b', { spec: { subjectPrefix: 'ci:' } })];
    const { store, verdicts } = storeOf([a, client('xa', ['a']), client('xb', ['b'])]);
    expect(describeVerdicts(verdicts)).toEqual([`ExchangeClient/payments/xa: ${resolved}`, `ExchangeClient/payments/xb: ${nothing('IssuerNotFound')}`, `TrustedIssuer//a: ${ready}`]);

    const conflict = store.apply([put(b)]);
    expect(describeVerdicts(conflict)).toEqual([
      `ExchangeClient/payments/xa: ${nothing('IssuerNotReady')}`,
      `ExchangeClient/payments/xb: ${nothing('IssuerNotReady')}`,
      `TrustedIssuer//a: ${off('Conflicted')}`,
      `TrustedIssuer//b: ${off('Conflicted')}`,
    ]);
    expect(messageOf(conflict, 'a')).toBe('spec.subjectPrefix: ci: is also that of TrustedIssuer b; subjects of two issuers must not collide');
    expect(messageOf(conflict, 'b')).toBe('spec.subjectPrefix: ci: is also that of TrustedIssuer a; subjects of two issuers must not collide');

    expect(describeVerdicts(store.apply([remove(a)]))).toEqual([
      `ExchangeClient/payments/xa: ${nothing('IssuerNotFound')}`,
      `ExchangeClient/payments/xb: ${resolved}`,
      `TrustedIssuer//b: ${ready}`,
    ]);
  });

  test('a prefix that is another one\'s by default', () => {
    const { verdicts } = storeOf([issuer('ci'), issuer('other', { spec: { subjectPrefix: 'ci:' } })]);
    expect(describeVerdicts(verdicts)).toEqual([`TrustedIssuer//ci: ${off('Conflicted')}`, `TrustedIssuer//other: ${off('Conflicted')}`]);
  });

  test('a suspended issuer, and one with bad keys, keep their prefix', () => {
    const { verdicts } = storeOf([
      issuer('a', { spec: { subjectPrefix: 'ci:', suspend: true } }),
      issuer('b', { spec: { subjectPrefix: 'ci:', verification: { jwks: '{}' } } }),
      issuer('c', { spec: { subjectPrefix: 'ci:' } }),
    ]);
    expect(describeVerdicts(verdicts)).toEqual([`TrustedIssuer//a: ${off('Conflicted')}`, `TrustedIssuer//b: ${off('InvalidKey')}`, `TrustedIssuer//c: ${off('Conflicted')}`]);
  });

  test('one URL for two with keys: both are in force, and know it', () => {
    const url = 'https://kubernetes.default.svc.cluster.local';
    const { store } = storeOf([issuer('east', { issuer: { url } }), client('x', ['east']), client('y', ['east', 'west'])]);
    const alone = store.snapshot();
    expect(alone.clients.get('payments/x')?.subjects[0]?.issuer.urlShared).toBe(false);

    const verdicts = store.apply([put(issuer('west', { issuer: { url } }))]);
    expect(describeVerdicts(verdicts)).toEqual([
      `ExchangeClient/payments/x: ${resolved}`,
      `ExchangeClient/payments/y: ${resolved}`,
      `TrustedIssuer//east: ${ready}, KeysAvailable=True SharedKey`,
      `TrustedIssuer//west: ${ready}, KeysAvailable=True SharedKey`,
    ]);
    expect(store.snapshot().clients.get('payments/x')?.subjects.map((rule) => rule.issuer.urlShared)).toEqual([true]);
    expect(store.snapshot().clients.get('payments/y')?.issuersByURL.get(url)?.map((found) => found.name)).toEqual(['east', 'west']);
    expect(store.snapshot().clients.get('payments/x')?.issuersByURL.get(url)?.map((found) => found.name)).toEqual(['east']);
    expect(alone.clients.get('payments/x')?.subjects[0]?.issuer.urlShared).toBe(false);
  });

  test('URLs that differ in a slash are two', () => {
    const { store } = storeOf([issuer('a', { issuer: { url: 'https://ci.example.com' } }), issuer('b', { issuer: { url: 'https://ci.example.com/' } }), client('x', ['a', 'b'])]);
    expect(store.snapshot().clients.get('payments/x')?.subjects.map((rule) => rule.issuer.urlShared)).toEqual([false, false]);
  });
});

describe('references', () => {
  test('an issuer that is not there, and one that could not be read', () => {
    const { store, verdicts } = storeOf([client('x', ['ci'])]);
    expect(messageOf(verdicts, 'x')).toBe('spec.subjects[0].issuerRef: there is no TrustedIssuer ci');

    const unread = store.apply([put(issuer('ci', { spec: { oops: 1 } }))]);
    expect(describeVerdicts(unread)).toEqual([`ExchangeClient/payments/x: ${nothing('IssuerNotReady')}`, `TrustedIssuer//ci: ${off('UnknownField')}`]);

    const read = store.apply([put(issuer('ci', { generation: 2 }))]);
    expect(describeVerdicts(read)).toEqual([`ExchangeClient/payments/x: ${resolved}`, `TrustedIssuer//ci: ${ready}`]);

    const broken = store.apply([put(issuer('ci', { generation: 3, spec: { oops: 1 } }))]);
    expect(describeVerdicts(broken)).toEqual([`ExchangeClient/payments/x: ${nothing('IssuerNotReady')}`, `TrustedIssuer//ci: ${off('UnknownField')}`]);

    const gone = store.apply([remove(issuer('ci'))]);
    expect(describeVerdicts(gone)).toEqual([`ExchangeClient/payments/x: ${nothing('IssuerNotFound')}`]);
  });

  test('one of three leads nowhere: the others work, and the first reason is told', () => {
    const { store, verdicts } = storeOf([issuer('a'), issuer('c', { spec: { suspend: true } }), client('x', ['a', 'b', 'c'])]);
    expect(describeVerdicts(verdicts)[0]).toBe(`ExchangeClient/payments/x: ${partly('IssuerNotFound')}`);
    expect(messageOf(verdicts, 'x')).toBe('spec.subjects[1].issuerRef: there is no TrustedIssuer b; spec.subjects[2].issuerRef: TrustedIssuer c is off; its own status says why');
    expect(store.snapshot().clients.get('payments/x')?.subjects.map((rule) => rule.field)).toEqual(['subjects[0]']);
  });

  test('of many the first eight are told', () => {
    const { verdicts } = storeOf([client('x', ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'])]);
    expect(messageOf(verdicts, 'x')).toMatch(/subjects\[7\]\.issuerRef: there is no TrustedIssuer h; and 2 more$/);
  });

  test('a client that refers to another issuer than before no longer hears of the old one', () => {
    const { store } = storeOf([issuer('a'), issuer('b'), client('x', ['a'])]);
    store.apply([put(client('x', ['b'], { generation: 2 }))]);
    expect(describeVerdicts(store.apply([remove(issuer('a'))]))).toEqual([]);
    expect(describeVerdicts(store.apply([remove(issuer('b'))]))).toEqual([`ExchangeClient/payments/x: ${nothing('IssuerNotFound')}`]);
  });
});

describe('changes', () => {
  test('only what refers to a changed issuer is compiled again', () => {
    const { store } = storeOf([issuer('a'), issuer('b'), client('xa', ['a']), client('xb', ['b']), client('xab', ['a', 'b'])]);
    const before = store.snapshot().clients;
    const verdicts = store.apply([put(issuer('a', { generation: 2, spec: { clockSkewSeconds: 5 } }))]);
    const after = store.snapshot().clients;
    expect(describeVerdicts(verdicts)).toEqual([`ExchangeClient/payments/xa: ${resolved}`, `ExchangeClient/payments/xab: ${resolved}`, `TrustedIssuer//a: ${ready}`]);
    expect(after.get('payments/xb')).toBe(before.get('payments/xb'));
    expect(after.get('payments/xa')).not.toBe(before.get('payments/xa'));
    expect(after.get('payments/xab')?.subjects.map((rule) => rule.issuer.clockSkewSeconds)).toEqual([5, 30]);
    expect(after.get('payments/xab')?.subjects[1]?.issuer).toBe(before.get('payments/xab')?.subjects[1]?.issuer);
  });

  test('a snapshot stays as it was', () => {
    const { store } = storeOf([issuer('a'), client('x', ['a'])]);
    const before = store.snapshot();
    const [clients, x] = [[...before.clients], structuredClone(before.clients.get('payments/x')?.targets)];
    store.complete();
    store.apply([put(issuer('a', { generation: 2, spec: { suspend: true } })), put(client('x', ['a'], { generation: 2, spec: { targets: [{ audience: 'other' }] } })), put(client('y', ['a']))]);
    store.apply([remove(client('x', ['a']))]);
    expect(before.complete).toBe(false);
    expect([...before.clients]).toEqual(clients);
    expect(before.clients.get('payments/x')).toBe(clients[0]?.[1]);
    expect(before.clients.get('payments/x')?.targets).toEqual(x);
    expect(before.clients.get('payments/x')?.subjects).toMatchObject([{ issuer: { name: 'a', revision: 'uid-a/1' } }]);
    expect([...store.snapshot().clients.keys()]).toEqual(['payments/y']);
  });

  test('several changes of one object in one batch: the last counts, and it alone is told', () => {
    const { store } = storeOf([issuer('a')]);
    const verdicts = store.apply([
      put(client('x', ['a'], { spec: { oops: 1 } })),
      put(client('x', ['a'], { generation: 2 })),
      put(client('y', ['a'])),
      put(client('y', ['a'], { generation: 2, spec: { oops: 1 } })),
      put(client('z', ['a'])),
      remove(client('z', ['a'])),
    ]);
    expect(describeVerdicts(verdicts)).toEqual([`ExchangeClient/payments/x: ${resolved}`, `ExchangeClient/payments/y: ${off('UnknownField')}`]);
    expect([...store.snapshot().clients.keys()]).toEqual(['payments/x']);
  });

  test('deleted and made again: another revision', () => {
    const { store } = storeOf([issuer('a'), client('x', ['a'])]);
    const revision = (): string | undefined => store.snapshot().clients.get('payments/x')?.subjects[0]?.issuer.revision;
    expect(revision()).toBe('uid-a/1');
    store.apply([remove(issuer('a')), put(issuer('a', { uid: 'uid-a-again' }))]);
    expect(revision()).toBe('uid-a-again/1');
    store.apply([remove(client('x', ['a']))]);
    expect(store.snapshot().clients.size).toBe(0);
    store.apply([put(client('x', ['a'], { uid: 'uid-x-again' }))]);
    expect(revision()).toBe('uid-a-again/1');
  });

  test('an object that breaks is off at once: the one before does not stay in its place', () => {
    const { store } = storeOf([issuer('a'), client('x', ['a'])]);
    store.apply([put(client('x', ['a'], { generation: 2, spec: { actors: {} } }))]);
    expect(store.snapshot().clients.size).toBe(0);
  });

  test('clients of one name in two namespaces are two', () => {
    const { store } = storeOf([issuer('a'), client('x', ['a'], { namespace: 'one' }), client('x', ['a'], { namespace: 'two' })]);
    store.apply([remove(client('x', ['a'], { namespace: 'one' }))]);
    expect([...store.snapshot().clients.keys()]).toEqual(['two/x']);
  });

  test('to remove what was never there changes nothing', () => {
    const { store } = storeOf([issuer('a'), client('x', ['a'])]);
    expect(store.apply([remove(client('ghost', [])), remove(issuer('ghost'))])).toEqual([]);
    expect([...store.snapshot().clients.keys()]).toEqual(['payments/x']);
  });
});

test('a store is complete when it is told so', () => {
  const store = createPolicyStore(settings);
  expect(store.snapshot()).toMatchObject({ complete: false, issuers: new Map(), clients: { size: 0 } });
  store.apply([put(issuer('a')), put(client('x', ['a']))]);
  expect(store.snapshot().complete).toBe(false);
  store.complete();
  expect(store.snapshot().complete).toBe(true);
  store.apply([remove(client('x', ['a']))]);
  expect(store.snapshot()).toMatchObject({ complete: true, issuers: new Map([['a', expect.objectContaining({ name: 'a' })]]), clients: { size: 0 } });
});

describe('a bug that one object brings to light', () => {
  const bugs: string[] = [];
  const broken = {
    ...settings,
    runExamples: () => {
      throw new RangeError('out of stack');
    },
    onBug: (_error: unknown, { name }: { name: string }) => void bugs.push(name),
  };
  const example = { name: 'one', issuerRef: { name: 'ci' }, claims: { sub: 'x' }, expect: { allowed: false } };

  test('turns off that object, and no other, and what comes later is in force', () => {
    const { store, verdicts } = storeOf([issuer('ci'), client('bad', ['ci'], { spec: { examples: [example] } }), client('good', ['ci'])], broken);
    expect(bugs).toEqual(['bad']);
    expect(store.snapshot().clients.get('payments/bad')).toBeUndefined();
    expect(store.snapshot().clients.get('payments/good')).toBeDefined();
    expect(messageOf(verdicts, 'bad')).toBe('it brings a bug of Cambio to light, and is off; the log says more');
    store.apply([remove(client('good', ['ci'])), put(client('later', ['ci']))]);
    expect(store.snapshot().clients.get('payments/good')).toBeUndefined();
    expect(store.snapshot().clients.get('payments/later')).toBeDefined();
    store.apply([put(client('bad', ['ci']))]);
    expect(store.snapshot().clients.get('payments/bad')).toBeDefined();
  });

  test('is contained as well when it comes at the reading of its spec', () => {
    const unreadable = issuer('ci');
    Object.defineProperty(unreadable.manifest?.spec, 'verification', {
      get: () => {
        throw new TypeError('no such thing');
      },
    });
    const { store } = storeOf([unreadable, issuer('other'), client('good', ['other'])], broken);
    expect(bugs).toContain('ci');
    expect(store.snapshot().clients.get('payments/good')).toBeDefined();
  });
});
