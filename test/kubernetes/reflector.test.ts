import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Pause } from '../../src/kubernetes/pause.ts';
import { isOlder, reflectorTimes, runReflector, type ReflectorOptions, type ReflectorState } from '../../src/kubernetes/reflector.ts';
import { connectTo, resetMessage, startFakeApiServer, type FakeApiServer, type Fault, type WatchFault } from './fake-api-server.ts';

const things = 'things';
const path = '/apis/cambio.dev/v1alpha1/things';

let server: FakeApiServer;
let followers: Follower[];

beforeEach(async () => {
  followers = [];
  server = await startFakeApiServer();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(followers.map((follower) => follower.stop()));
  await server.close();
});

type Follower = {
  /** Each call of deliver, in short: `+namespace/name uid=spec` or `-namespace/name`. */
  calls: string[][];
  /** What is there, as the deliveries tell. */
  store: Map<string, string>;
  states: ReflectorState[];
  /** How long it wanted to wait after each failure. */
  pauses: number[];
  stop: () => Promise<void>;
};

const brief = (object: { metadata: { uid: string } } & Record<string, unknown>): string => `${object.metadata.uid}=${JSON.stringify(object['spec'] ?? null)}`;

/** Runs a reflector that does not wait after failures. */
function follow(options: Partial<ReflectorOptions> = {}): Follower {
  const api = connectTo(server.url);
  const end = new AbortController();
  const follower: Follower = {
    calls: [],
    store: new Map(),
    states: [],
    pauses: [],
    stop: async () => {
      end.abort();
      await running;
      await api.close();
    },
  };
  const pause: Pause = async (milliseconds) => {
    follower.pauses.push(milliseconds);
    await new Promise(setImmediate);
  };
  const running = runReflector(
    {
      api,
      path,
      monotonic: () => 0,
      random: () => 0.5,
      pause,
      onState: (state) => follower.states.push(state),
      ...options,
      deliver: (deliveries) => {
        options.deliver?.(deliveries);
        follower.calls.push(deliveries.map(({ namespace, name, object }) => (object === undefined ? `-${namespace}/${name}` : `+${namespace}/${name} ${brief(object)}`)));
        for (const { namespace, name, object } of deliveries) {
          if (object === undefined) follower.store.delete(`${namespace}/${name}`);
          else follower.store.set(`${namespace}/${name}`, brief(object));
        }
      },
    },
    end.signal,
  );
  followers.push(follower);
  return follower;
}

const truth = (): Map<string, string> => new Map([...server.items(things)].map(([key, object]) => [key, brief(object)]));

const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 2, timeout: 10_000 });
const untilCalls = (follower: Follower, calls: string[][]): Promise<void> => until(() => expect(follower.calls).toEqual(calls));
const untilWatching = (count = 1): Promise<void> => until(() => expect(server.watches()).toBe(count));
const seen = (): string[] => server.seen.map(({ verb, query }) => (verb === 'watch' ? `watch ${query['resourceVersion']}` : verb));

describe('a list', () => {
  test('comes as a whole, however many pages it has', async () => {
    for (let i = 0; i < 1001; i++) server.put(things, `shop/thing-${i}`, { spec: i });
    const follower = follow();
    await untilWatching();
    expect(follower.calls).toHaveLength(1);
    expect(follower.store.size).toBe(1001);
    expect(follower.store).toEqual(truth());
    expect(server.seen.map(({ verb, query }) => [verb, query['limit'], query['continue']])).toEqual([
      ['list', '500', undefined],
      ['list', '500', '1008-501'],
      ['list', '500', '1008-1'],
      ['watch', undefined, undefined],
    ]);
  });

  test('and the watch are of those objects that are meant', async () => {
    follow({ query: { labelSelector: 'a=b' } });
    await untilWatching();
    expect(server.seen.map(({ verb, query }) => `${verb} ${query['labelSelector']}`)).toEqual(['list a=b', 'watch a=b']);
  });

  test('that is empty is delivered too', async () => {
    const follower = follow();
    await untilCalls(follower, [[]]);
    await until(() => expect(follower.states).toEqual([{ synced: true, trouble: undefined }]));
  });

  test('that expires between two pages starts anew, and nothing of it is delivered', async () => {
    for (let i = 0; i < 501; i++) server.put(things, `/thing-${i}`);
    server.order('list', 'none', { status: 410 });
    const follower = follow();
    await untilWatching();
    expect(follower.calls.map((call) => call.length)).toEqual([501]);
    expect(seen()).toEqual(['list', 'list', 'list', 'list', 'watch 508']);
    expect(follower.states[0]).toEqual({ synced: false, trouble: 'the list has expired' });
  });

  test('that is slow delivers when it comes', async () => {
    server.put(things, '/a');
    server.order('list', 'slow');
    const follower = follow();
    await until(() => expect(seen()).toEqual(['list']));
    expect(follower.calls).toEqual([]);
    server.release();
    await untilCalls(follower, [['+/a uid-1=null']]);
  });

  test.for([
    ['an error', { status: 500 }, 'the list was answered with 500'],
    ['no rights', { status: 403 }, 'the list was answered with 403'],
    ['too many requests', { status: 429, retryAfter: '1' }, 'the list was answered with 429'],
    ['a connection that is reset', 'reset', resetMessage],
    ['a text that is not JSON', 'garbage', 'Cannot read properties of undefined'],
    ['JSON that is not a list', { status: 200, body: '{}' }, 'page.items is not iterable'],
    ['nothing', 'hang', 'The operation was aborted due to timeout'],
  ] as [string, Fault, string | RegExp][])('is tried again after %s', async ([, fault, trouble]) => {
    server.put(things, '/a');
    server.order('list', fault);
    const follower = follow({ times: { ...reflectorTimes, listTimeout: fault === 'hang' ? 100 : 60_000 } });
    await untilCalls(follower, [['+/a uid-1=null']]);
    await until(() => expect(follower.states.at(-1)).toEqual({ synced: true, trouble: undefined }));
    expect(follower.states[0]).toEqual({ synced: false, trouble: expect.stringMatching(trouble) as string });
  });

  test('is made again from time to time, in case that a watch loses something', async () => {
    let now = 0;
    const follower = follow({ monotonic: () => now });
    await untilWatching();
    server.put(things, '/a');
    await until(() => expect(follower.store.size).toBe(1));
    now = reflectorTimes.relist - 1;
    server.endWatches();
    server.put(things, '/b');
    await until(() => expect(follower.store.size).toBe(2));
    now = reflectorTimes.relist + 1;
    server.endWatches();
    await until(() => expect(seen()).toEqual(['list', 'watch 7', 'watch 8', 'list', 'watch 9']));
    expect(follower.calls).toEqual([[], ['+/a uid-1=null'], ['+/b uid-2=null']]);
  });
});

describe('a list from time to time', () => {
  let now: number;
  beforeEach(() => {
    now = 0;
  });

  /** Follows with a clock that the test sets. The first watch has ended, and a list is due. */
  async function followToList(options: Partial<ReflectorOptions> = {}): Promise<Follower> {
    const follower = follow({ monotonic: () => now, ...options });
    await untilWatching();
    now += reflectorTimes.relist + 1;
    server.endWatches();
    return follower;
  }

  test('finds what the watch has not told', async () => {
    for (const name of ['kept', 'changed', 'gone']) server.put(things, `/${name}`, { spec: 1 });
    server.order('watch', 'silent');
    const follower = follow({ monotonic: () => now });
    await untilWatching();
    server.put(things, '/changed', { spec: 2 });
    server.put(things, '/made');
    server.remove(things, '/gone');
    now += reflectorTimes.relist + 1;
    server.endWatches();
    await until(() => expect(follower.store).toEqual(truth()));
    expect(follower.calls[1]?.toSorted()).toEqual(['+/changed uid-2=2', '+/made uid-4=null', '-/gone']);
    await until(() => expect(seen()).toEqual(['list', 'watch 10', 'list', 'watch 13']));
  });

  test.for([
    ['is refused', { status: 500 }, 'the list was answered with 500'],
    ['is shed', { status: 429, retryAfter: '60' }, 'the list was answered with 429'],
    ['is forbidden', { status: 403 }, 'the list was answered with 403'],
    ['expires', { status: 410 }, 'the list has expired'],
    ['is reset', 'reset', resetMessage],
    ['is not JSON', 'garbage', /undefined/],
    ['hangs', 'hang', 'The operation was aborted due to timeout'],
  ] as [string, Fault, string | RegExp][])('that %s stops nothing: the watch goes on, and what was deleted is gone', async ([, fault, trouble]) => {
    server.put(things, '/a');
    server.order('list', 'none', ...Array.from({ length: 9 }, () => fault));
    const follower = await followToList({ times: { ...reflectorTimes, listTimeout: fault === 'hang' ? 100 : 60_000 } });
    server.remove(things, '/a');
    await untilCalls(follower, [['+/a uid-1=null'], ['-/a']]);
    expect(seen()).toEqual(['list', 'watch 8', 'list', 'watch 8']);
    expect(follower.pauses).toEqual([]);
    const ok = { synced: true, trouble: undefined };
    expect(follower.states).toEqual([ok, { synced: true, trouble: expect.stringMatching(trouble) as string }, ok]);
  });

  test('that fails is not made again at once, and not before the API server wants it', async () => {
    server.order('list', 'none', { status: 429, retryAfter: '60' });
    await followToList();
    await until(() => expect(seen()).toHaveLength(4));
    for (const [milliseconds, requests] of [[30_001, 5], [59_997, 6], [3, 8]] as const) {
      now += milliseconds;
      server.endWatches();
      await until(() => expect(seen()).toHaveLength(requests));
    }
    expect(seen()).toEqual(['list', 'watch 7', 'list', 'watch 7', 'watch 7', 'watch 7', 'list', 'watch 7']);
  });

  test('that can not be delivered is made again before anything is watched: the past is not told after it', async () => {
    server.put(things, '/a');
    server.order('watch', 'silent');
    let failures = 1;
    const follower = follow({
      monotonic: () => now,
      deliver: (deliveries) => {
        if (deliveries.some(({ object }) => object === undefined) && failures-- > 0) throw new Error('the store is full');
      },
    });
    await untilWatching();
    server.put(things, '/a', { spec: 'changed' });
    server.remove(things, '/a');
    now += reflectorTimes.relist + 1;
    server.endWatches();
    await untilCalls(follower, [['+/a uid-1=null'], ['-/a']]);
    await until(() => expect(seen()).toEqual(['list', 'watch 8', 'list', 'list', 'watch 10']));
  });
});

describe('a watch', () => {
  test('brings what is made, changed, deleted and made again', async () => {
    server.put(things, 'shop/a', { spec: 1 });
    const follower = follow();
    await untilWatching();
    server.put(things, '/b', { spec: 'ä€😀' });
    server.put(things, 'shop/a', { spec: 2 });
    server.remove(things, '/b');
    server.remove(things, 'shop/a');
    server.put(things, 'shop/a', { spec: 2 });
    await until(() => expect(follower.calls.flat()).toEqual(['+shop/a uid-1=1', '+/b uid-2="ä€😀"', '+shop/a uid-1=2', '-/b', '-shop/a', '+shop/a uid-3=2']));
  });

  test('asks for bookmarks, and for an end at random', async () => {
    follow({ random: () => 0.25 });
    await untilWatching();
    expect(server.seen[1]).toEqual({ verb: 'watch', path, query: { watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '7', timeoutSeconds: '300' } });
  });

  test('goes on from the last bookmark', async () => {
    const follower = follow();
    await untilWatching();
    server.put('others', '/x');
    server.bookmark();
    server.endWatches();
    await until(() => expect(seen()).toEqual(['list', 'watch 7', 'watch 8']));
    expect(follower.calls).toEqual([[]]);
    expect(follower.pauses).toEqual([]);
  });

  test('goes on from the last event after its connection was cut', async () => {
    const follower = follow();
    await untilWatching();
    server.put(things, '/a');
    await untilCalls(follower, [[], ['+/a uid-1=null']]);
    server.order('watch', 'reset');
    server.cutConnections();
    server.put(things, '/b');
    server.remove(things, '/a');
    await until(() => expect(follower.calls.flat()).toEqual(['+/a uid-1=null', '+/b uid-2=null', '-/a']));
    expect(seen()).toEqual(['list', 'watch 7', 'watch 8', 'watch 8']);
  });

  test.for([
    ['has not started yet', 'hang'],
    ['was quiet', 'silent'],
  ] as const)('that is half-open and %s is given up after a time of silence', async ([, fault]) => {
    server.order('watch', fault);
    const follower = follow({ times: { ...reflectorTimes, silence: 50 } });
    await until(() => expect(seen().slice(0, 2)).toEqual(['list', 'watch 7']));
    server.put(things, '/a');
    await untilCalls(follower, [[], ['+/a uid-1=null']]);
    expect(seen().slice(0, 3)).toEqual(['list', 'watch 7', 'watch 7']);
    expect(follower.states).toContainEqual({ synced: true, trouble: 'the watch was silent for too long' });
  });

  test('delivers nothing of an event that is cut in the middle, and all of it later', async () => {
    server.order('watch', 'cut');
    const follower = follow();
    await untilWatching();
    server.put(things, '/a', { spec: 'ä€😀'.repeat(1000) });
    server.put(things, '/b');
    await until(() => expect(follower.store).toEqual(truth()));
    expect(follower.calls.flat()).toHaveLength(2);
    expect(seen()).toEqual(['list', 'watch 7', 'watch 7']);
  });

  test('is understood byte by byte', async () => {
    server.order('watch', 'bytes');
    const follower = follow();
    await untilWatching();
    server.put(things, '/a', { spec: 'ä€😀' });
    server.put(things, '/b');
    await until(() => expect(follower.calls.flat()).toEqual(['+/a uid-1="ä€😀"', '+/b uid-2=null']));
    expect(seen()).toEqual(['list', 'watch 7']);
  });

  test('that tells each event twice does no harm', async () => {
    server.order('watch', 'duplicate');
    const follower = follow();
    await untilWatching();
    server.put(things, '/a');
    server.remove(things, '/a');
    server.put(things, '/b');
    await until(() => expect(follower.store).toEqual(truth()));
    expect(seen()).toEqual(['list', 'watch 7']);
  });

  test('that tells an older event after a newer one is not believed: a deleted object does not come back', async () => {
    server.put(things, '/a');
    server.order('watch', 'reorder');
    const follower = follow();
    await untilWatching();
    server.put(things, '/a', { spec: 'changed' });
    server.remove(things, '/a');
    await until(() => expect(follower.states).toContainEqual({ synced: true, trouble: 'the watch went back in time' }));
    expect(follower.calls).toEqual([['+/a uid-1=null'], ['-/a']]);
    await until(() => expect(seen()).toEqual(['list', 'watch 8', 'list', 'watch 10']));
    expect(follower.calls).toEqual([['+/a uid-1=null'], ['-/a']]);
  });

  test('that ends at once is not asked for again at once', async () => {
    server.order('watch', 'end', 'end', 'end');
    const follower = follow();
    await untilWatching();
    expect(seen()).toEqual(['list', 'watch 7', 'watch 7', 'watch 7', 'watch 7']);
    expect(follower.pauses).toEqual([400, 800, 1600]);
  });

  test.for([429, 500, 503, 504, 401, 403])('that is answered with %d is followed by a list, and goes on where it was if that is refused too', async (status) => {
    server.put(things, '/a');
    server.order('watch', { status });
    server.order('list', 'none', ...Array.from({ length: 9 }, (): Fault => ({ status })));
    const follower = follow();
    await untilWatching();
    server.remove(things, '/a');
    await untilCalls(follower, [['+/a uid-1=null'], ['-/a']]);
    expect(seen()).toEqual(['list', 'watch 8', 'list', 'watch 8']);
    expect(follower.states.at(-1)).toEqual({ synced: true, trouble: undefined });
  });

  test('that is never let through leaves it to lists to tell what happens', async () => {
    server.put(things, '/a');
    server.order('watch', ...Array.from({ length: 3 }, (): WatchFault => ({ status: 403 })));
    const follower = follow();
    await untilWatching();
    expect(seen()).toEqual(['list', 'watch 8', 'list', 'watch 8', 'list', 'watch 8', 'list', 'watch 8']);
    expect(follower.calls).toEqual([['+/a uid-1=null']]);
    expect(follower.pauses).toEqual([400, 800, 1600]);
  });
});

describe('a list after the past is gone', () => {
  test.for(['status', 'event'] as const)('delivers exactly what is different (410 as %s)', async (way) => {
    for (const name of ['kept', 'changed', 'gone', 'remade']) server.put(things, `shop/${name}`, { spec: 1 });
    server.expireBy(way);
    const follower = follow();
    await untilWatching();
    server.cutConnections();
    server.put(things, 'shop/changed', { spec: 2 });
    server.remove(things, 'shop/gone');
    server.remove(things, 'shop/remade');
    server.put(things, 'shop/remade', { spec: 1 });
    server.put(things, 'shop/made', { spec: 1 });
    server.put(things, 'shop/passing', { spec: 1 });
    server.remove(things, 'shop/passing');
    server.compact();
    await until(() => expect(follower.calls).toHaveLength(2));
    expect(follower.calls[1]?.toSorted()).toEqual(['+shop/changed uid-2=2', '+shop/made uid-6=1', '+shop/remade uid-5=1', '-shop/gone']);
    expect(follower.store).toEqual(truth());
    await until(() => expect(seen()).toEqual(['list', 'watch 11', 'watch 11', 'list', 'watch 19']));
    expect(follower.states.map(({ trouble }) => trouble)).toContain(way === 'status' ? 'the version to watch from is gone' : 'the watch has expired');
  });

  test('and says nothing where nothing is different', async () => {
    server.put(things, '/a');
    const follower = follow();
    await untilWatching();
    server.compact();
    server.cutConnections();
    await until(() => expect(seen()).toEqual(['list', 'watch 8', 'watch 8', 'list', 'watch 9']));
    expect(follower.calls).toEqual([['+/a uid-1=null']]);
  });

  test.for([
    ['an ERROR event', { error: 500 }, 'the watch failed: 500 ordered'],
    ['an answer with an error', { status: 500 }, 'the watch was answered with 500'],
    ['a text that is not JSON', 'garbage', /JSON/],
    ['an event without an object', { status: 200, body: '{"type":"ADDED"}\n' }, /undefined/],
    ['an event that is null', { status: 200, body: 'null\n' }, /null/],
    ['an event without a version', { status: 200, body: '{"type":"BOOKMARK","object":{"metadata":{}}}\n{}\n' }, /undefined/],
  ] as [string, WatchFault, string | RegExp][])('follows %s too: what was missed is not known', async ([, fault, trouble]) => {
    server.put(things, '/a');
    server.order('watch', fault);
    const follower = follow();
    await untilWatching();
    expect(seen()).toEqual(['list', 'watch 8', 'list', 'watch 8']);
    expect(follower.states[1]?.trouble ?? follower.states[0]?.trouble).toMatch(trouble);
    await until(() => expect(follower.states.at(-1)).toEqual({ synced: true, trouble: undefined }));
    expect(follower.calls).toEqual([['+/a uid-1=null']]);
  });
});

describe('the wait after a failure', () => {
  const fail: Fault = { status: 500 };

  test('doubles up to half a minute, with full jitter', async () => {
    server.order('list', ...Array.from({ length: 8 }, () => fail));
    const follower = follow({ random: () => 0.5 });
    await untilWatching();
    expect(follower.pauses).toEqual([400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
  });

  test('is at least what the server asks for, and never above a minute by that', async () => {
    server.order('list', { status: 429, retryAfter: '7' }, { status: 503, retryAfter: '3600' }, { status: 429, retryAfter: 'soon' });
    server.order('watch', { status: 429, retryAfter: '2' });
    const follower = follow({ random: () => 0 });
    await untilWatching();
    expect(follower.pauses).toEqual([7000, 60_000, 0, 2000]);
  });

  test('starts anew once a watch has brought something', async () => {
    server.order('list', fail, fail, fail);
    const follower = follow();
    await untilWatching();
    server.put(things, '/a');
    await until(() => expect(follower.store.size).toBe(1));
    server.cutConnections();
    await until(() => expect(seen().at(-1)).toBe('watch 8'));
    expect(follower.pauses).toEqual([400, 800, 1600, 400]);
  });

  test('starts anew once a watch has lasted, though nothing happened', async () => {
    let now = 0;
    const follower = follow({ monotonic: () => now });
    server.order('list', fail, fail);
    await untilWatching();
    now = 30_001;
    server.endWatches();
    await until(() => expect(seen().filter((verb) => verb === 'watch 7')).toHaveLength(2));
    expect(follower.pauses).toEqual([400, 800]);
    await untilWatching();
    server.cutConnections();
    await until(() => expect(follower.pauses).toEqual([400, 800, 400]));
  });

  test('grows while a server answers each watch and then fails it', async () => {
    server.order('watch', { error: 500 }, { error: 410 }, { error: 500 });
    const follower = follow();
    await untilWatching();
    expect(follower.pauses).toEqual([400, 800, 1600]);
  });
});

describe('a receiver that throws', () => {
  test.for([
    ['an Error', new Error('the store is full')],
    ['a TypeError', new TypeError('the store is full')],
  ] as const)('%s gets the whole list again', async ([, error]) => {
    server.put(things, '/a');
    let calls = 0;
    const follower = follow({
      deliver: () => {
        if (++calls < 3) throw error;
      },
    });
    await untilCalls(follower, [['+/a uid-1=null']]);
    await until(() => expect(follower.states).toEqual([{ synced: false, trouble: 'the store is full' }, { synced: true, trouble: undefined }]));
    expect(calls).toBe(3);
  });

  test.for([
    ['an Error', new Error('the store is full')],
    ['a TypeError', new TypeError('the store is full')],
  ] as const)('%s gets the event again', async ([, error]) => {
    server.put(things, '/a');
    let failures = 2;
    const follower = follow({
      deliver: (deliveries) => {
        if (deliveries.some(({ name }) => name === 'b') && failures-- > 0) throw error;
      },
    });
    await untilWatching();
    server.remove(things, '/a');
    server.put(things, '/b');
    await until(() => expect(follower.store).toEqual(truth()));
    expect(failures).toBe(-1);
    expect(follower.states).toContainEqual({ synced: true, trouble: 'the store is full' });
  });
});

describe('an abort', () => {
  test.for([
    ['in a list', () => server.order('list', 'hang'), 'list', 0],
    ['before a watch has started', () => server.order('watch', 'hang'), 'watch 7', 1],
    ['in a watch', () => undefined, 'watch 7', 1],
  ] as [string, () => void, string, number][])('%s ends at once and leaves nothing open', async ([, prepare, last, timers]) => {
    prepare();
    const [started, cleared] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    const follower = follow();
    await until(() => expect(seen().at(-1)).toBe(last));
    await follower.stop();
    await until(() => expect(server.connections()).toBe(0));
    const own = started.mock.results.filter((_, i) => started.mock.calls[i]?.[1] === reflectorTimes.silence).map(({ value }) => value as unknown);
    expect(own).toHaveLength(timers);
    expect(cleared.mock.calls.flat()).toEqual(expect.arrayContaining(own));
    expect(follower.pauses).toEqual([]);
  });

  test('in a wait ends it', async () => {
    server.order('list', { status: 429, retryAfter: '60' });
    const end = new AbortController();
    const api = connectTo(server.url);
    const states: ReflectorState[] = [];
    const running = runReflector({ api, path, monotonic: () => 0, random: () => 0, deliver: () => undefined, onState: (state) => states.push(state) }, end.signal);
    await until(() => expect(states).toEqual([{ synced: false, trouble: 'the list was answered with 429' }]));
    end.abort();
    await running;
    await api.close();
  });

  test('before the start does nothing', async () => {
    const api = connectTo(server.url);
    await runReflector({ api, path, monotonic: () => 0, random: () => 0, deliver: () => undefined }, AbortSignal.abort());
    expect(seen()).toEqual([]);
    await api.close();
  });
});

test('a server that is not there is named in the trouble', async () => {
  const away = await startFakeApiServer();
  await away.close();
  const api = connectTo(away.url.replace('127.0.0.1', 'localhost'));
  const end = new AbortController();
  const trouble = await new Promise<string | undefined>((resolve) => {
    const onState = (state: ReflectorState): void => resolve(state.trouble);
    void runReflector({ api, path, monotonic: () => 0, random: () => 0, deliver: () => undefined, onState }, end.signal);
  });
  expect(trouble).toContain('ECONNREFUSED');
  end.abort();
  await api.close();
});

test.for([
  ['9', '10', true],
  ['10', '9', false],
  ['10', '10', false],
  ['99999999999999999998', '99999999999999999999', true],
  ['x9', '10', false],
  ['9', '', false],
  ['', '9', false],
  ['-1', '9', false],
] as const)('isOlder(%j, %j) is %j', ([version, than, older]) => {
  expect(isOlder(version, than)).toBe(older);
});

describe('whatever happens', () => {
  const key = fc.constantFrom('/a', '/b', 'shop/a', 'shop/ä', 'bank/a');
  const always: Fault[] = ['hang', 'reset', 'garbage', { status: 500 }, { status: 410 }, { status: 429, retryAfter: '1' }];
  const watchFaults: WatchFault[] = [...always, { error: 410 }, { error: 500 }, 'silent', 'end', 'cut', 'duplicate', 'reorder', 'bytes'];

  let now = 0;

  type Step = (target: FakeApiServer) => void;
  const step: fc.Arbitrary<[string, Step]> = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(key, fc.string({ unit: 'grapheme', maxLength: 4 })).map(([at, spec]): [string, Step] => [`put ${at} ${spec}`, (target) => void target.put(things, at, { spec })]) },
    { weight: 3, arbitrary: key.map((at): [string, Step] => [`remove ${at}`, (target) => target.remove(things, at)]) },
    {
      weight: 2,
      arbitrary: key.map((at): [string, Step] => [
        `make ${at} again`,
        (target) => {
          target.remove(things, at);
          target.put(things, at, { spec: 'again' });
        },
      ]),
    },
    { weight: 1, arbitrary: fc.constantFrom('status', 'event').map((way): [string, Step] => [`expire by ${way}`, (target) => target.expireBy(way)]) },
    { weight: 1, arbitrary: fc.constant<[string, Step]>(['compact', (target) => target.compact()]) },
    { weight: 1, arbitrary: fc.constant<[string, Step]>(['bookmark', (target) => target.bookmark()]) },
    { weight: 1, arbitrary: fc.constant<[string, Step]>(['end watches', (target) => target.endWatches()]) },
    { weight: 2, arbitrary: fc.constant<[string, Step]>(['cut connections', (target) => target.cutConnections()]) },
    { weight: 3, arbitrary: fc.constantFrom(...watchFaults).map((fault): [string, Step] => [`watch: ${JSON.stringify(fault)}`, (target) => target.order('watch', fault)]) },
    { weight: 1, arbitrary: fc.constantFrom<Fault>(...always, 'late').map((fault): [string, Step] => [`list: ${JSON.stringify(fault)}`, (target) => target.order('list', fault)]) },
    { weight: 1, arbitrary: fc.constant<[string, Step]>(['let ten minutes pass', () => void (now += reflectorTimes.relist + 1)]) },
  );
  /** How many turns of the event loop the reflector goes on before a step. */
  const turns = fc.constantFrom(0, 0, 1, 5, 30);

  test('the store ends equal to the server', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(turns, step), { minLength: 1, maxLength: 25 }), async (steps) => {
        const follower = follow({ monotonic: () => now, times: { ...reflectorTimes, listTimeout: 40, silence: 40 } });
        for (const [count, [, run]] of steps) {
          for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
          run(server);
        }
        server.release();
        server.put(things, '/last');
        await until(() => expect(follower.store).toEqual(truth()));
        server.remove(things, '/last');
        await until(() => expect(follower.store).toEqual(truth()));
        expect(follower.calls[0]?.filter((change) => change.startsWith('-'))).toEqual([]);
        await follower.stop();
        await server.close();
        server = await startFakeApiServer();
      }),
      { seed: 1, numRuns: 60 },
    );
  });
});
