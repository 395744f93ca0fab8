import { beforeEach, describe, expect, test } from 'vitest';
import { objectPath } from '../../src/kubernetes/object-path.ts';
import { createBudget, dueAt, paceAfter, statusBounds, type WritePace } from '../../src/kubernetes/status-pace.ts';
import { createStatusWriter, type StatusWriter } from '../../src/kubernetes/status-writer.ts';
import { createWriteQueue } from '../../src/kubernetes/write-queue.ts';
import type { ObjectId } from '../../src/manifests/read-object.ts';
import type { Condition } from '../../src/policy/conditions.ts';
import type { Verdict } from '../../src/policy/policy-store.ts';
import { createMemoryStatuses, type MemoryStatuses } from './memory-statuses.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

const seconds = 1000;
const minutes = 60 * seconds;

describe('the pace of one object', () => {
  test('is twenty writes at once, and then one every two minutes', () => {
    const rests: number[] = [];
    let pace: WritePace | undefined;
    for (let at = 0; rests.length < 23; at = dueAt(pace, 1)) {
      pace = paceAfter(pace, 1, at);
      rests.push(dueAt(pace, 1) - at);
    }
    expect(rests.slice(0, 19)).toEqual(Array.from({ length: 19 }, () => 100));
    // Nineteen tenths of a second have passed since the first of them.
    expect(rests.slice(19).map((rest) => Math.round(rest / 10) * 10)).toEqual([118_100, 120_000, 120_000, 120_000]);
  });

  test.for([
    ['has all of them after an edit', { generation: 2, at: 1000 }, 19],
    ['has one more after two minutes', { generation: 1, at: 120_000 }, 3],
    ['has part of one before that', { generation: 1, at: 60_000 }, 2.5],
    ['never has more than twenty', { generation: 1, at: 86_400_000 }, 19],
  ] as const)('%s', ([, { generation, at }, left]) => {
    expect(paceAfter({ generation: 1, writtenAt: 0, left: 3 }, generation, at)).toEqual({ generation, writtenAt: at, left });
  });

  test('what was edited need not wait as long as what came about otherwise', () => {
    const pace = { generation: 1, writtenAt: 5000, left: 0.5 };
    expect([dueAt(pace, 1), dueAt(pace, 2), dueAt(undefined, 1)]).toEqual([65_000, 5100, -Infinity]);
  });
});

test('the budget is full at first, and is refilled at its rate', () => {
  let now = 0;
  const budget = createBudget({ perSecond: 10, burst: 3 }, () => now);
  const take = (): number => {
    const waitMs = budget.waitMs();
    if (waitMs === 0) budget.spend();
    return waitMs;
  };
  expect([take(), take(), take(), take()]).toEqual([0, 0, 0, 100]);
  now = 40;
  expect(take()).toBe(60);
  now = 100;
  expect([take(), take()]).toEqual([0, 100]);
  now = 1_000_000;
  expect([take(), take(), take(), take()]).toEqual([0, 0, 0, 100]);
});

describe('the queue', () => {
  test('has what is urgent first, and the oldest first among equals', () => {
    const queue = createWriteQueue<string>();
    queue.put('a', false);
    queue.put('b', true);
    queue.put('c', false);
    queue.put('d', true);
    queue.put('a', false);
    queue.put('c', true);
    expect([1, 2, 3, 4, 5].map(() => queue.take(0))).toEqual(['b', 'd', 'c', 'a', undefined]);
    expect(queue.readyAt()).toBeUndefined();
  });

  test('keeps what rests until its time', () => {
    const queue = createWriteQueue<string>();
    queue.put('late', true, 500);
    queue.put('soon', false, 300);
    expect([queue.take(0), queue.readyAt()]).toEqual([undefined, 300]);
    expect([queue.take(299), queue.take(300), queue.take(300)]).toEqual([undefined, 'soon', undefined]);
    expect([queue.readyAt(), queue.take(500), queue.readyAt()]).toEqual([500, 'late', undefined]);
  });

  test('forgets what is removed, and lets an item rest or wake anew', () => {
    const queue = createWriteQueue<string>();
    queue.put('a', true);
    queue.put('b', true, 100);
    queue.remove('a');
    queue.remove('b');
    expect([queue.take(1000), queue.readyAt()]).toEqual([undefined, undefined]);
    queue.put('c', true, 2000);
    queue.put('c', false);
    expect(queue.take(1000)).toBe('c');
    queue.put('d', true);
    queue.put('d', true, 3000);
    expect(queue.take(1000)).toBeUndefined();
    queue.clear();
    expect(queue.readyAt()).toBeUndefined();
  });
});

const clientId = (name: string): ObjectId => ({ kind: 'ExchangeClient', namespace: 'shop', name });
const condition = (good: boolean): Condition => ({ type: 'Ready', status: good ? 'True' : 'False', reason: good ? 'Ready' : 'NothingLoaded', message: 'm' });
const verdictOn = (id: ObjectId, generation: number, good: boolean, more: readonly Condition[] = []): Verdict => ({ id, generation, conditions: [condition(good), ...more], fields: {} });

/** Most writes of one object that flaps for so long, in milliseconds. */
const mostWrites = (milliseconds: number): number => statusBounds.changes + Math.ceil(milliseconds / statusBounds.refill);

describe('the writer in time', () => {
  let time: VirtualTime;
  let world: MemoryStatuses;
  let leader: boolean;
  let writer: StatusWriter;
  let end: AbortController;

  beforeEach(() => {
    time = createVirtualTime();
    world = createMemoryStatuses(time, 8);
    leader = true;
    end = new AbortController();
    writer = makeWriter(() => (leader ? Infinity : 0));
  });

  const makeWriter = (leadsFor: () => number): StatusWriter =>
    createStatusWriter({ api: world.api, now: time.now, monotonic: time.now, leadsFor, onError: (id, message) => expect.unreachable(`${id.name}: ${message}`), signal: end.signal, pause: time.pause });
  const make = (id: ObjectId, to: readonly StatusWriter[] = [writer]): void => {
    const object = world.edit(id);
    for (const each of to) each.observe(id, object);
  };
  const readyOf = (id: ObjectId): string | undefined => world.status(id).conditions?.[0]?.status;
  const writesOf = (id: ObjectId): number => world.writes.filter(({ path }) => path === objectPath(id)).length;

  test('an object that flaps every second for six hours is written 200 times, and says the last in the end', async () => {
    const id = clientId('a');
    make(id);
    for (let second = 0; second < 6 * 3600; second++) {
      writer.want([verdictOn(id, 1, second % 2 === 0)]);
      await time.pass(seconds);
    }
    expect(world.writes.length).toBeLessThanOrEqual(mostWrites(6 * 60 * minutes));
    expect(world.writes.length).toBeGreaterThan(100);
    writer.want([verdictOn(id, 1, true)]);
    await time.pass(statusBounds.refill);
    expect(readyOf(id)).toBe('True');
    const before = world.writes.length;
    await time.pass(60 * minutes);
    expect(world.writes).toHaveLength(before);
  });

  test('what is back as it was before its turn comes is not written', async () => {
    const id = clientId('a');
    make(id);
    writer.want([verdictOn(id, 1, true)]);
    await time.pass(20);
    writer.want([verdictOn(id, 1, false)]);
    writer.want([verdictOn(id, 1, true)]);
    await time.pass(minutes);
    expect(world.writes).toHaveLength(1);
  });

  test('an edit does not wait for what an object that flapped has to wait', async () => {
    const id = clientId('a');
    make(id);
    for (let i = 0; i < 600; i++) {
      writer.want([verdictOn(id, 1, i % 2 === 0)]);
      await time.pass(100);
    }
    make(id);
    writer.want([verdictOn(id, 2, true)]);
    await time.pass(150);
    expect(world.status(id)).toMatchObject({ observedGeneration: 2, conditions: [{ status: 'True' }] });
  });

  test('a hundred edits in a second are ten writes at most', async () => {
    const id = clientId('a');
    for (let generation = 1; generation <= 100; generation++) {
      make(id);
      writer.want([verdictOn(id, generation, true)]);
      await time.pass(10);
    }
    expect(world.writes.length).toBeLessThanOrEqual(10);
    await time.pass(2 * seconds); // the last was refused as a conflict, maybe
    expect(world.status(id).observedGeneration).toBe(100);
  });

  describe('10,000 clients of an issuer that flaps', () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => clientId(`c${i}`));
    const flap = (good: boolean): void => writer.want(ids.map((id) => verdictOn(id, 1, good)));

    test('never more than the budget, and the last state in the end', { timeout: 60_000 }, async () => {
      for (const id of ids) make(id);
      flap(true);
      await time.pass(2 * minutes);
      expect(world.writes).toHaveLength(10_000);
      for (let i = 0; i < 20; i++) {
        flap(i % 2 === 1);
        await time.pass(30 * seconds);
      }
      const flapped = world.writes.length - 10_000;
      expect(flapped).toBeLessThanOrEqual(statusBounds.burst + 10 * 60 * statusBounds.perSecond);
      expect(Math.max(...ids.slice(0, 100).map(writesOf))).toBeLessThanOrEqual(mostWrites(12 * minutes));
      // No more within any second than what may come at once and what that second allows.
      const most = statusBounds.burst + statusBounds.perSecond;
      expect(world.writes.filter(({ at }, i) => at - (world.writes[i - most]?.at ?? -Infinity) < seconds)).toEqual([]);
      await time.pass(10 * minutes);
      expect(ids.filter((id) => readyOf(id) !== 'True')).toEqual([]);
      const before = world.writes.length;
      await time.pass(60 * minutes);
      expect(world.writes).toHaveLength(before);
    });

    test('an object that somebody edits meanwhile is written at once', async () => {
      for (const id of ids) make(id);
      flap(true);
      await time.pass(2 * minutes);
      flap(false);
      await time.pass(seconds);
      const id = ids[9999] ?? clientId('');
      make(id);
      writer.want([verdictOn(id, 2, true)]);
      await time.pass(100);
      expect(world.status(id).observedGeneration).toBe(2);
      expect(world.writes.length).toBeLessThan(10_500);
    });
  });

  describe('an edited object that lacks what it refers to', () => {
    const id = clientId('a');
    const lacking = (generation: number): Verdict => verdictOn(id, generation, false, [{ type: 'ResolvedRefs', status: 'False', reason: 'IssuerNotFound', message: 'm' }]);

    test('is not told so if that comes within two seconds', async () => {
      make(id);
      writer.want([lacking(1)]);
      await time.pass(1.9 * seconds);
      writer.want([verdictOn(id, 1, true)]);
      await time.pass(minutes);
      expect(world.writes).toHaveLength(1);
      expect(readyOf(id)).toBe('True');
    });

    test('is told so after two seconds', async () => {
      make(id);
      writer.want([lacking(1)]);
      await time.pass(seconds);
      writer.want([lacking(1)]);
      expect(world.writes).toHaveLength(0);
      await time.pass(1.2 * seconds);
      expect(readyOf(id)).toBe('False');
    });

    test('is told so at once if it was there before', async () => {
      make(id);
      writer.want([verdictOn(id, 1, true)]);
      await time.pass(seconds);
      writer.want([lacking(1)]);
      await time.pass(10);
      expect(readyOf(id)).toBe('False');
    });
  });

  describe('two replicas', () => {
    const ids = Array.from({ length: 500 }, (_, i) => clientId(`c${i}`));
    let other: StatusWriter;
    let otherLeads: boolean;

    beforeEach(() => {
      otherLeads = false;
      other = makeWriter(() => (otherLeads ? Infinity : 0));
      world.onWrite((path, object) => {
        const id = ids.find((each) => objectPath(each) === path);
        if (id !== undefined) for (const each of [writer, other]) each.observe(id, object);
      });
      for (const id of ids) make(id, [writer, other]);
    });

    test('only the leader writes, and a second leader finds nothing to do', async () => {
      for (const each of [writer, other]) each.want(ids.map((id) => verdictOn(id, 1, true)));
      await time.pass(minutes);
      expect(world.writes).toHaveLength(500);
      [leader, otherLeads] = [false, true];
      other.begin();
      await time.pass(minutes);
      expect(world.writes).toHaveLength(500);
    });

    test('the second finishes what the first has begun', async () => {
      for (const each of [writer, other]) each.want(ids.map((id) => verdictOn(id, 1, true)));
      await time.pass(seconds);
      leader = false;
      await time.pass(minutes);
      expect(world.writes.length).toBeGreaterThan(100);
      expect(world.writes.length).toBeLessThan(250);
      otherLeads = true;
      other.begin();
      await time.pass(minutes);
      expect(world.writes).toHaveLength(500);
      expect(ids.filter((id) => readyOf(id) !== 'True')).toEqual([]);
    });

    test('one that leads again goes on where the other stopped', async () => {
      leader = false;
      writer.want(ids.map((id) => verdictOn(id, 1, true)));
      await time.pass(minutes);
      expect(world.writes).toHaveLength(0);
      leader = true;
      writer.begin();
      await time.pass(minutes);
      expect(world.writes).toHaveLength(500);
    });

    test('the second writes its own view where the first had another', async () => {
      writer.want([verdictOn(clientId('c0'), 1, false)]);
      other.want([verdictOn(clientId('c0'), 1, true)]);
      await time.pass(minutes);
      expect(readyOf(clientId('c0'))).toBe('False');
      [leader, otherLeads] = [false, true];
      other.begin();
      await time.pass(minutes);
      expect(readyOf(clientId('c0'))).toBe('True');
    });
  });

  test.for([
    [Infinity, statusBounds.timeout],
    [3000.7, 3000],
    [0.4, 1],
  ] as const)('a write takes no longer than this process leads (%d ms: %d)', async ([left, timeoutMs]) => {
    const asked: number[] = [];
    const each = createStatusWriter({
      api: {
        request: (request) => {
          asked.push(request.timeoutMs);
          return world.api.request(request);
        },
      },
      now: time.now,
      monotonic: time.now,
      leadsFor: () => left,
      onError: () => expect.unreachable(),
      signal: end.signal,
      pause: time.pause,
    });
    make(clientId('a'), [each]);
    each.want([verdictOn(clientId('a'), 1, true)]);
    await time.pass(seconds);
    expect(asked).toEqual([timeoutMs]);
  });

  test('a status that somebody else has changed is mended', async () => {
    const id = clientId('a');
    make(id);
    writer.want([verdictOn(id, 1, true)]);
    await time.pass(seconds);
    const { conditions, ...rest } = world.status(id);
    for (const status of [{ ...rest, conditions: [] }, { ...rest, conditions: (conditions ?? []).map((each) => ({ ...each, status: 'False' })) }]) {
      writer.observe(id, world.tamper(id, status));
      await time.pass(seconds);
      expect(readyOf(id)).toBe('True');
    }
    expect(world.writes).toHaveLength(3);
    writer.observe(id, world.tamper(id, { ...world.status(id), conditions: [...(conditions ?? []), { type: 'Theirs', status: 'True', reason: 'r', message: 'm', lastTransitionTime: '' }] }));
    await time.pass(seconds);
    expect(world.writes).toHaveLength(3); // a condition of somebody else's is left alone
  });

  describe('a time that a verdict tells', () => {
    const id = clientId('a');
    const fetched = (lastFetchTime: string, keys = 2): Verdict => ({ ...verdictOn(id, 1, true), fields: { keys, lastFetchTime } });

    test('is not written by a new process that merely has seen the same again', async () => {
      make(id);
      writer.want([fetched('2026-11-24T12:00:00Z')]);
      await time.pass(seconds);
      const restarted = makeWriter(() => Infinity);
      restarted.observe(id, world.get(id));
      restarted.want([verdictOn(id, 1, true)].map((verdict) => ({ ...verdict, fields: { keys: 2 } })));
      restarted.want([fetched('2026-11-24T13:00:00Z')]);
      await time.pass(seconds);
      expect(world.writes).toHaveLength(1);
    });

    test('is written where it changes while the process runs, and with whatever else changes', async () => {
      make(id);
      writer.want([fetched('2026-11-24T12:00:00Z')]);
      await time.pass(seconds);
      writer.want([fetched('2026-11-24T13:00:00Z')]);
      await time.pass(seconds);
      expect(world.status(id)).toMatchObject({ lastFetchTime: '2026-11-24T13:00:00Z' });
      writer.want([fetched('2026-11-24T14:00:00Z', 3)]);
      await time.pass(seconds);
      expect(world.status(id)).toMatchObject({ lastFetchTime: '2026-11-24T14:00:00Z', keys: 3 });
      expect(world.writes).toHaveLength(3);
    });
  });
});
