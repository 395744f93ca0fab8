// Replicas at a fake API server: one leads, and what a leader finds said already it does not write again.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openLeadership, type Leadership } from '../../src/commands/leadership.ts';
import type { ApiServer } from '../../src/kubernetes/api-server.ts';
import { runClusterSource } from '../../src/kubernetes/cluster-source.ts';
import { statusOf } from '../../src/kubernetes/live-status.ts';
import { readObject } from '../../src/manifests/read-object.ts';
import { createPolicyStore, type PolicyStore } from '../../src/policy/policy-store.ts';
import { connectTo, startFakeApiServer, type FakeApiServer } from '../kubernetes/fake-api-server.ts';

const clients = 'exchangeclients';
const jwks = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] });
const issuerSpec = { issuer: { url: 'https://ci.example.com', audiences: ['cambio'] }, verification: { jwks } };
const clientSpec = { authentication: { none: {} }, subjects: [{ issuerRef: { name: 'ci' }, subject: 'a' }], targets: [{ audience: 'vault' }] };
const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 5, timeout: 15_000 });

type Replica = { store: PolicyStore; leadership: Leadership; log: string[]; end: () => Promise<void> };

let server: FakeApiServer;
let apis: ApiServer[];
let replicas: Replica[];

beforeEach(async () => {
  server = await startFakeApiServer();
  apis = [];
  replicas = [];
});
afterEach(async () => {
  for (const replica of replicas) await replica.end();
  for (const api of apis) await api.close();
  await server.close();
});

async function start(isAllKnown = (): boolean => true): Promise<Replica> {
  const api = connectTo(server.url, 16);
  apis.push(api);
  const end = new AbortController();
  const log: string[] = [];
  const leadership = openLeadership(api, 'cambio-system', pino({ level: 'debug' }, { write: (line) => log.push(line) }), end.signal);
  const store = createPolicyStore({ issuerURL: 'https://cambio.test', isTrustedNamespace: () => true, reservedAudiences: [], runExamples: () => [] });
  const running = runClusterSource({
    api,
    signal: end.signal,
    monotonic: () => performance.now(),
    random: Math.random,
    observe: leadership.observe,
    onSynced: () => {
      store.complete();
      leadership.stand(isAllKnown);
    },
    onChanges: (changes) => leadership.want(store.apply(changes)),
    onState: () => undefined,
  });
  const replica = {
    store,
    leadership,
    log,
    end: async () => {
      end.abort();
      await running;
      await leadership.ended();
    },
  };
  replicas.push(replica);
  await until(() => expect(store.snapshot().complete).toBe(true));
  return replica;
}

const leads = ({ log }: Replica): boolean => log.findLast((line) => line.includes('this replica'))?.includes('this replica leads') ?? false;
const patches = (): string[] => server.seen.filter(({ verb, path }) => verb === 'patch' && path.endsWith('/status')).map(({ path }) => path.split('/').at(-2) ?? '');
const readyOf = (plural: string, key: string): unknown => (server.items(plural).get(key)?.['status'] as { conditions?: { status: string }[] } | undefined)?.conditions?.[0]?.status;

test('10,000 clients: a restart, and another leader after it, write nothing when nothing has changed', { timeout: 60_000 }, async () => {
  const store = createPolicyStore({ issuerURL: 'https://cambio.test', isTrustedNamespace: () => true, reservedAudiences: [], runExamples: () => [] });
  server.put('trustedissuers', '/ci', { spec: issuerSpec });
  const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
  for (const name of names) server.put(clients, `shop/${name}`, { spec: clientSpec });
  // As a leader has left it.
  for (const [kind, plural] of [['TrustedIssuer', 'trustedissuers'], ['ExchangeClient', clients]] as const) {
    for (const [key, object] of server.items(plural)) {
      const { read } = readObject({ apiVersion: 'cambio.dev/v1alpha1', kind, ...object });
      const { namespace = '', name } = object.metadata;
      const [verdict] = store.apply([{ id: { kind, namespace, name }, object: read }]);
      if (verdict === undefined) throw new Error(`there is no verdict on ${key}`);
      server.put(plural, key, { status: statusOf(verdict, {}, 0) });
    }
  }
  /** A status that is wrong is mended after all that waits already was looked at. */
  async function untilAllIsLookedAt(): Promise<void> {
    server.put(clients, 'shop/c7', { status: { observedGeneration: 1, conditions: [] } });
    await until(() => expect(readyOf(clients, 'shop/c7')).toBe('True'));
  }
  const first = await start();
  await until(() => expect(leads(first)).toBe(true));
  expect(first.store.snapshot().clients.size).toBe(10_000);
  await untilAllIsLookedAt();
  expect(patches()).toEqual(['c7']);

  const second = await start();
  await first.end();
  await until(() => expect(leads(second)).toBe(true));
  await untilAllIsLookedAt();
  expect(patches()).toEqual(['c7', 'c7']);
  const told = [...server.items('events').values()].map(({ regarding }) => (regarding as { name: string }).name);
  expect(told.filter((name) => name !== 'c7')).toEqual([]);
});

test('two replicas, one edit: one write, and one event', async () => {
  server.put('trustedissuers', '/ci', { spec: issuerSpec });
  const both = [await start(), await start()];
  await until(() => expect(both.filter(leads)).toHaveLength(1));
  server.put(clients, 'shop/a', { spec: clientSpec });
  await until(() => expect(readyOf(clients, 'shop/a')).toBe('True'));
  await until(() => expect(both.map(({ store }) => store.snapshot().clients.size)).toEqual([1, 1]));
  await until(() => expect([...server.items('events').values()]).toMatchObject([{ reason: 'Ready', regarding: { name: 'ci' } }, { reason: 'Ready', regarding: { name: 'a' } }]));
  expect(patches().toSorted()).toEqual(['a', 'ci']);
  expect(server.items('leases').size).toBe(1);
});

test('a leader that ends hands over, and what changed meanwhile is written', async () => {
  server.put('trustedissuers', '/ci', { spec: issuerSpec });
  const first = await start();
  await until(() => expect(leads(first)).toBe(true));
  const second = await start();
  await first.end();
  expect(server.items('leases').get('cambio-system/cambio-leader')).toMatchObject({ spec: { holderIdentity: '', leaseTransitions: 0 } });
  server.put(clients, 'shop/a', { spec: clientSpec });
  await until(() => expect(readyOf(clients, 'shop/a')).toBe('True'));
  expect(leads(second)).toBe(true);
  expect(server.items('leases').get('cambio-system/cambio-leader')).toMatchObject({ spec: { leaseTransitions: 1 } });
});

test('who does not know everything yet does not stand, so that it takes back nothing that is still so', async () => {
  server.put('trustedissuers', '/ci', { spec: issuerSpec });
  let known = false;
  let looks = 0;
  const replica = await start(() => {
    looks++;
    return known;
  });
  await until(() => expect(looks).toBeGreaterThan(2));
  expect(server.seen.filter(({ path }) => path.includes('/leases'))).toEqual([]);
  known = true;
  await until(() => expect(leads(replica)).toBe(true));
  await until(() => expect(readyOf('trustedissuers', '/ci')).toBe('True'));
});

test('who ends before it stood has nothing to give back', async () => {
  const replica = await start(() => false);
  await replica.end();
  expect(server.seen.filter(({ path }) => path.includes('/leases'))).toEqual([]);
});

test('without the right to the Lease everything is read and nothing written, and the log says what is missing', async () => {
  server.put('trustedissuers', '/ci', { spec: issuerSpec });
  server.order('get leases', { status: 403 }, { status: 403 });
  const replica = await start();
  server.put(clients, 'shop/a', { spec: clientSpec });
  await until(() => expect(replica.store.snapshot().clients.size).toBe(1));
  await until(() => expect(replica.log.some((line) => line.includes('get was refused with 403') && line.includes('deploy/rbac.yaml'))).toBe(true));
  expect(patches()).toEqual([]);
  // The right comes, and it is noticed.
  await until(() => expect(readyOf(clients, 'shop/a')).toBe('True'));
});
