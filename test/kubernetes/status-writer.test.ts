import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../src/kubernetes/api-server.ts';
import { isCurrent, statusOf } from '../../src/kubernetes/live-status.ts';
import { objectPath } from '../../src/kubernetes/object-path.ts';
import { createStatusWriter, type StatusWriter } from '../../src/kubernetes/status-writer.ts';
import type { ObjectId } from '../../src/manifests/read-object.ts';
import type { Condition } from '../../src/policy/conditions.ts';
import type { Verdict } from '../../src/policy/policy-store.ts';
import { connectTo, resetMessage, startFakeApiServer, type FakeApiServer, type Fault } from './fake-api-server.ts';

const clients = 'exchangeclients';
const noon = Date.parse('2026-11-24T12:00:00.789Z');

const ready = (status: 'True' | 'False', message = 'm'): Condition => ({ type: 'Ready', status, reason: status === 'True' ? 'Ready' : 'NotAccepted', message });
const accepted: Condition = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'm' };
const client = (name: string): ObjectId => ({ kind: 'ExchangeClient', namespace: 'shop', name });
const verdict = (name: string, generation = 1, conditions: Condition[] = [ready('True')], fields: Verdict['fields'] = { targets: 'a' }): Verdict => ({ id: client(name), generation, conditions, fields });

const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 2, timeout: 10_000 });

describe('isCurrent', () => {
  const live = {
    observedGeneration: 1,
    conditions: [
      { type: 'Ready', status: 'True', reason: 'Ready', message: 'm', lastTransitionTime: '2020-01-01T00:00:00Z', observedGeneration: 1 },
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'm', lastTransitionTime: '2020-01-01T00:00:00Z', observedGeneration: 1 },
    ],
    verification: 'jwks',
    keys: 2,
  };
  const both = [ready('True'), accepted];
  const fields = { verification: 'jwks', keys: 2 };

  test.for([
    ['says the same', live, verdict('a', 1, both, fields), true],
    ['says the same in another order', live, verdict('a', 1, both.toReversed(), { keys: 2, verification: 'jwks' }), true],
    ['is empty', {}, verdict('a'), false],
    ['is of another generation', live, verdict('a', 2, both, fields), false],
    ['has another status', live, verdict('a', 1, [{ ...ready('True'), status: 'False' }, accepted], fields), false],
    ['has another reason', live, verdict('a', 1, [{ ...ready('True'), reason: 'Suspended' } as Condition, accepted], fields), false],
    ['has another message', live, verdict('a', 1, [ready('True', 'n'), accepted], fields), false],
    ['has a condition too many', live, verdict('a', 1, [ready('True')], fields), false],
    ['lacks a condition', { ...live, conditions: live.conditions.slice(1) }, verdict('a', 1, both, fields), false],
    ['has another condition', live, verdict('a', 1, [ready('True'), { type: 'Stalled', status: 'True', reason: 'Suspended', message: 'm' }], fields), false],
    ['has another field', live, verdict('a', 1, both, { verification: 'jwks', keys: 3 }), false],
    ['has a field too many', live, verdict('a', 1, both, { verification: 'jwks' }), false],
    ['lacks a field', live, verdict('a', 1, both, { ...fields, issuerURL: 'x' }), false],
  ] as const)('a status that %s', ([, status, wanted, current]) => {
    expect(isCurrent({ ...status }, wanted)).toBe(current);
  });
});

describe('statusOf', () => {
  const before = (status: string) => ({ type: 'Ready', status, reason: 'Old', message: 'old', lastTransitionTime: '2020-01-01T00:00:00Z' });

  test.for([
    ['was not there', {}, '2026-11-24T12:00:00Z'],
    ['was another', { conditions: [before('False')] }, '2026-11-24T12:00:00Z'],
    ['was the same, for another reason', { conditions: [before('True')] }, '2020-01-01T00:00:00Z'],
    ['was that of another type', { conditions: [{ ...before('True'), type: 'Accepted' }] }, '2026-11-24T12:00:00Z'],
  ] as const)('has a lastTransitionTime for a status that %s', ([, live, lastTransitionTime]) => {
    expect(statusOf(verdict('a', 7), live as Parameters<typeof statusOf>[1], noon)).toEqual({
      targets: 'a',
      observedGeneration: 7,
      conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'm', lastTransitionTime, observedGeneration: 7 }],
    });
  });
});

test.for([
  [{ kind: 'TrustedIssuer', namespace: '', name: 'a' }, '/apis/cambio.dev/v1alpha1/trustedissuers/a'],
  [{ kind: 'ExchangeClient', namespace: 'shop', name: 'a.b' }, '/apis/cambio.dev/v1alpha1/namespaces/shop/exchangeclients/a.b'],
] as const)('the path of %j is %s', ([id, path]) => {
  expect(objectPath(id)).toBe(path);
});

describe('the writer', () => {
  let server: FakeApiServer;
  let api: ApiServer;
  let writer: StatusWriter;
  let end: AbortController;
  let errors: string[];
  let pauses: number[];
  let now: number;
  let clock: number;

  beforeEach(async () => {
    server = await startFakeApiServer();
    api = connectTo(server.url);
    end = new AbortController();
    errors = [];
    pauses = [];
    now = noon;
    clock = 0;
    writer = createStatusWriter({
      api,
      now: () => now,
      monotonic: () => clock,
      leadsFor: () => Infinity,
      signal: end.signal,
      onError: (id, message) => errors.push(`${id.name}: ${message}`),
      pause: async (milliseconds) => {
        pauses.push(milliseconds);
        clock += milliseconds;
        await turn();
      },
    });
  });
  afterEach(async () => {
    end.abort();
    await writer.idle();
    await api.close();
    await server.close();
  });

  /** Tells the writer what is there, as a watch would. */
  const observe = (name: string): void => writer.observe(client(name), server.items(clients).get(`shop/${name}`));
  const make = (name: string, members: Record<string, unknown> = { spec: 1 }): void => {
    server.put(clients, `shop/${name}`, members);
    observe(name);
  };
  const remove = (name: string): void => {
    server.remove(clients, `shop/${name}`);
    observe(name);
  };
  const live = (name: string): Record<string, unknown> | undefined => server.items(clients).get(`shop/${name}`);
  /** What was written, in short: name, generation and the status of Ready. */
  const writes = (): string[] =>
    server.seen.map(({ path, body }) => {
      const { observedGeneration, conditions } = (body ?? {})['status'] as { observedGeneration: number; conditions: { status: string }[] };
      return `${path.split('/').at(-2)} ${observedGeneration} ${conditions[0]?.status}`;
    });

  test('applies the whole status, as a manager of its own, to the object as it is known', async () => {
    make('a');
    writer.want([verdict('a')]);
    await writer.idle();
    expect(server.seen).toEqual([
      {
        verb: 'patch',
        path: '/apis/cambio.dev/v1alpha1/namespaces/shop/exchangeclients/a/status',
        query: { fieldManager: 'cambio', force: 'true' },
        body: {
          apiVersion: 'cambio.dev/v1alpha1',
          kind: 'ExchangeClient',
          metadata: { name: 'a', namespace: 'shop', resourceVersion: '8' },
          status: {
            targets: 'a',
            observedGeneration: 1,
            conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'm', lastTransitionTime: '2026-11-24T12:00:00Z', observedGeneration: 1 }],
          },
        },
      },
    ]);
    expect(errors).toEqual([]);
  });

  test('names no namespace where there is none', async () => {
    const id = { kind: 'TrustedIssuer', namespace: '', name: 'a' } as const;
    writer.observe(id, server.put('trustedissuers', '/a'));
    writer.want([{ ...verdict('a'), id }]);
    await writer.idle();
    expect(server.seen[0]?.body?.['metadata']).toEqual({ name: 'a', resourceVersion: '8' });
    expect(server.items('trustedissuers').get('/a')).toHaveProperty('status.targets', 'a');
  });

  test('writes nothing a second time, whether the watch has told of the first or not', async () => {
    make('a');
    writer.want([verdict('a')]);
    await writer.idle();
    writer.want([verdict('a')]);
    await writer.idle();
    observe('a');
    writer.want([verdict('a')]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True']);
  });

  test('writes nothing for objects that say it already, and nothing for those that are gone or were never there', async () => {
    make('a', { status: statusOf(verdict('a'), {}, 0) });
    make('gone');
    remove('gone');
    writer.want([verdict('a'), verdict('gone'), verdict('absent')]);
    await writer.idle();
    expect(writes()).toEqual([]);
  });

  test('keeps the time of a condition that stays, over several writes', async () => {
    make('a');
    writer.want([verdict('a', 1, [ready('True'), accepted])]);
    await writer.idle();
    now += 60_000;
    writer.want([verdict('a', 2, [ready('False'), accepted])]);
    await writer.idle();
    expect(live('a')).toHaveProperty('status.conditions', [
      expect.objectContaining({ type: 'Ready', status: 'False', lastTransitionTime: '2026-11-24T12:01:00Z', observedGeneration: 2 }),
      expect.objectContaining({ type: 'Accepted', status: 'True', lastTransitionTime: '2026-11-24T12:00:00Z', observedGeneration: 2 }),
    ]);
  });

  test('writes the last verdict, and of those before only the one that was under way', async () => {
    make('a');
    server.order('patch', 'slow');
    writer.want([verdict('a', 1)]);
    await until(() => expect(server.seen).toHaveLength(1));
    writer.want([verdict('a', 2)]);
    writer.want([verdict('a', 3), verdict('a', 4, [ready('False')])]);
    server.release();
    await writer.idle();
    expect(writes()).toEqual(['a 1 True', 'a 4 False']);
    expect(server.mostAtOnce('patch')).toBe(1);
    expect(live('a')).toHaveProperty('status.observedGeneration', 4);
  });

  test('goes back to what was said before, though the watch has not told of the write between', async () => {
    make('a');
    writer.want([verdict('a', 1)]);
    await writer.idle();
    observe('a');
    writer.want([verdict('a', 1, [ready('False')])]);
    await writer.idle();
    writer.want([verdict('a', 1)]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True', 'a 1 False', 'a 1 True']);
  });

  test('does not take the late event of an older state for the state', async () => {
    make('a');
    const late = server.items(clients).get('shop/a');
    writer.want([verdict('a', 1)]);
    await writer.idle();
    writer.observe(client('a'), late);
    writer.want([verdict('a', 1)]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True']);
  });

  test('never writes more than four at once, and all in the end', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `c${i}`);
    for (const name of names) make(name);
    server.order('patch', 'slow', 'slow', 'slow', 'slow');
    writer.want(names.slice(0, 25).map((name) => verdict(name)));
    writer.want(names.slice(25).map((name) => verdict(name)));
    await until(() => expect(server.seen).toHaveLength(4));
    server.release();
    await writer.idle();
    expect(server.mostAtOnce('patch')).toBe(4);
    expect(writes().toSorted((a, b) => a.localeCompare(b))).toEqual(names.map((name) => `${name} 1 True`).toSorted((a, b) => a.localeCompare(b)));
  });

  describe('an object that is made anew while a write is under way', () => {
    test.for([
      ['after the write was done', false],
      ['before the write was done', true],
    ] as const)('gets its own verdict, and not the old one (made %s)', async ([, before]) => {
      make('a');
      server.order('patch', 'slow');
      writer.want([verdict('a', 1)]);
      await until(() => expect(server.seen).toHaveLength(1));
      if (!before) server.release();
      remove('a');
      make('a', { spec: 2 });
      writer.want([verdict('a', 1, [ready('False')])]);
      server.release();
      await writer.idle();
      expect(live('a')).toMatchObject({ metadata: { uid: 'uid-2' }, status: { conditions: [{ status: 'False' }] } });
    });

    test('does not inherit what was known of the old one: the same verdict is written to it', async () => {
      make('a');
      server.order('patch', 'slow');
      writer.want([verdict('a')]);
      await until(() => expect(server.seen).toHaveLength(1));
      remove('a');
      make('a');
      writer.want([verdict('a')]);
      server.release();
      await writer.idle();
      expect(live('a')).toMatchObject({ metadata: { uid: 'uid-2' }, status: { targets: 'a' } });
    });

    test('and that nothing is known of yet gets nothing', async () => {
      make('a');
      server.remove(clients, 'shop/a');
      server.put(clients, 'shop/a', { spec: 2 });
      writer.want([verdict('a')]);
      await until(() => expect(pauses.length).toBeGreaterThan(2)); // 409, again and again, until the watch tells
      expect(live('a')).not.toHaveProperty('status');
      remove('a');
      await writer.idle();
      expect(errors).toEqual([]);
    });
  });

  test.for([
    ['500', { status: 500 }, 'a: its status was refused with 500: ordered'],
    ['403', { status: 403 }, 'a: its status was refused with 403: ordered'],
    ['429', { status: 429, retryAfter: '7' }, 'a: its status was refused with 429: ordered'],
    ['503 of a proxy', { status: 503, body: '<html>' }, 'a: its status was refused with 503: '],
    ['a reset connection', 'reset', expect.stringMatching(resetMessage)],
    ['an answer that is not JSON', 'garbage', expect.stringMatching(/^a: its status could not be written: /)],
  ] as [string, Fault, string][])('tries again after %s', async ([, fault, error]) => {
    make('a');
    server.order('patch', fault);
    writer.want([verdict('a')]);
    await writer.idle();
    expect(writes()).toHaveLength(2);
    expect(live('a')).toHaveProperty('status.observedGeneration', 1);
    expect(errors).toEqual([error]);
    expect(pauses).toEqual([fault !== null && typeof fault === 'object' && 'retryAfter' in fault ? 7000 : 500]);
  });

  test('waits longer after each failure in a row, and as at first after a success', async () => {
    make('a');
    make('b');
    server.order('patch', ...Array.from({ length: 8 }, (): Fault => ({ status: 500 })));
    writer.want([verdict('a')]);
    await writer.idle();
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    server.order('patch', { status: 500 });
    writer.want([verdict('b')]);
    await writer.idle();
    expect(pauses.at(-1)).toBe(500);
  });

  test.for([400, 422])('does not try again after %d: the same would be refused again', async (status) => {
    make('a');
    server.order('patch', { status });
    writer.want([verdict('a')]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True']);
    expect(errors).toEqual([`a: its status was refused with ${status}: ordered`]);
    writer.want([verdict('a', 2)]);
    await writer.idle();
    expect(live('a')).toHaveProperty('status.observedGeneration', 2);
  });

  test('does not try again after 404, and says nothing: the watch will tell', async () => {
    make('a');
    server.remove(clients, 'shop/a');
    writer.want([verdict('a')]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True']);
    expect(errors).toEqual([]);
  });

  test('writes to an object that was changed meanwhile once the watch has told of it', async () => {
    make('a');
    server.put(clients, 'shop/a', { labels: 1 });
    writer.want([verdict('a')]);
    await until(() => expect(pauses.length).toBeGreaterThan(2));
    expect(live('a')).not.toHaveProperty('status');
    observe('a');
    await writer.idle();
    expect(live('a')).toMatchObject({ labels: 1, status: { observedGeneration: 1 } });
    expect(errors).toEqual([]);
  });

  test('waits longer after each conflict in a row, and as at first once the watch has told something', async () => {
    make('a');
    server.put(clients, 'shop/a', { labels: 1 });
    writer.want([verdict('a')]);
    await until(() => expect(pauses.length).toBeGreaterThan(8));
    expect(pauses.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    // What was told is old already: one more conflict.
    const version = server.items(clients).get('shop/a');
    server.put(clients, 'shop/a', { labels: 2 });
    const before = pauses.length;
    writer.observe(client('a'), version);
    await until(() => expect(pauses.length).toBeGreaterThan(before + 2));
    const after = pauses.slice(before);
    expect(after.slice(after.indexOf(500), after.indexOf(500) + 2)).toEqual([500, 1000]);
    observe('a');
    await writer.idle();
    expect(live('a')).toHaveProperty('status.observedGeneration', 1);
  });

  test('tries again after a 409 between many writers', async () => {
    make('a');
    server.order('patch', { status: 409 });
    writer.want([verdict('a')]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True', 'a 1 True']);
    expect(errors).toEqual([]);
  });

  test('lets objects that can not be written hold up no others', async () => {
    const bad = Array.from({ length: 8 }, (_, i) => `bad${i}`);
    for (const name of [...bad, 'good']) make(name);
    server.order('patch', ...bad.map((): Fault => ({ status: 500 })), 'none', ...bad.map((): Fault => ({ status: 500 })));
    writer.want([...bad, 'good'].map((name) => verdict(name)));
    await writer.idle();
    expect(writes().slice(0, 9)).toContain('good 1 True');
    expect(writes()).toHaveLength(25);
  });

  test('a failed verdict does not come back over a newer one', async () => {
    make('a');
    server.order('patch', 'slow', { status: 500 });
    writer.want([verdict('a', 1)]);
    await until(() => expect(server.seen).toHaveLength(1));
    writer.want([verdict('a', 2)]);
    server.cutConnections();
    await writer.idle();
    expect(writes()).toEqual(['a 1 True', 'a 2 True', 'a 2 True']);
  });

  test('does not write for ever what the API server does not keep', async () => {
    server.prune('targets');
    make('a');
    writer.want([verdict('a')]);
    await writer.idle();
    observe('a');
    await turn();
    await writer.idle();
    expect(writes()).toEqual(['a 1 True']);
    const version = live('a')?.['metadata'];
    writer.want([verdict('a')]);
    await writer.idle();
    expect(writes()).toEqual(['a 1 True', 'a 1 True']);
    expect(live('a')?.['metadata']).toEqual(version);
  });

  test.for([
    ['in a write', 'hang'],
    ['between two tries', { status: 500 }],
  ] as [string, Fault][])('ends at once when it is aborted %s', { timeout: 5000 }, async ([, fault]) => {
    const started = new AbortController();
    const real = createStatusWriter({ api, now: () => now, monotonic: () => performance.now(), leadsFor: () => Infinity, signal: started.signal, onError: (_, message) => errors.push(message) });
    server.order('patch', fault);
    real.observe(client('a'), server.put(clients, 'shop/a'));
    real.want([verdict('a')]);
    await until(() => expect(server.seen.length + errors.length).toBe(fault === 'hang' ? 1 : 2));
    started.abort();
    await real.idle();
    real.want([verdict('a', 2)]);
    await real.idle();
    expect(server.seen).toHaveLength(1);
    expect(errors).toEqual(fault === 'hang' ? [] : ['its status was refused with 500: ordered']);
  });

  test('takes verdicts that come in the very moment in which it becomes idle', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `c${i}`);
    for (const name of names) make(name, { status: statusOf(verdict(name), {}, 0) });
    for (const name of names) {
      writer.want([verdict(name)]);
      await Promise.resolve();
      writer.want([verdict(name, 2)]);
      await Promise.resolve();
    }
    await writer.idle();
    expect(writes()).toHaveLength(20);
  });
});
