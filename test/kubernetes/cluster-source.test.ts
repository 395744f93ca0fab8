import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../src/kubernetes/api-server.ts';
import { runClusterSource } from '../../src/kubernetes/cluster-source.ts';
import { connectTo, startFakeApiServer, type FakeApiServer } from './fake-api-server.ts';

const clients = 'exchangeclients';
const issuers = 'trustedissuers';
const targets = 'targetservices';
const namespaces = 'namespaces';
const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 2, timeout: 10_000 });

let server: FakeApiServer;
let api: ApiServer;
let end: AbortController;
let running: Promise<void>;
let happened: string[];
let refusals: number;
/** How many changes each call brought. */
let batches: number[];

beforeEach(async () => {
  server = await startFakeApiServer();
  api = connectTo(server.url);
  end = new AbortController();
  happened = [];
  refusals = 0;
  batches = [];
});
afterEach(async () => {
  end.abort();
  await running;
  await api.close();
  await server.close();
});

function start(): void {
  running = runClusterSource({
    api,
    monotonic: () => 0,
    random: () => 0,
    signal: end.signal,
    onSynced: () => happened.push('synced'),
    onState: () => undefined,
    observe: ({ kind, namespace, name }, object) => happened.push(`observe ${kind} ${namespace}/${name} ${object?.metadata.resourceVersion ?? 'gone'}`),
    onChanges: (changes, labelled) => {
      batches.push(changes.length + labelled.length);
      if (refusals-- > 0) throw new Error('not now');
      for (const { id, object } of changes) happened.push(`change ${id.kind} ${id.namespace}/${id.name} ${object === undefined ? 'gone' : `${object.uid}/${object.generation} ${object.problems?.[0]?.message}`}`);
      for (const { name, labels } of labelled) happened.push(`labels ${name} ${labels === undefined ? 'unknown' : JSON.stringify([...labels])}`);
    },
  });
}

const wrong = 'is required: an object';
const synced = (): Promise<void> => until(() => expect(happened).toContain('synced'));

describe('runClusterSource', () => {
  test('is synced once when every kind was listed, and not before', async () => {
    server.put(clients, 'shop/a');
    server.order(`list ${issuers}`, 'slow');
    start();
    await until(() => expect(server.seen.map(({ verb }) => verb).toSorted((a, b) => a.localeCompare(b))).toEqual(['list', 'list', 'list', 'list', 'watch', 'watch', 'watch']));
    expect(happened.filter((what) => !what.startsWith('observe'))).toEqual([]);
    server.release();
    await synced();
    expect(server.seen.map(({ path }) => path)).toEqual(expect.arrayContaining(['/apis/cambio.dev/v1alpha1/trustedissuers', '/apis/cambio.dev/v1alpha1/exchangeclients', '/apis/cambio.dev/v1alpha1/targetservices', '/api/v1/namespaces']));
    server.compact();
    server.cutConnections();
    await until(() => expect(server.seen.filter(({ verb }) => verb === 'list')).toHaveLength(8));
    expect(happened.filter((what) => what === 'synced')).toHaveLength(1);
  });

  test.for([clients, issuers, targets, namespaces])('judges nothing before all is there, whichever comes first (%s later)', async (later) => {
    for (const name of ['a', 'b', 'c']) server.put(clients, `shop/${name}`);
    server.put(issuers, '/ci');
    server.order(`list ${later}`, 'slow');
    start();
    await until(() => expect(server.watches()).toBe(3));
    // Of the kind that was listed, one more comes by its watch.
    server.put(later === issuers ? clients : issuers, later === issuers ? 'shop/d' : '/gitlab');
    await until(() => expect(happened.join()).toMatch(later === issuers ? /shop\/d/ : /\/gitlab/));
    expect(batches).toEqual([]);
    server.release();
    await synced();
    expect(batches).toEqual([5]);
    expect(happened.at(-1)).toBe('synced');
    await until(() => expect(server.watches()).toBe(4));
    server.remove(issuers, '/ci');
    await until(() => expect(happened.at(-1)).toBe('change TrustedIssuer /ci gone'));
    expect(batches).toEqual([5, 1]);
  });

  test('holds of each object the last that was told, however long a kind can not be listed', async () => {
    server.put(clients, 'shop/a', { spec: 0 });
    server.order(`list ${targets}`, 'slow');
    start();
    await until(() => expect(server.watches()).toBe(3));
    for (let spec = 1; spec <= 100; spec++) {
      server.put(clients, 'shop/a', { spec });
      server.put(namespaces, '/shop', { metadata: { labels: { spec: String(spec) } } });
    }
    // Whoever watches anew from the last version has taken all that was before.
    const { resourceVersion } = server.put(namespaces, '/shop', { metadata: { labels: { spec: 'last' } } }).metadata;
    await until(() => expect(happened.join()).toMatch(`observe ExchangeClient shop/a ${Number(resourceVersion) - 2}`));
    server.endWatches();
    await until(() => expect(server.seen).toContainEqual(expect.objectContaining({ path: '/api/v1/namespaces', query: expect.objectContaining({ resourceVersion }) as unknown })));
    server.release();
    await synced();
    expect(batches).toEqual([2]);
    expect(happened.slice(-3)).toEqual(['change ExchangeClient shop/a uid-1/101 must be an object', 'labels shop [["spec","last"],["kubernetes.io/metadata.name","shop"]]', 'synced']);
  });

  test('hands on what has a new generation or is another object, and lets every change be observed', async () => {
    server.put(clients, 'shop/a', { spec: 1 });
    start();
    await synced();
    await until(() => expect(server.watches()).toBe(4));
    happened = [];
    server.put(clients, 'shop/a', { status: { observedGeneration: 1 } });
    server.put(clients, 'shop/a', { spec: 2 });
    server.remove(clients, 'shop/a');
    server.put(clients, 'shop/a', { spec: 2 });
    server.put(issuers, '/ci', { spec: 1 });
    await until(() => expect(happened).toHaveLength(9));
    expect(happened.filter((what) => what.includes('ExchangeClient') && what.startsWith('observe'))).toEqual([9, 10, 'gone', 12].map((version) => `observe ExchangeClient shop/a ${version}`));
    expect(happened.filter((what) => what.startsWith('change')).map((what) => what.replace(/ must.*| is.*/, ''))).toEqual([
      'change ExchangeClient shop/a uid-1/2',
      'change ExchangeClient shop/a gone',
      'change ExchangeClient shop/a uid-2/1',
      'change TrustedIssuer /ci uid-3/1',
    ]);
  });

  test('hands on the labels of Namespaces, with the name over whatever is written', async () => {
    server.put(namespaces, '/shop', { metadata: { labels: { team: 'a', 'kubernetes.io/metadata.name': 'other' } } });
    start();
    await synced();
    await until(() => expect(server.watches()).toBe(4));
    server.put(namespaces, '/shop', { metadata: { labels: { team: 'b' } } });
    server.put(namespaces, '/bare');
    server.remove(namespaces, '/shop');
    await until(() => expect(happened.at(-1)).toBe('labels shop unknown'));
    expect(happened).toEqual([
      'labels shop [["team","a"],["kubernetes.io/metadata.name","shop"]]',
      'synced',
      'labels shop [["team","b"],["kubernetes.io/metadata.name","shop"]]',
      'labels bare [["kubernetes.io/metadata.name","bare"]]',
      'labels shop unknown',
    ]);
  });

  test('tells an object that it can not read by its identity and its generation', async () => {
    server.put(clients, 'shop/a', {});
    start();
    await synced();
    expect(happened.filter((what) => what.startsWith('change'))).toEqual([`change ExchangeClient shop/a uid-1/1 ${wrong}`]);
  });

  test('hands on again what the receiver threw at, the first list and later events', async () => {
    server.put(clients, 'shop/a');
    refusals = 1;
    start();
    await synced();
    await until(() => expect(server.watches()).toBe(4));
    expect(happened.filter((what) => what.startsWith('change'))).toEqual([`change ExchangeClient shop/a uid-1/1 ${wrong}`]);
    expect(batches.length).toBeGreaterThan(1);
    refusals = 1;
    server.put(clients, 'shop/b');
    await until(() => expect(happened.at(-1)).toBe(`change ExchangeClient shop/b uid-2/1 ${wrong}`));
  });
});
