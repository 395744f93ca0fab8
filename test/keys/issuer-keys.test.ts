// The store of published keys: when it fetches, what it keeps, what it says, and that it forgets.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fetchTimeout } from '../../src/keys/fetch-key-set.ts';
import { createIssuerKeys, maxWaiting, type IssuerKeyStore } from '../../src/keys/issuer-keys.ts';
import { freshness, refreshDelay } from '../../src/keys/key-schedule.ts';
import { KeyFetchError, type FetchedKeySet } from '../../src/policy/key-fetch.ts';
import type { KeyState } from '../../src/policy/key-state.ts';
import type { Issuer } from '../../src/policy/policy.ts';
import { byDiscovery, networkIssuer } from './network-issuer.ts';

const keySet = (...kids: string[]) => ({
  keys: kids.map((kid) => ({ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid })),
});
const [one, two] = [keySet('a'), keySet('b')];
const minutes = 60_000;
const hours = 60 * minutes;

/** A fetch that waits for the test to say what comes of it. */
type Fetch = { issuer: Issuer; signal: AbortSignal; answer: (jwks: unknown, maxAgeSeconds?: number) => Promise<void>; fail: (error: Error) => Promise<void> };
type Timer = { at: number; run: () => void };

/** A store in a world in which the test moves the clock and answers every fetch. */
function world({ maxStaleness = 24 * hours, random = 0 }: { maxStaleness?: number; random?: number } = {}) {
  let time = 0;
  const timers = new Set<Timer>();
  const fetches: Fetch[] = [];
  const states: { name: string; revision: string; state: KeyState }[] = [];
  const bugs: unknown[] = [];
  const ends: string[] = [];
  const fetchKeySet = (issuer: Issuer, signal: AbortSignal): Promise<FetchedKeySet> => {
    const { promise, resolve, reject } = Promise.withResolvers<FetchedKeySet>();
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    fetches.push({
      issuer,
      signal,
      answer: (jwks, maxAgeSeconds) => (resolve({ jwks, maxAgeSeconds }), settled()),
      fail: (error) => (reject(error), settled()),
    });
    return promise;
  };
  const store = createIssuerKeys({
    fetchers: { discovery: fetchKeySet, jwksURL: fetchKeySet, kubernetesDiscovery: undefined, tokenReview: fetchKeySet },
    onState: (name, revision, state) => states.push({ name, revision, state }),
    onFetch: (name, failure) => ends.push(failure === undefined ? name : `${name}: ${failure.reason}`),
    onBug: (error) => bugs.push(error),
    maxStaleness,
    now: () => 1_800_000_000_000 + time,
    monotonic: () => time,
    random: () => random,
    after: (milliseconds, run) => {
      const timer = { at: time + milliseconds, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  });
  return {
    store,
    fetches,
    states,
    bugs,
    ends,
    timers,
    /** When the next timer goes off, from now on. */
    next: () => Math.min(...[...timers].map(({ at }) => at)) - time,
    /** Lets time go by, timers included. */
    pass: async (milliseconds: number) => {
      const until = time + milliseconds;
      for (let timer = due(timers, until); timer !== undefined; timer = due(timers, until)) {
        time = Math.max(time, timer.at);
        timers.delete(timer);
        timer.run();
      }
      time = until;
      await settled();
    },
  };
}

const due = (timers: ReadonlySet<Timer>, until: number): Timer | undefined => [...timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)[0];

/** Everything that waits for nothing but promises has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const failed = (message = 'no answer') => new KeyFetchError('FetchFailed', message);
const kidsOf = (store: IssuerKeyStore, issuer: Issuer): (string | undefined)[] | undefined => store.known(issuer)?.map(({ kid }) => kid);
const issuer = networkIssuer();

/** A world with one issuer whose keys are known. */
async function settledWorld(options: Parameters<typeof world>[0] = {}, given: Issuer = issuer, maxAgeSeconds?: number) {
  const made = world(options);
  made.store.setIssuers([given]);
  await made.pass(0);
  await made.fetches[0]?.answer(one, maxAgeSeconds);
  return made;
}

test('why the last fetch failed is known until one succeeds, of the issuer as it is', async () => {
  const { store, fetches, pass } = world();
  const trouble = (): string | undefined => store.trouble(issuer);
  store.setIssuers([issuer]);
  await pass(0);
  expect(trouble()).toBeUndefined();
  await fetches[0]?.fail(failed('no route'));
  expect(trouble()).toBe('FetchFailed: no route');
  expect(store.trouble(networkIssuer({ name: 'other' }))).toBeUndefined();
  await pass(2000);
  await fetches[1]?.answer(one);
  expect(trouble()).toBeUndefined();
});

describe('the first fetch', () => {
  test('begins when the issuer comes into force, and its keys are known then', async () => {
    const { store, fetches, states } = await settledWorld();
    expect(fetches).toMatchObject([{ issuer: { name: 'ci' } }]);
    expect(kidsOf(store, issuer)).toEqual(['a']);
    expect(states).toEqual([
      { name: 'ci', revision: 'uid/1', state: { reason: 'Available', message: 'the published keys are known and refreshed', usable: true, thumbprints: [expect.any(String)], changedAt: 1_800_000_000_000 } },
    ]);
  });

  test('of many issuers: one after the other, and none waits for another', async () => {
    const { store, fetches, pass } = world();
    const issuers = Array.from({ length: 100 }, (_, index) => networkIssuer({ name: `ci-${index}` }));
    store.setIssuers(issuers);
    await pass(0);
    expect(fetches).toHaveLength(1);
    await pass(1000);
    expect(fetches).toHaveLength(51);
    await pass(1000);
    // None of them has been answered.
    expect(fetches).toHaveLength(100);
    await fetches[99]?.answer(one);
    expect(kidsOf(store, issuers[99] ?? issuer)).toEqual(['a']);
  });

  test('of all of them has ended when each was answered or has failed, be it once; new ones begin anew', async () => {
    const { store, fetches, pass } = world();
    expect(store.areTried()).toBe(true);
    const [x, y, z] = [networkIssuer({ name: 'x' }), networkIssuer({ name: 'y' }), networkIssuer({ name: 'z' })];
    store.setIssuers([x, y]);
    await pass(100);
    const tried = [store.areTried()];
    await fetches[0]?.answer(one);
    tried.push(store.areTried());
    await fetches[1]?.fail(failed());
    tried.push(store.areTried());
    store.setIssuers([x, y, z]);
    tried.push(store.areTried());
    expect(tried).toEqual([false, false, true, false]);
  });

  test('a request does not wait for its turn, and gets what comes of it', async () => {
    const { store, fetches, pass } = world();
    const late = networkIssuer({ name: 'late' });
    store.setIssuers([networkIssuer({ name: 'x' }), networkIssuer({ name: 'y' }), late]);
    const [first, second] = [store.current(late), store.current(late)];
    await settled();
    expect(fetches.map((fetch) => fetch.issuer.name)).toEqual(['late']);
    await fetches[0]?.answer(one);
    expect((await first)?.length).toBe(1);
    expect(await second).toBe(await first);
    await pass(1000);
    expect(fetches.map((fetch) => fetch.issuer.name)).toEqual(['late', 'x', 'y']);
  });

  test('that fails: requests are told so, and do not wait for the next try', async () => {
    const { store, fetches, states, pass } = world();
    store.setIssuers([issuer]);
    const waiting = store.current(issuer);
    await fetches[0]?.fail(new KeyFetchError('AddressRefused', 'it is loopback'));
    expect(await waiting).toBeUndefined();
    await pass(1000);
    expect(fetches).toHaveLength(2);
    expect(await store.current(issuer)).toBeUndefined();
    expect(states).toMatchObject([{ state: { reason: 'AddressRefused', message: 'it is loopback', usable: false, thumbprints: [], changedAt: undefined } }]);
    await fetches[1]?.answer(one);
    expect(kidsOf(store, issuer)).toEqual(['a']);
    expect(states.map(({ state }) => state.reason)).toEqual(['AddressRefused', 'Available']);
  });

  test('that hangs: a bounded number of requests waits', async () => {
    const { store, fetches } = world();
    store.setIssuers([issuer]);
    const waiting = Array.from({ length: maxWaiting }, () => store.current(issuer));
    expect(await store.current(issuer)).toBeUndefined();
    await fetches[0]?.answer(one);
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
    expect(await store.current(issuer)).toHaveLength(1);
  });

  test('only where keys are published', async () => {
    const { store, fetches, pass } = world();
    const inline = networkIssuer({ name: 'inline', verification: { method: 'jwks', keys: [] } });
    const nowhere = networkIssuer({ name: 'nowhere', verification: { method: 'kubernetesDiscovery', cluster: undefined, identity: undefined } });
    store.setIssuers([inline, nowhere]);
    await pass(hours);
    expect([fetches.length, await store.current(inline), await store.refetched(nowhere)]).toEqual([0, undefined, undefined]);
  });
});

describe('the refresh', () => {
  test.each([
    ['as usual', undefined, 0, 240_000],
    ['as usual, with the most jitter', undefined, 1, 270_000],
    ['as the issuer says', 600, 0, 480_000],
    ['not more often than every minute', 0, 0, 48_000],
    ['every hour at least', 86_400, 0, 2_880_000],
  ])('comes before the keys are old: %s', async (_name, maxAgeSeconds, random, delay) => {
    const { next } = await settledWorld({ random }, issuer, maxAgeSeconds);
    expect(next()).toBe(delay);
  });

  test('is over before the keys are old: both fetches take as long as one may, and the jitter is the most', async () => {
    const { store, fetches, pass, next } = world({ random: 1 });
    store.setIssuers([issuer]);
    await pass(0);
    await pass(fetchTimeout);
    await fetches[0]?.answer(one, 0);
    expect(next()).toBe(54_000 - fetchTimeout);
    expect(refreshDelay(freshness.least, 1) + fetchTimeout).toBeLessThan(freshness.least);
  });

  test('a new key is known, and one that was removed is gone', async () => {
    const { store, fetches, states, pass, next } = await settledWorld();
    await pass(next());
    expect(kidsOf(store, issuer)).toEqual(['a']);
    await fetches[1]?.answer(two);
    expect(kidsOf(store, issuer)).toEqual(['b']);
    expect(states.map(({ state }) => [state.reason, state.changedAt])).toEqual([['Available', 1_800_000_000_000], ['Available', 1_800_000_240_000]]);
  });

  test('that brings the same keys changes nothing and says nothing', async () => {
    const { store, fetches, states, pass, next } = await settledWorld();
    const before = store.known(issuer);
    await pass(next());
    await fetches[1]?.answer({ keys: one.keys.map((key) => ({ use: 'sig', ...key })), more: true });
    expect(store.known(issuer)).toBe(before);
    expect(states).toHaveLength(1);
  });

  test('that brings a new kid for a key, and another algorithm, is a change', async () => {
    const { store, fetches, pass, next } = await settledWorld();
    await pass(next());
    await fetches[1]?.answer({ keys: one.keys.map((key) => ({ ...key, kid: 'renamed' })) });
    expect(kidsOf(store, issuer)).toEqual(['renamed']);
  });

  test('that fails is tried again, and again after longer', async () => {
    const { fetches, pass, next } = await settledWorld({ random: 1 });
    await pass(next());
    const pauses: number[] = [];
    for (let tries = 1; tries <= 8; tries++) {
      await fetches[tries]?.fail(failed());
      pauses.push(next());
      await pass(next());
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    await fetches[9]?.answer(one);
    expect(next()).toBe(270_000);
  });

  test('pauses have jitter', async () => {
    const { fetches, pass, next } = await settledWorld({ random: 0 });
    await pass(next());
    await fetches[1]?.fail(failed());
    expect(next()).toBe(500);
  });
});

describe('an outage of the issuer', () => {
  /** Fails every fetch for so long. */
  async function failFor({ fetches, pass, next }: Awaited<ReturnType<typeof settledWorld>>, milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; ) {
      const step = Math.min(left, next());
      await pass(step);
      left -= step;
      await fetches.at(-1)?.fail(failed());
    }
  }

  test('that is short is nobody’s concern', async () => {
    const made = await settledWorld();
    await failFor(made, 250_000);
    expect(made.ends.filter((end) => end === 'ci: FetchFailed').length).toBeGreaterThan(2);
    expect(made.states).toHaveLength(1);
    expect(kidsOf(made.store, issuer)).toEqual(['a']);
  });

  test('that is longer is told, and the last good keys go on', async () => {
    const made = await settledWorld();
    await failFor(made, hours);
    expect(kidsOf(made.store, issuer)).toEqual(['a']);
    expect(made.states).toHaveLength(2);
    expect(made.states[1]?.state).toMatchObject({
      reason: 'Stale',
      usable: true,
      message: 'the keys can not be refreshed, and the last good ones are used until they are 24 h old: no answer',
      thumbprints: [expect.any(String)],
    });
  });

  test('that is too long: the keys are used no more', async () => {
    const made = await settledWorld({ maxStaleness: 2 * hours });
    await failFor(made, 2 * hours - 1000);
    expect(kidsOf(made.store, issuer)).toEqual(['a']);
    await made.pass(2000);
    expect(made.store.known(issuer)).toBeUndefined();
    expect(await made.store.current(issuer)).toBeUndefined();
    await failFor(made, 5 * minutes);
    expect(made.states.at(-1)?.state).toMatchObject({ reason: 'Stale', usable: false, thumbprints: [], message: 'the last good keys are more than 2 h old (--max-key-staleness): no answer' });
    await made.pass(made.next());
    await made.fetches.at(-1)?.answer(two);
    expect(kidsOf(made.store, issuer)).toEqual(['b']);
    expect(made.states.at(-1)?.state).toMatchObject({ reason: 'Available', usable: true });
  });

  test('the age counts from when the issuer was asked', async () => {
    const { store, fetches, pass } = world({ maxStaleness: hours });
    store.setIssuers([issuer]);
    await pass(0);
    await pass(4000);
    await fetches[0]?.answer(one, 3600);
    await pass(hours - 4000);
    expect(kidsOf(store, issuer)).toEqual(['a']);
    await pass(1);
    expect(store.known(issuer)).toBeUndefined();
  });
});

describe('an answer that is no key set', () => {
  test.each<[string, unknown, string]>([
    ['nothing', null, 'what was answered is not a JWK Set'],
    ['keys that are no list', { keys: {} }, 'what was answered is not a JWK Set'],
    ['more keys than are read', { keys: Array.from({ length: 1001 }, () => ({})) }, 'the JWK Set has 1001 keys: 1000 at most'],
  ])('%s: the last good keys stay', async (_name, answer, message) => {
    const { store, fetches, ends, states, pass, next } = await settledWorld();
    await pass(next());
    await fetches[1]?.answer(answer);
    expect([kidsOf(store, issuer), ends]).toEqual([['a'], ['ci', 'ci: FetchFailed']]);
    await pass(61_000);
    await fetches.at(-1)?.answer(answer);
    expect(states.at(-1)?.state).toMatchObject({ reason: 'Stale', message: expect.stringContaining(message) });
  });

  test.each<[string, unknown, string]>([
    ['no key', { keys: [] }, 'the published JWK Set has no usable key'],
    ['symmetric keys', { keys: [{ kty: 'oct', k: 'AAAA' }] }, 'the published JWK Set has no usable key; keys[0] is a symmetric key (kty oct): whoever verifies with it could sign with it'],
  ])('%s: what the issuer says that it publishes counts, and the keys of before are gone', async (_name, answer, message) => {
    const { store, fetches, states, pass, next } = await settledWorld();
    await pass(next());
    await fetches[1]?.answer(answer);
    expect(store.known(issuer)).toBeUndefined();
    expect(states.at(-1)?.state).toEqual({ reason: 'NoUsableKeys', message, usable: false, thumbprints: [], changedAt: 1_800_000_240_000 });
  });

  test('weak and unknown keys beside a good one are passed over', async () => {
    const { store, fetches, pass } = world();
    store.setIssuers([issuer]);
    await pass(0);
    await fetches[0]?.answer({ keys: [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'x' }, null, 1, ...one.keys, { kty: 'RSA', n: 'AQAB', e: 'AQAB' }] });
    expect(kidsOf(store, issuer)).toEqual(['a']);
  });

  test('a bug in a fetcher is told as one, and the issuer is tried again', async () => {
    const { store, fetches, bugs, states, next, pass } = world();
    store.setIssuers([issuer]);
    await pass(0);
    const bug = new TypeError('x is not a function');
    await fetches[0]?.fail(bug);
    expect([bugs, states[0]?.state.reason, states[0]?.state.message]).toEqual([[bug], 'FetchFailed', 'a bug: see the log']);
    await pass(next());
    expect(fetches).toHaveLength(2);
  });
});

describe('a refetch for a kid that is not known', () => {
  test('brings what the issuer publishes now', async () => {
    const { store, fetches } = await settledWorld();
    const refetched = store.refetched(issuer);
    await settled();
    await fetches[1]?.answer({ keys: [...one.keys, ...two.keys] });
    expect((await refetched)?.map(({ kid }) => kid)).toEqual(['a', 'b']);
  });

  test('once in 30 s, whoever asks', async () => {
    const { store, fetches, pass } = await settledWorld();
    const first = store.refetched(issuer);
    const beside = Array.from({ length: 10 }, () => store.refetched(issuer));
    await settled();
    await fetches[1]?.answer(one);
    await Promise.all([first, ...beside]);
    for (let second = 0; second < 29; second++) {
      expect(await store.refetched(issuer)).toHaveLength(1);
      await pass(1000);
    }
    expect(fetches).toHaveLength(2);
    await pass(1000);
    void store.refetched(issuer);
    expect(fetches).toHaveLength(3);
  });

  test('takes part in a refresh that is under way', async () => {
    const { store, fetches, pass, next } = await settledWorld();
    await pass(next());
    const refetched = store.refetched(issuer);
    await fetches[1]?.answer(two);
    expect((await refetched)?.[0]?.kid).toBe('b');
    expect(fetches).toHaveLength(2);
  });

  test('moves the next refresh', async () => {
    const { store, fetches, pass, next, timers } = await settledWorld();
    await pass(200_000);
    void store.refetched(issuer);
    await fetches[1]?.answer(one);
    expect([next(), timers.size]).toEqual([240_000, 1]);
  });

  test('that fails keeps the keys', async () => {
    const { store, fetches } = await settledWorld();
    const refetched = store.refetched(issuer);
    await settled();
    await fetches[1]?.fail(failed());
    expect((await refetched)?.[0]?.kid).toBe('a');
  });

  test('that hangs holds a bounded number of requests; the others are told to come again', async () => {
    const { store, fetches } = await settledWorld();
    const waiting = Array.from({ length: maxWaiting }, () => store.refetched(issuer));
    expect(await store.refetched(issuer)).toBeUndefined();
    // Who has a token of a key that is known does not wait.
    expect(kidsOf(store, issuer)).toEqual(['a']);
    await fetches[1]?.answer(two);
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
  });

  test('of one issuer has nothing to do with another', async () => {
    const { store, fetches, pass } = world();
    const [east, west] = [networkIssuer({ name: 'east', urlShared: true }), networkIssuer({ name: 'west', urlShared: true })];
    store.setIssuers([east, west]);
    await pass(1000);
    await fetches[0]?.answer(one);
    await fetches[1]?.answer(two);
    expect([kidsOf(store, east), kidsOf(store, west)]).toEqual([['a'], ['b']]);
    void store.refetched(east);
    void store.refetched(west);
    expect(fetches.map((fetch) => fetch.issuer.name)).toEqual(['east', 'west', 'east', 'west']);
  });
});

describe('a change of the issuer', () => {
  test('in something that has nothing to do with its keys: they stay, and are told for the new version', async () => {
    const { store, fetches, states } = await settledWorld();
    const changed = networkIssuer({ revision: 'uid/2', maxTokenLifetimeSeconds: 60 });
    store.setIssuers([changed]);
    expect(kidsOf(store, changed)).toEqual(['a']);
    // A request that holds the version before is answered, too.
    expect(kidsOf(store, issuer)).toEqual(['a']);
    expect(fetches).toHaveLength(1);
    expect(states.map(({ revision, state }) => [revision, state.reason])).toEqual([['uid/1', 'Available'], ['uid/2', 'Available']]);
  });

  test.each<[string, Partial<Issuer>]>([
    ['allowPrivateAddresses', { verification: { ...byDiscovery, fetch: { ...byDiscovery.fetch, allowPrivateAddresses: true } } }],
    ['certificateAuthority', { verification: { ...byDiscovery, fetch: { ...byDiscovery.fetch, certificateAuthority: 'pem' } } }],
    ['discoveryURL', { verification: { ...byDiscovery, discoveryURL: 'https://mirror.example.com/' } }],
    ['the method', { verification: { method: 'jwksURL', url: 'https://ci.example.com/jwks', fetch: byDiscovery.fetch } }],
    ['the URL, by another object of its name', { url: 'https://other.example.com' }],
  ])('in %s: its keys are fetched anew, and those of before are gone', async (_name, change) => {
    const { store, fetches, pass } = await settledWorld();
    const changed = networkIssuer({ revision: 'uid/2', ...change });
    store.setIssuers([changed]);
    expect([store.known(changed), store.known(issuer)]).toEqual([undefined, undefined]);
    await pass(0);
    await fetches[1]?.answer(two);
    expect([kidsOf(store, changed), store.known(issuer)]).toEqual([['b'], undefined]);
  });

  test('a fetch of the version before does not count', async () => {
    const { store, fetches, states, pass } = world();
    store.setIssuers([issuer]);
    await pass(0);
    const changed = networkIssuer({ revision: 'uid/2', verification: { ...byDiscovery, discoveryURL: 'https://mirror.example.com/' } });
    store.setIssuers([changed]);
    expect(fetches[0]?.signal.aborted).toBe(true);
    await fetches[0]?.answer(one);
    expect([store.known(changed), states]).toEqual([undefined, []]);
  });

  test('while its keys can not be had: they are tried for at once', async () => {
    const { store, fetches, pass } = world();
    store.setIssuers([issuer]);
    await pass(0);
    await fetches[0]?.fail(failed());
    store.setIssuers([networkIssuer({ revision: 'uid/2' })]);
    expect(fetches).toHaveLength(2);
  });

  test('setting the same ones again does nothing', async () => {
    const { store, fetches, states } = await settledWorld();
    store.setIssuers([issuer]);
    store.setIssuers([{ ...issuer, urlShared: true }]);
    expect([fetches.length, states.length]).toEqual([1, 1]);
  });
});

describe('an issuer that is removed', () => {
  test('is forgotten: no timer, no fetch, no key', async () => {
    const { store, fetches, timers, pass } = await settledWorld();
    store.setIssuers([]);
    expect([store.known(issuer), timers.size]).toEqual([undefined, 0]);
    await pass(hours);
    expect(fetches).toHaveLength(1);
    store.setIssuers([issuer]);
    expect(store.known(issuer)).toBeUndefined();
  });

  test('while it is fetched: the fetch is ended, and who waits is told', async () => {
    const { store, fetches, states, timers, bugs } = world();
    store.setIssuers([issuer]);
    const waiting = store.current(issuer);
    await settled();
    store.setIssuers([]);
    expect(await waiting).toBeUndefined();
    expect([fetches[0]?.signal.aborted, states, timers.size, bugs]).toEqual([true, [], 0, []]);
  });

  test('closing forgets all', async () => {
    const { store, timers, fetches, pass, next } = await settledWorld();
    await pass(next());
    store.close();
    await settled();
    expect([timers.size, fetches[1]?.signal.aborted, store.known(issuer)]).toEqual([0, true, undefined]);
  });
});

describe('tokenReview, which can do without keys', () => {
  const reviewed = networkIssuer({ verification: { method: 'tokenReview', cluster: undefined, identity: undefined } });

  test.each([
    ['publishes none', 'the published JWK Set has no usable key', (fetch: Fetch | undefined) => fetch?.answer({ keys: [] })],
    ['keeps them to itself', '403', (fetch: Fetch | undefined) => fetch?.fail(new KeyFetchError('NoUsableKeys', '403'))],
  ])('a cluster that %s', async (_name, message, answer) => {
    const { store, fetches, states, pass } = world();
    store.setIssuers([reviewed]);
    await pass(0);
    await answer(fetches[0]);
    expect(store.known(reviewed)).toEqual([]);
    expect(states[0]?.state).toMatchObject({ reason: 'NoUsableKeys', usable: true, thumbprints: [], message });
  });

  test('one that says that it is another issuer', async () => {
    const { store, fetches, states, pass } = world();
    store.setIssuers([reviewed]);
    await pass(0);
    await fetches[0]?.fail(new KeyFetchError('IssuerMismatch', 'another'));
    expect(store.known(reviewed)).toBeUndefined();
    expect(states[0]?.state).toMatchObject({ reason: 'IssuerMismatch', usable: true, thumbprints: [] });
  });

  test('one that can not be reached, and so not asked about a token either', async () => {
    const { store, fetches, states, pass } = world();
    store.setIssuers([reviewed]);
    await pass(0);
    await fetches[0]?.fail(failed());
    expect(store.known(reviewed)).toBeUndefined();
    expect(states[0]?.state).toMatchObject({ reason: 'FetchFailed', usable: false });
  });
});
