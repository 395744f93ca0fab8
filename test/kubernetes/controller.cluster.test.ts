import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { createApiServer, type ApiRequest, type ApiResponse, type ApiServer } from '../../src/kubernetes/api-server.ts';
import { runClusterSource } from '../../src/kubernetes/cluster-source.ts';
import { loadKubeConfig } from '../../src/kubernetes/kubeconfig.ts';
import { reflectorTimes } from '../../src/kubernetes/reflector.ts';
import { createStatusWriter, fieldManager, type StatusWriter } from '../../src/kubernetes/status-writer.ts';
import { createPolicyStore, type PolicyStore } from '../../src/policy/policy-store.ts';
import type { Client } from '../../src/policy/policy.ts';
import { startCluster, type TestCluster } from '../cluster/start-cluster.ts';

const provided = inject('cluster');

const jwks = `{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k",
        "x": "R1lUJI8-YgpDO29dZeVATa9UAmfJaP-5xQsdv9OJnfk", "y": "XN9TT23_uce3xEEQZ1T13wVcz_ClWxwkVZuXuwwigr4"}]}`;

const issuer = (name: string, url = `https://${name}.test`): string => `
apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ${name}}
spec:
  issuer: {url: "${url}", audiences: [cambio]}
  verification:
    jwks: |
      ${jwks}
  algorithms: [ES256]
  maxTokenLifetimeSeconds: 3600
---`;

const client = (name: string, spec: { audience?: string; issuer?: string; more?: string; target?: string } = {}): string => `
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: ${name}, namespace: shop}
spec:
  authentication: {none: {}}
  subjects: [{issuerRef: {name: ${spec.issuer ?? 'ci'}}, subject: "repo:acme/shop"}]
  targets: [{audience: "${spec.audience ?? 'https://deploy.test'}", scopes: [deploy]${spec.target ?? ''}}]${spec.more ?? ''}
---`;

type LiveObject = {
  kind: string;
  metadata: { name: string; uid: string; generation: number; resourceVersion: string; managedFields: { manager: string; operation: string; subresource?: string }[] };
  status?: { observedGeneration: number; conditions: Record<string, string | number>[] } & Record<string, unknown>;
};

/** What `cambio serve` does with an API server, without the rest of it. */
type Controller = { store: PolicyStore; status: StatusWriter; errors: string[]; stop: () => Promise<void> };

describe.skipIf(!provided.available)('reflector, store and status writer on a real API server', () => {
  let cluster: TestCluster;
  let api: ApiServer;
  let controller: Controller;

  beforeAll(async () => {
    cluster = await startCluster();
    await cluster.mustKubectl(['apply', '-f', join(import.meta.dirname, '../../crds')]);
    await cluster.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
    await cluster.mustKubectl(['create', 'namespace', 'shop']);
    const config = loadKubeConfig([cluster.kubeconfig], false);
    if (config === undefined) throw new Error('no kubeconfig');
    api = createApiServer(config, () => performance.now(), 16);
    controller = await start();
    await apply(issuer('ci'));
  });
  afterAll(async () => {
    await controller?.stop();
    await api?.close();
    await cluster?.stop();
  });

  async function start(): Promise<Controller> {
    const end = new AbortController();
    const errors: string[] = [];
    const store = createPolicyStore({ issuerURL: 'https://cambio.test', isTrustedNamespace: (namespace) => namespace === 'shop', reservedAudiences: [], runExamples: () => [] });
    const status = createStatusWriter({ api, now: Date.now, monotonic: () => performance.now(), leadsFor: () => Infinity, signal: end.signal, onError: (id, message) => errors.push(`${id.name}: ${message}`) });
    const running = runClusterSource({
      api,
      monotonic: () => performance.now(),
      random: Math.random,
      signal: end.signal,
      observe: status.observe,
      onSynced: store.complete,
      onChanges: (changes, namespaces) => status.want(store.apply(changes, namespaces)),
      onState: () => undefined,
    });
    const stop = async (): Promise<void> => {
      end.abort();
      await running;
      await status.idle();
    };
    await until(() => expect(store.snapshot().complete).toBe(true));
    return { store, status, errors, stop };
  }

  // The bound is past the longest pause of a reflector: after the API server was away, it may be half a minute until it is asked again.
  const until = (check: () => void | Promise<void>): Promise<void> => vi.waitFor(check, { interval: 10, timeout: 2 * reflectorTimes.backoff[1] });
  const apply = (manifests: string, ...options: string[]): Promise<string> => cluster.mustKubectl(['apply', ...options, '-f', '-'], { stdin: manifests });
  const inForce = (): string[] => [...controller.store.snapshot().clients.keys()].toSorted((a, b) => a.localeCompare(b));
  const clientNamed = (name: string): Client | undefined => controller.store.snapshot().clients.get(`shop/${name}`);
  const get = async (kind: string, name: string): Promise<LiveObject> => JSON.parse(await cluster.mustKubectl(['get', kind, name, '-n', 'shop', '-o', 'json', '--show-managed-fields'])) as LiveObject;
  const all = async (): Promise<Map<string, string>> => {
    const { items } = JSON.parse(await cluster.mustKubectl(['get', 'trustedissuers,exchangeclients', '-A', '-o', 'json'])) as { items: LiveObject[] };
    return new Map(items.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion]));
  };
  /** Conditions in short, once the status is of the newest generation. */
  async function conditions(kind: string, name: string): Promise<string[]> {
    let live = await get(kind, name);
    await until(async () => {
      live = await get(kind, name);
      expect(live.status?.observedGeneration).toBe(live.metadata.generation);
    });
    return (live.status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`).toSorted((a, b) => a.localeCompare(b));
  }

  test('objects come into force, and `kubectl wait` sees it', async () => {
    await apply(client('deployer'));
    await cluster.mustKubectl(['wait', '--for=condition=Ready', 'trustedissuer/ci', 'exchangeclient/deployer', '-n', 'shop', '--timeout=60s']);
    expect(clientNamed('deployer')).toMatchObject({ id: 'shop/deployer', targets: new Map([['https://deploy.test', { scopes: ['deploy'] }]]) });
    expect(await conditions('exchangeclient', 'deployer')).toEqual(['Accepted=True Accepted', 'ExamplesPassed=True None', 'Ready=True Ready', 'ResolvedRefs=True Resolved']);
    const { status, metadata } = await get('trustedissuer', 'ci');
    expect(status).toEqual({
      issuerURL: 'https://ci.test',
      verification: 'jwks',
      keys: 1,
      observedGeneration: 1,
      conditions: [
        expect.objectContaining({ type: 'Ready', status: 'True', reason: 'Ready', observedGeneration: 1, lastTransitionTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string }),
        expect.objectContaining({ type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 1 }),
      ],
    });
    expect(metadata.managedFields.filter(({ manager }) => manager === fieldManager)).toEqual([expect.objectContaining({ operation: 'Apply', subresource: 'status' })]);
  });

  test('an edit, a suspension and a deletion are followed', async () => {
    await apply(client('edited'));
    await until(() => expect(inForce()).toContain('shop/edited'));
    const before = await conditions('exchangeclient', 'edited');
    const since = (await get('exchangeclient', 'edited')).status?.conditions[0]?.['lastTransitionTime'];

    await apply(client('edited', { audience: 'https://other.test' }));
    await until(() => expect([...(clientNamed('edited')?.targets.keys() ?? [])]).toEqual(['https://other.test']));
    expect(await conditions('exchangeclient', 'edited')).toEqual(before);
    expect((await get('exchangeclient', 'edited')).status).toMatchObject({ observedGeneration: 2, targets: 'https://other.test', conditions: [{ lastTransitionTime: since, observedGeneration: 2 }, {}, {}, {}] });

    await cluster.mustKubectl(['patch', 'exchangeclient', 'edited', '-n', 'shop', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
    await until(() => expect(inForce()).not.toContain('shop/edited'));
    await cluster.mustKubectl(['wait', '--for=condition=Stalled', 'exchangeclient/edited', '-n', 'shop', '--timeout=60s']);
    expect(await conditions('exchangeclient', 'edited')).toContain('Ready=False Suspended');

    await cluster.mustKubectl(['patch', 'exchangeclient', 'edited', '-n', 'shop', '--type=merge', '-p', '{"spec":{"suspend":false}}']);
    await until(() => expect(inForce()).toContain('shop/edited'));
    expect(await conditions('exchangeclient', 'edited')).toEqual(before); // Stalled is gone

    await cluster.mustKubectl(['delete', 'exchangeclient', 'edited', '-n', 'shop']);
    await until(() => expect(inForce()).not.toContain('shop/edited'));
  });

  test('an issuer that goes takes its clients with it, and brings them back', async () => {
    await apply(issuer('lone') + client('orphan', { issuer: 'lone' }));
    const issuers = (): string[] | undefined => clientNamed('orphan')?.subjects.map((subject) => subject.issuer.name);
    await until(() => expect(issuers()).toEqual(['lone']));
    await cluster.mustKubectl(['delete', 'trustedissuer', 'lone']);
    await until(() => expect(issuers()).toEqual([]));
    await cluster.mustKubectl(['wait', '--for=condition=Ready=False', 'exchangeclient/orphan', '-n', 'shop', '--timeout=60s']);
    expect(await conditions('exchangeclient', 'orphan')).toContain('ResolvedRefs=False IssuerNotFound');
    await apply(issuer('lone'));
    await cluster.mustKubectl(['wait', '--for=condition=Ready', 'exchangeclient/orphan', '-n', 'shop', '--timeout=60s']);
    expect(issuers()).toEqual(['lone']);
  });

  test('an unknown field turns the object off, and its status says which and what was meant', async () => {
    await apply(client('typo', { target: ', lifetimeSecond: 60' }), '--validate=false');
    expect(await conditions('exchangeclient', 'typo')).toEqual(['Accepted=False UnknownField', 'Ready=False NotAccepted', 'Stalled=True NotAccepted']);
    const { status } = await get('exchangeclient', 'typo');
    expect(status?.conditions.find(({ type }) => type === 'Accepted')?.['message']).toBe('spec.targets[0].lifetimeSecond: unknown field; did you mean lifetimeSeconds?');
    expect(inForce()).not.toContain('shop/typo');
    await apply(client('typo', { target: ', lifetimeSeconds: 60' }));
    await cluster.mustKubectl(['wait', '--for=condition=Ready', 'exchangeclient/typo', '-n', 'shop', '--timeout=60s']);
    expect(clientNamed('typo')?.targets.get('https://deploy.test')?.lifetimeSeconds).toBe(60);
  });

  test('an object that was changed or made anew does not get the status of the one before', async () => {
    await apply(client('anew'));
    await cluster.mustKubectl(['wait', '--for=condition=Ready', 'exchangeclient/anew', '-n', 'shop', '--timeout=60s']);
    const { metadata } = await get('exchangeclient', 'anew');
    const id = { kind: 'ExchangeClient', namespace: 'shop', name: 'anew' } as const;
    const statuses: number[] = [];
    const request = async (asked: ApiRequest): Promise<ApiResponse> => {
      const response = await api.request(asked);
      statuses.push(response.status);
      return response;
    };
    /** A writer that knows the object as it was, and has a verdict on that. */
    async function writeLate(): Promise<void> {
      const end = new AbortController();
      const late = createStatusWriter({ api: { ...api, request }, now: Date.now, monotonic: () => performance.now(), leadsFor: () => Infinity, signal: end.signal, onError: () => undefined, pause: async () => end.abort() });
      late.observe(id, { metadata });
      late.want([{ id, generation: 1, conditions: [], fields: { targets: 'old' } }]);
      await late.idle();
    }
    await cluster.mustKubectl(['label', 'exchangeclient', 'anew', '-n', 'shop', 'team=a']);
    await writeLate();
    await cluster.mustKubectl(['delete', 'exchangeclient', 'anew', '-n', 'shop']);
    await writeLate();
    await apply(client('anew', { more: '\n  suspend: true' }));
    await cluster.mustKubectl(['wait', '--for=condition=Ready=False', 'exchangeclient/anew', '-n', 'shop', '--timeout=60s']);
    await writeLate();
    expect(statuses).toEqual([409, 404, 409]);
    expect((await get('exchangeclient', 'anew')).status?.['targets']).toBe('https://deploy.test');
  });

  test('the store follows again after the API server was away, with what happened meanwhile', async () => {
    await apply(client('before'));
    await until(() => expect(inForce()).toContain('shop/before'));
    await cluster.stopApiServer();
    expect(inForce()).toContain('shop/before');
    await cluster.startApiServer();
    await cluster.mustKubectl(['delete', 'exchangeclient', 'before', '-n', 'shop']);
    await apply(client('after'));
    await until(() => expect(inForce()).toContain('shop/after'));
    await until(() => expect(inForce()).not.toContain('shop/before'));
    await cluster.mustKubectl(['wait', '--for=condition=Ready', 'exchangeclient/after', '-n', 'shop', '--timeout=60s']);
  });

  test('a second pass over the same objects writes nothing', async () => {
    await apply(client('settled') + client('suspended', { more: '\n  suspend: true' }) + client('misspelt', { target: ', scope: [a]' }) + issuer('unused'), '--validate=false');
    for (const [kind, name] of [...(await all()).keys()].map((key) => key.split('/') as [string, string])) await conditions(kind, name);
    await controller.status.idle();
    expect(controller.errors.filter((error) => !error.includes('could not be written'))).toEqual([]);
    await controller.stop();
    const [before, wasInForce] = [await all(), inForce()];
    const asked = vi.spyOn(api, 'request');
    controller = await start();
    await controller.status.idle();
    expect(asked.mock.calls.map(([{ method }]) => method)).toEqual(['GET', 'GET', 'GET', 'GET']);
    expect(await all()).toEqual(before);
    expect(inForce()).toEqual(wasInForce);
    expect(wasInForce).toContain('shop/settled');
  });
});
