import { LRUCache } from 'lru-cache';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { TokenReviewStatus } from '../../src/exchange/verify-by-review.ts';
import { cacheReviews, maxReviews } from '../../src/kubernetes/review-cache.ts';
import type { Issuer } from '../../src/policy/policy.ts';

const issuer = (name: string, revision: string): Issuer => ({
  name,
  revision,
  url: 'https://cluster.test',
  audiences: new Set(['cambio']),
  apiServerAudiences: new Set(),
  verification: { method: 'tokenReview', cluster: undefined, identity: undefined },
  algorithms: new Set(['RS256']),
  maxTokenLifetimeSeconds: 3600,
  clockSkewSeconds: 0,
  subjectPrefix: `${name}:`,
  kubernetes: true,
  ownCluster: true,
  claimValidationRules: [],
  allowedNamespaces: undefined,
  sameNamespace: true,
  urlShared: false,
});
const cluster = issuer('cluster', 'uid-1/1');

const status = (username: string): TokenReviewStatus => ({ authenticated: true, error: undefined, audiences: ['cambio'], user: { username, uid: '', groups: [], extra: new Map() } });

let asked: { token: string; resolve: (status: TokenReviewStatus) => void; reject: (error: Error) => void }[];
let now: number;
const review = (_: Issuer, token: string): Promise<TokenReviewStatus> => new Promise((resolve, reject) => asked.push({ token, resolve, reject }));
const cache = (milliseconds: number) => cacheReviews(review, milliseconds, () => now);

beforeEach(() => {
  asked = [];
  now = 1000;
});

/** Asks, and answers if the question is passed on. @returns the username that came back, and whether the question was passed on */
async function ask(cached: ReturnType<typeof cache>, answer: string, args: Parameters<typeof cached> = [cluster, 't', ['cambio']]): Promise<[string, boolean]> {
  const before = asked.length;
  const result = cached(...args);
  asked[before]?.resolve(status(answer));
  return [(await result).user.username, asked.length > before];
}

describe('cacheReviews', () => {
  test('remembers an answer for exactly as long as it is told, from the question on', async () => {
    const cached = cache(10_000);
    const first = cached(cluster, 't', ['cambio']);
    now = 5000;
    asked[0]?.resolve(status('one'));
    expect((await first).user.username).toBe('one');
    now = 10_999;
    expect(await ask(cached, 'two')).toEqual(['one', false]);
    now = 11_000;
    expect(await ask(cached, 'two')).toEqual(['two', true]);
    now = 20_999;
    expect(await ask(cached, 'three')).toEqual(['two', false]);
    now = 21_000;
    expect(await ask(cached, 'three')).toEqual(['three', true]);
  });

  test('remembers from the first millisecond of a clock on', async () => {
    now = 0;
    const cached = cache(10);
    expect(await ask(cached, 'one')).toEqual(['one', true]);
    now = 9;
    expect(await ask(cached, 'two')).toEqual(['one', false]);
    now = 10;
    expect(await ask(cached, 'two')).toEqual(['two', true]);
  });

  test('does not live longer by being asked for', async () => {
    const cached = cache(10);
    await ask(cached, 'one');
    for (now = 1001; now < 1010; now++) expect(await ask(cached, 'two')).toEqual(['one', false]);
    expect(await ask(cached, 'two')).toEqual(['two', true]);
  });

  test('remembers a bad answer too', async () => {
    const cached = cache(10);
    const first = cached(cluster, 't', []);
    asked[0]?.resolve({ ...status(''), authenticated: false });
    expect((await first).authenticated).toBe(false);
    expect((await cached(cluster, 't', [])).authenticated).toBe(false);
    expect(asked).toHaveLength(1);
  });

  test('remembers nothing with 0', async () => {
    const cached = cache(0);
    expect(await ask(cached, 'one')).toEqual(['one', true]);
    expect(await ask(cached, 'two')).toEqual(['two', true]);
  });

  test.for([0, 10])('lets equal requests in flight share a call (%d ms)', async (milliseconds) => {
    const cached = cache(milliseconds);
    const results = [cached(cluster, 't', ['a']), cached(cluster, 't', ['a']), cached(cluster, 't', ['a'])];
    expect(asked).toHaveLength(1);
    asked[0]?.resolve(status('one'));
    expect((await Promise.all(results)).map(({ user }) => user.username)).toEqual(['one', 'one', 'one']);
  });

  test('passes a failure to all who share it, and asks again after it', async () => {
    const cached = cache(10);
    const results = [cached(cluster, 't', ['cambio']), cached(cluster, 't', ['cambio'])];
    asked[0]?.reject(new Error('away'));
    expect((await Promise.allSettled(results)).map(({ status: settled }) => settled)).toEqual(['rejected', 'rejected']);
    expect(await ask(cached, 'one')).toEqual(['one', true]);
    expect(asked).toHaveLength(2);
  });

  test.for([
    ['another token', [cluster, 'u', ['cambio']]],
    ['a token that begins the same', [cluster, 't.t', ['cambio']]],
    ['another audience', [cluster, 't', ['other']]],
    ['one audience more', [cluster, 't', ['cambio', 'other']]],
    ['no audience', [cluster, 't', []]],
    ['audiences that look like one', [cluster, 't', ['cambio","other']]],
    ['another issuer', [issuer('other', 'uid-1/1'), 't', ['cambio']]],
    ['the issuer after a change', [issuer('cluster', 'uid-1/2'), 't', ['cambio']]],
    ['an issuer of that name made anew', [issuer('cluster', 'uid-2/1'), 't', ['cambio']]],
  ] as const)('asks for %s by itself', async ([, args]) => {
    const cached = cache(10);
    await ask(cached, 'one');
    expect(await ask(cached, 'two', [args[0], args[1], args[2]])).toEqual(['two', true]);
    expect(await ask(cached, 'three')).toEqual(['one', false]);
  });

  test('keeps no token, only its hash', async () => {
    const set = vi.spyOn(LRUCache.prototype, 'set');
    await ask(cache(10), 'one', [cluster, 'secret-token', ['cambio']]);
    expect(set.mock.calls).toEqual([['["cluster","uid-1/1",["cambio"],"kwu9xRtq7VwqVnj9bije56BeiktkPPwLRCfD77hsDZQ="]', { status: status('one'), askedAt: 1000 }]]);
    set.mockRestore();
  });

  test('forgets the answer that was not used for longest when there are too many', async () => {
    const cached = cache(10);
    for (let i = 0; i < maxReviews; i++) await ask(cached, 'one', [cluster, `t${i}`, []]);
    expect(await ask(cached, 'two', [cluster, 't0', []])).toEqual(['one', false]);
    await ask(cached, 'one', [cluster, 'further', []]);
    expect(await ask(cached, 'two', [cluster, 't0', []])).toEqual(['one', false]);
    expect(await ask(cached, 'two', [cluster, 't1', []])).toEqual(['two', true]);
  });
});
