// TrustedIssuers whose tokens an API server signs: what is known of other clusters, and API servers that share a URL.
import { beforeEach, describe, expect, test } from 'vitest';
import type { KeyState } from '../../src/policy/key-state.ts';
import type { ClusterFacts, Issuer } from '../../src/policy/policy.ts';
import { createPolicyStore, type PolicyStore, type Verdict } from '../../src/policy/policy-store.ts';
import { client, clusterSettings, describeVerdicts, issuer, messageOf, put, remove, settings, storeOf } from './objects.ts';

const url = 'https://kubernetes.default.svc.cluster.local';
const ready = 'Ready=True Ready, Accepted=True Accepted';
const waiting = 'Ready=False KeysUnavailable, Reconciling=True KeysUnavailable, Accepted=True Accepted';
const required = 'Ready=False NotAccepted, Accepted=False KeysRequired, Stalled=True NotAccepted';

const facts = (revision: string, identity: string | null = 'one', audiences: readonly string[] = ['k3s-of-east']): ClusterFacts => ({ revision, identity: identity ?? undefined, audiences });
const remote = { cluster: { secretRef: { name: 'east-secret' } } };
const east = (spec: object = { verification: { kubernetesDiscovery: remote } }): ReturnType<typeof issuer> => issuer('east', { issuer: { url: 'https://east.example.com' }, spec });

const keys = (more: Partial<KeyState> = {}): KeyState => ({ reason: 'Available', message: 'known', usable: true, thumbprints: ['one'], changedAt: undefined, ...more });
const none = keys({ reason: 'NoUsableKeys', message: 'it publishes none', thumbprints: [] });
const elsewhere = keys({ reason: 'IssuerMismatch', message: 'it calls itself something else', thumbprints: [] });
const away = keys({ reason: 'FetchFailed', message: 'no route to host', usable: false, thumbprints: [] });
const stale = keys({ reason: 'Stale', message: 'the last good ones' });

let store: PolicyStore;
beforeEach(() => {
  store = createPolicyStore(clusterSettings);
});

const inForce = (name: string): Issuer | undefined => store.snapshot().clients.get('payments/x')?.subjects.find((rule) => rule.issuer.name === name)?.issuer;
const setKeys = (name: string, state: KeyState): Verdict[] => store.setKeyState(name, store.snapshot().issuers.get(name)?.revision ?? '', state);
const lineOf = (verdicts: readonly Verdict[], name: string): string | undefined => describeVerdicts(verdicts).find((line) => line.startsWith(`TrustedIssuer//${name}: `))?.replace(/^.*?: /, '');

describe('another cluster', () => {
  test.each(['tokenReview', 'kubernetesDiscovery'] as const)('by %s is known by its Secret', (method) => {
    store.apply([put(east({ verification: { [method]: remote } })), put(client('x', ['east']))]);
    expect(inForce('east')).toMatchObject({ revision: 'uid-east/1', verification: { method, cluster: 'east-secret', identity: undefined }, kubernetes: true, ownCluster: false });
    expect(describeVerdicts(store.setClusterFacts('east-secret', facts('7')))[1]).toMatch(/^TrustedIssuer\/\/east: /);
    expect(inForce('east')).toMatchObject({ revision: 'uid-east/1/7', verification: { method, cluster: 'east-secret', identity: 'one' } });
    expect(store.setClusterFacts('east-secret', facts('7'))).toEqual([]);
    store.setClusterFacts('east-secret', facts('8', 'two'));
    expect(inForce('east')).toMatchObject({ revision: 'uid-east/1/8', verification: { identity: 'two' } });
    store.setClusterFacts('east-secret', undefined);
    expect(inForce('east')).toMatchObject({ revision: 'uid-east/1', verification: { identity: undefined } });
  });

  test('that is known before its issuer is', () => {
    expect(store.setClusterFacts('east-secret', facts('7'))).toEqual([]);
    store.apply([put(east()), put(client('x', ['east']))]);
    expect(inForce('east')?.revision).toBe('uid-east/1/7');
  });

  test('has audiences: its URL, and those of its token; those of the own cluster are none of them', () => {
    store.setClusterFacts('east-secret', facts('7'));
    store.apply([put(east()), put(client('x', ['east']))]);
    expect([...(inForce('east')?.apiServerAudiences ?? [])]).toEqual(['https://east.example.com', 'k3s-of-east']);
    store.setClusterFacts('east-secret', facts('8', 'one', ['other']));
    expect([...(inForce('east')?.apiServerAudiences ?? [])]).toEqual(['https://east.example.com', 'other']);
  });

  test('whose audience is one that its issuer wants is off until that is mended', () => {
    store.apply([put(east())]);
    const verdicts = store.setClusterFacts('east-secret', facts('7', 'one', ['https://cambio.example.com']));
    expect(messageOf(verdicts, 'east')).toBe("spec.issuer.audiences: https://cambio.example.com is an audience of the API server, and a token with it is always refused; name one of Cambio's, such as https://cambio.example.com");
    expect(lineOf(store.setClusterFacts('east-secret', facts('8')), 'east')).toBe(waiting);
  });

  test('touches nobody else', () => {
    store.apply([put(east()), put(issuer('ci')), put(client('x', ['ci'])), put(issuer('west', { spec: { verification: { tokenReview: { cluster: { secretRef: { name: 'west-secret' } } } } } }))]);
    expect(describeVerdicts(store.setClusterFacts('east-secret', facts('7')))).toEqual([`TrustedIssuer//east: ${waiting}`]);
  });

  test.each(['tokenReview', 'kubernetesDiscovery'] as const)('is refused where there is no API server: %s', (method) => {
    const { verdicts } = storeOf([east({ verification: { [method]: remote } })], settings);
    expect(messageOf(verdicts, 'east')).toBe(`spec.verification.${method}: needs an API server, and manifests are read from a directory here; use jwks, jwksURL or discovery`);
  });
});

describe('what is known of the keys', () => {
  test('stays when something else is changed: a new credential, another rule', () => {
    store.setClusterFacts('east-secret', facts('7'));
    store.apply([put(east())]);
    expect(lineOf(setKeys('east', keys()), 'east')).toBe(`${ready}, KeysAvailable=True Available`);
    expect(lineOf(store.setClusterFacts('east-secret', facts('8')), 'east')).toBe(`${ready}, KeysAvailable=True Available`);
    const changed = issuer('east', { generation: 2, issuer: { url: 'https://east.example.com' }, spec: { verification: { kubernetesDiscovery: remote }, clockSkewSeconds: 5 } });
    expect(lineOf(store.apply([put(changed)]), 'east')).toBe(`${ready}, KeysAvailable=True Available`);
  });

  test.each<[string, () => Verdict[]]>([
    ['another cluster', () => store.setClusterFacts('east-secret', facts('8', 'two'))],
    ['a Secret that can not be used', () => store.setClusterFacts('east-secret', facts('8', null))],
    ['no Secret', () => store.setClusterFacts('east-secret', undefined)],
    ['another Secret', () => store.apply([put(issuer('east', { generation: 2, issuer: { url: 'https://east.example.com' }, spec: { verification: { kubernetesDiscovery: { cluster: { secretRef: { name: 'other' } } } } } }))])],
    ['another way', () => store.apply([put(issuer('east', { generation: 2, issuer: { url: 'https://east.example.com' }, spec: { verification: { discovery: {} } } }))])],
  ])('counts no longer: %s', (_, change) => {
    store.setClusterFacts('east-secret', facts('7'));
    store.apply([put(east())]);
    setKeys('east', keys());
    expect(lineOf(change(), 'east')).toBe(waiting);
  });

  test('counts no longer after the issuer was gone, or suspended', () => {
    const suspended = east({ verification: { kubernetesDiscovery: remote }, suspend: true });
    for (const off of [remove(east()), put(suspended)]) {
      store.apply([put(east())]);
      setKeys('east', keys());
      store.apply([off]);
      expect(lineOf(store.apply([put(east())]), 'east')).toBe(waiting);
    }
  });
});

describe('tokenReview', () => {
  const inCluster = issuer('in-cluster', { issuer: { url: null }, spec: { verification: { tokenReview: {} } } });
  const other = issuer('other', { issuer: { url } });

  test.each<[string, KeyState | undefined, string]>([
    ['that were not fetched yet', undefined, ready],
    ['that are known', keys(), `${ready}, KeysAvailable=True Available`],
    ['that are not published', none, `${ready}, KeysAvailable=False NoUsableKeys`],
    ['of another issuer', elsewhere, `${ready}, KeysAvailable=False IssuerMismatch`],
    ['that could not be refreshed', stale, `${ready}, KeysAvailable=True Stale`],
    ['that can not be fetched', away, `${waiting}, KeysAvailable=False FetchFailed`],
  ])('alone with its URL can do without keys %s', (_, state, line) => {
    const first = store.apply([put(inCluster), put(client('x', ['in-cluster']))]);
    expect(lineOf(state === undefined ? first : setKeys('in-cluster', state), 'in-cluster')).toBe(line);
    expect(inForce('in-cluster')).toBeDefined();
  });

  test.each<[string, KeyState | undefined, string, boolean]>([
    ['that were not fetched yet', undefined, waiting, true],
    ['that are known', keys(), `${ready}, KeysAvailable=True Available`, true],
    ['that are not published', none, `${required}, KeysAvailable=False NoUsableKeys`, false],
    ['of another issuer', elsewhere, `${required}, KeysAvailable=False IssuerMismatch`, false],
    ['that could not be refreshed', stale, `${ready}, KeysAvailable=True Stale`, true],
    ['that can not be fetched', away, `${waiting}, KeysAvailable=False FetchFailed`, true],
  ])('beside another with its URL needs keys %s', (_, state, line, isInForce) => {
    const first = store.apply([put(inCluster), put(other), put(client('x', ['in-cluster', 'other']))]);
    const verdicts = state === undefined ? first : setKeys('in-cluster', state);
    expect(lineOf(verdicts, 'in-cluster')).toBe(line);
    expect(inForce('in-cluster') !== undefined).toBe(isInForce);
    expect(inForce('other')).toMatchObject({ urlShared: true });
    // Its keys are fetched all the same, or it would never come back.
    expect([...store.snapshot().issuers.keys()]).toContain('in-cluster');
  });

  test('says what is required, and comes back with keys, or when it is alone', () => {
    store.apply([put(inCluster), put(other), put(client('x', ['in-cluster', 'other']))]);
    const verdicts = setKeys('in-cluster', none);
    expect(messageOf(verdicts, 'in-cluster')).toBe('spec.issuer.url: TrustedIssuer other has the same URL, and only published keys can tell whose a token is: it publishes none');
    expect(describeVerdicts(verdicts)[0]).toBe('ExchangeClient/payments/x: Ready=False PartlyLoaded, Accepted=True Accepted, ResolvedRefs=False IssuerNotReady, ExamplesPassed=True None, Stalled=True PartlyLoaded');
    expect(lineOf(setKeys('in-cluster', keys()), 'in-cluster')).toBe(`${ready}, KeysAvailable=True Available`);
    expect(inForce('in-cluster')).toMatchObject({ urlShared: true });
    setKeys('in-cluster', none);
    expect(lineOf(store.apply([remove(other)]), 'in-cluster')).toBe(`${ready}, KeysAvailable=False NoUsableKeys`);
    expect(inForce('in-cluster')).toMatchObject({ urlShared: false });
  });

  test('beside a suspended one, or one that could not be read, needs keys, too', () => {
    for (const spec of [{ suspend: true }, { unknown: 1 }]) {
      store = createPolicyStore(clusterSettings);
      store.apply([put(inCluster), put(issuer('other', { issuer: { url }, spec })), put(client('x', ['in-cluster']))]);
      expect(lineOf(setKeys('in-cluster', none), 'in-cluster')).toBe(`${required}, KeysAvailable=False NoUsableKeys`);
    }
  });

  test('beside one that has the same key: both say so', () => {
    store.apply([put(inCluster), put(issuer('twin', { issuer: { url }, spec: { verification: { kubernetesDiscovery: remote } } }))]);
    setKeys('in-cluster', keys());
    const verdicts = setKeys('twin', keys());
    expect(describeVerdicts(verdicts)).toEqual(['in-cluster', 'twin'].map((name) => `TrustedIssuer//${name}: ${ready}, KeysAvailable=True SharedKey`));
    expect(lineOf(setKeys('twin', keys({ thumbprints: ['two'] })), 'in-cluster')).toBe(`${ready}, KeysAvailable=True Available`);
  });
});
