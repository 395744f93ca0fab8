// TargetServices in the store: who may hand out an audience, what closes one, and how far a change reaches.
import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import type { ReadObject } from '../../src/manifests/read-object.ts';
import type { PolicyStore, Verdict } from '../../src/policy/policy-store.ts';
import { client, describeVerdicts, issuer, labelled, put, remove, storeOf, target } from './objects.ts';

const ready = 'Ready=True Ready, Accepted=True Accepted';
const off = (reason: string): string => `Ready=False NotAccepted, Accepted=False ${reason}, Stalled=True NotAccepted`;
const vault = (name: string, spec: object = {}, generation = 1): ReadObject => target(name, { generation, spec: { audience: 'vault', ...spec } });
const trusted = client('x', ['ci']);
const tenant = (spec: object = {}): ReadObject => client('t', ['ci'], { namespace: 'tenant', spec });
const ci = issuer('ci', { spec: { allowedNamespaces: { from: 'All' } } });

/** Reason and message of the entries of a client that are inert. */
const inertOf = (store: PolicyStore, id = 'payments/x'): string[] => (store.snapshot().clients.get(id)?.inert ?? []).map(({ reason, message }) => `${reason}: ${message}`);
const clientsOf = (verdicts: readonly Verdict[], name: string): unknown => verdicts.findLast(({ id }) => id.kind === 'TargetService' && id.name === name)?.fields['clients'];

describe('what closes an audience to everybody', () => {
  test.each<{ name: string; services: ReadObject[]; verdicts: string[]; why: string }>([
    { name: 'one that is suspended', services: [vault('a', { suspend: true })], verdicts: ['TargetService//a: Ready=False Suspended, Accepted=True Accepted, Stalled=True Suspended'], why: 'TargetService a is off; its own status says why' },
    { name: 'an unknown field', services: [vault('a', { maxLifetimeSecond: 60 })], verdicts: [`TargetService//a: ${off('UnknownField')}`], why: 'TargetService a is off; its own status says why' },
    { name: 'a wrong value', services: [vault('a', { maxLifetimeSeconds: 1 })], verdicts: [`TargetService//a: ${off('InvalidField')}`], why: 'TargetService a is off; its own status says why' },
    { name: 'a rule that is none', services: [vault('a', { tokenValidationRules: [{ expression: 'token.' }] })], verdicts: [`TargetService//a: ${off('InvalidExpression')}`], why: 'TargetService a is off; its own status says why' },
    { name: 'a claim\'s rule that is none', services: [vault('a', { claims: [{ name: 'x', rule: '"text"' }] })], verdicts: [`TargetService//a: ${off('InvalidExpression')}`], why: 'TargetService a is off; its own status says why' },
    { name: 'two of them', services: [vault('a'), vault('b')], verdicts: [`TargetService//a: ${off('Conflicted')}`, `TargetService//b: ${off('Conflicted')}`], why: 'TargetService a, b are for one audience' },
    { name: 'a good one and a suspended one', services: [vault('a'), vault('b', { suspend: true })], verdicts: [`TargetService//a: ${off('Conflicted')}`, `TargetService//b: ${off('Conflicted')}`], why: 'TargetService a, b are for one audience' },
    { name: 'a good one and one that can not be read', services: [vault('a'), vault('b', { oops: 1 })], verdicts: [`TargetService//a: ${off('Conflicted')}`, `TargetService//b: ${off('UnknownField')}`], why: 'TargetService a, b are for one audience' },
    { name: 'one that does not say which audience it is for', services: [target('a', { spec: { audience: null, audiance: 'vault' } })], verdicts: [`TargetService//a: ${off('UnknownField')}`], why: 'TargetService a can\'t be read, and may be meant for it' },
    { name: 'one whose audience is a number', services: [target('a', { spec: { audience: 7 } })], verdicts: [`TargetService//a: ${off('InvalidField')}`], why: 'TargetService a can\'t be read, and may be meant for it' },
  ])('$name', ({ services, verdicts, why }) => {
    const { store, verdicts: told } = storeOf([ci, trusted, ...services]);
    expect(describeVerdicts(told).filter((line) => line.startsWith('TargetService'))).toEqual(verdicts);
    expect(inertOf(store)).toEqual([`TargetNotReady: spec.targets[0].audience: ${why}`]);
    expect(store.snapshot().clients.get('payments/x')?.targets.size).toBe(0);

    store.apply(services.map(remove));
    expect(inertOf(store)).toEqual([]);
  });

  test('one that does not say which audience it is for leaves those alone that have one of their own', () => {
    const { store } = storeOf([ci, client('x', ['ci'], { spec: { targets: [{ audience: 'vault' }, { audience: 'registry' }] } }), vault('a'), target('b', { spec: { audience: 7 } })]);
    expect(inertOf(store)).toEqual(["TargetNotReady: spec.targets[1].audience: TargetService b can't be read, and may be meant for it"]);
  });

  const documents = (text: string): ReadObject[] => [...parseManifests(text, 'a.yaml').objects];
  const document = (kind: string, metadata: string, spec: string): string => `apiVersion: cambio.dev/v1alpha1\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec}\n`;

  test.each([
    { name: 'a name that none may have', text: document('TargetService', '{name: Vault}', '{audience: vault}'), closed: true },
    { name: 'a name that none may have, and no audience', text: document('TargetService', '{name: Vault}', '{}'), closed: true },
    { name: 'a kind that is misspelt', text: document('TargetServise', '{name: vault}', '{audience: vault}'), closed: true },
    { name: 'another version', text: document('TargetService', '{name: vault}', '{audience: vault}').replace('v1alpha1', 'v1'), closed: true },
    { name: 'a kind that is not known, and no audience', text: document('Widget', '{name: vault}', '{}'), closed: false },
    { name: 'a kind that is not known, and another audience', text: document('Widget', '{name: vault}', '{audience: other}'), closed: false },
    { name: 'another kind without a name', text: document('TrustedIssuer', '{}', '{}'), closed: false },
  ])('a document of which it can not be told which object it is: $name', ({ text, closed }) => {
    const { store } = storeOf([ci, trusted, ...documents(text)]);
    expect(inertOf(store).length).toBe(closed ? 1 : 0);
  });
});

describe('who may hand out an audience', () => {
  const all = { allowedNamespaces: { from: 'All' } };
  const blue = { allowedNamespaces: { from: 'Selector', selector: { matchLabels: { team: 'blue' } } } };

  test('outside the trusted namespaces: whom a TargetService allows', () => {
    const { store } = storeOf([ci, tenant()]);
    const denied = 'AudienceNotPermitted: spec.targets[0].audience: no TargetService allows clients of the namespace tenant to hand out vault';
    expect(inertOf(store, 'tenant/t')).toEqual([denied]);
    store.apply([put(vault('a'))]);
    expect(inertOf(store, 'tenant/t')).toEqual([denied]);
    store.apply([put(vault('a', blue, 2))]);
    expect(inertOf(store, 'tenant/t')).toEqual([denied]);
    store.apply([], [labelled('tenant', 'blue')]);
    expect(inertOf(store, 'tenant/t')).toEqual([]);
    store.apply([], [labelled('tenant', 'red')]);
    expect(inertOf(store, 'tenant/t')).toEqual([denied]);
    store.apply([put(vault('a', all, 3))]);
    expect(inertOf(store, 'tenant/t')).toEqual([]);
  });

  test('scopes are limited for everybody, claims and sub outside the trusted namespaces', () => {
    const mappings = { subject: { expression: "'x'" }, claims: [{ name: 'a', expression: '1' }, { name: 'b', expression: '2' }] };
    const spec = { targets: [{ audience: 'vault', scopes: ['read'], claimMappings: mappings }] };
    const { store } = storeOf([ci, client('x', ['ci'], { spec }), tenant(spec), vault('a', all)]);
    expect(inertOf(store)).toEqual(['ScopeNotPermitted: spec.targets[0].scopes: TargetService a does not offer read']);
    store.apply([put(vault('a', { ...all, scopes: ['read'] }, 2))]);
    expect(inertOf(store)).toEqual([]);
    expect(inertOf(store, 'tenant/t')).toEqual(['SubjectMappingNotPermitted: spec.targets[0].claimMappings.subject: TargetService a does not allow clients of the namespace tenant to replace sub (its subjectMapping)']);
    store.apply([put(vault('a', { ...all, scopes: ['read'], subjectMapping: 'Allowed', claims: [{ name: 'a', rule: 'true' }] }, 3))]);
    expect(inertOf(store, 'tenant/t')).toEqual(['ClaimNotPermitted: spec.targets[0].claimMappings.claims: TargetService a does not allow clients of the namespace tenant to set b (its claims)']);
    store.apply([put(vault('a', { ...all, scopes: ['read'], subjectMapping: 'Allowed', claims: ['a', 'b'].map((name) => ({ name, rule: 'true' })) }, 4))]);
    expect(inertOf(store, 'tenant/t')).toEqual([]);
  });

  test('an API server\'s audiences are reserved as long as a TrustedIssuer names them', () => {
    const { store } = storeOf([ci, tenant(), vault('a', all)]);
    expect(inertOf(store, 'tenant/t')).toEqual([]);
    const other = issuer('other', { issuer: { apiServerAudiences: ['vault'] } });
    store.apply([put(other)]);
    expect(inertOf(store, 'tenant/t')).toEqual(['AudienceReserved: spec.targets[0].audience: vault is never handed out outside the trusted namespaces']);
    store.apply([remove(other)]);
    expect(inertOf(store, 'tenant/t')).toEqual([]);
  });
});

describe('how many clients hand out an audience', () => {
  test('is counted as they come and go, or may do so no longer', () => {
    const all = { allowedNamespaces: { from: 'All' } };
    const { store, verdicts } = storeOf([ci, vault('a', all), trusted, client('y', ['ci'])]);
    expect(clientsOf(verdicts, 'a')).toBe(2);
    expect(clientsOf(store.apply([put(tenant())]), 'a')).toBe(3);
    expect(clientsOf(store.apply([put(tenant({ suspend: true }))]), 'a')).toBe(2);
    expect(clientsOf(store.apply([put(client('y', ['ci'], { generation: 2, spec: { targets: [{ audience: 'other' }] } }))]), 'a')).toBe(1);
    expect(clientsOf(store.apply([put(client('y', ['ci'], { generation: 3, spec: { targets: [{ audience: 'other', lifetimeSeconds: 61 }] } }))]), 'a')).toBeUndefined();
    expect(clientsOf(store.apply([put(vault('b'))]), 'a')).toBe(0);
    expect(clientsOf(store.apply([remove(vault('b'))]), 'a')).toBe(1);
    expect(clientsOf(store.apply([remove(trusted)]), 'a')).toBe(0);
  });
});

describe('how far a change reaches', () => {
  const objects = [ci, issuer('other'), vault('a', { allowedNamespaces: { from: 'All' } }), target('b', { spec: { audience: 'registry' } }), trusted, client('y', ['other'], { spec: { targets: [{ audience: 'registry' }] } }), tenant()];
  const ids = ['payments/x', 'payments/y', 'tenant/t'];

  test.each<{ name: string; change: (store: PolicyStore) => Verdict[]; relinked: string[] }>([
    { name: 'a client', change: (store) => store.apply([put(client('x', ['ci'], { generation: 2 }))]), relinked: ['payments/x'] },
    { name: 'a TargetService', change: (store) => store.apply([put(target('b', { generation: 2, spec: { audience: 'registry' } }))]), relinked: ['payments/y'] },
    { name: 'a TrustedIssuer', change: (store) => store.apply([put(issuer('other', { generation: 2 }))]), relinked: ['payments/y'] },
    { name: 'the labels of a namespace', change: (store) => store.apply([], [labelled('tenant', 'blue')]), relinked: ['tenant/t'] },
    { name: 'labels that are as they were', change: (store) => store.apply([], [labelled('tenant')]), relinked: [] },
    { name: 'another TargetService', change: (store) => store.apply([put(target('c'))]), relinked: [] },
    { name: 'another TrustedIssuer', change: (store) => store.apply([put(issuer('c'))]), relinked: [] },
    { name: 'keys that can be used', change: (store) => store.setKeyState('ci', 'uid-ci/1', { reason: 'Available', message: '', usable: true, thumbprints: [], changedAt: undefined }), relinked: [] },
  ])('$name', ({ change, relinked }) => {
    const { store } = storeOf(objects);
    const before = store.snapshot().clients;
    const verdicts = change(store);
    const after = store.snapshot().clients;
    expect(ids.filter((id) => after.get(id) !== before.get(id))).toEqual(relinked);
    expect(verdicts.filter(({ id }) => id.kind === 'ExchangeClient').map(({ id }) => `${id.namespace}/${id.name}`)).toEqual(relinked);
  });

  test('a TargetService is in force as it is', () => {
    const { verdicts } = storeOf([ci, vault('a'), trusted]);
    expect(describeVerdicts(verdicts).find((line) => line.startsWith('TargetService'))).toBe(`TargetService//a: ${ready}`);
  });
});
