import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OAuthError } from '../../src/exchange/oauth-error.ts';
import type { ApiRequest, ApiResponse, ApiServer } from '../../src/kubernetes/api-server.ts';
import type { FindCluster } from '../../src/kubernetes/cluster-connection.ts';
import { awaitClusterFacts, readClusterFacts } from '../../src/kubernetes/cluster-facts.ts';
import { createTokenReview, maxReviewsWaiting } from '../../src/kubernetes/token-review.ts';
import type { Issuer } from '../../src/policy/policy.ts';
import { connectTo, resetMessage, startFakeApiServer, type FakeApiServer, type Fault } from './fake-api-server.ts';

let server: FakeApiServer;
let api: ApiServer;

beforeEach(async () => {
  server = await startFakeApiServer();
  api = connectTo(server.url);
});
afterEach(async () => {
  await api.close();
  await server.close();
});

const issuer = { name: 'cluster', verification: { method: 'tokenReview', cluster: undefined, identity: undefined } } as Issuer;
const own: FindCluster = () => ({ api, reviewer: api });
const nobody = { username: '', uid: '', groups: [], extra: new Map() };

describe('createTokenReview', () => {
  test.for([
    [['cambio', 'other'], { token: 't', audiences: ['cambio', 'other'] }],
    [[], { token: 't' }],
  ] as const)('asks about the token for the audiences %j', async ([audiences, spec]) => {
    const requests: ApiRequest[] = [];
    const request = (asked: ApiRequest): Promise<ApiResponse> => {
      requests.push(asked);
      return Promise.resolve({ status: 201, retryAfterSeconds: undefined, body: {} });
    };
    await createTokenReview(() => ({ api, reviewer: { ...api, request } }), () => undefined)(issuer, 't', audiences);
    expect(requests).toEqual([
      {
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
        timeoutMs: 5000,
        maxBytes: 1_048_576,
      },
    ]);
  });

  test('asks the API server of the issuer and no other, and none where there is none', async () => {
    server.order('list', { status: 201, body: '{}' });
    const asked: unknown[] = [];
    const review = createTokenReview(
      (cluster) => {
        asked.push(cluster);
        return cluster.cluster === 'east' ? { api: { ...api, request: () => Promise.reject(new Error('not for reviews')) }, reviewer: api } : `there is no Secret ${cluster.cluster}`;
      },
      () => undefined,
    );
    const of = (name: string): Issuer => ({ ...issuer, verification: { method: 'tokenReview', cluster: name, identity: 'id' } });
    await review(of('east'), 't', []);
    await expect(review(of('west'), 't', [])).rejects.toMatchObject({ mistake: 'issuer_unavailable', check: 'token-review', message: 'TokenReview could not be had: there is no Secret west' });
    expect(asked).toMatchObject([{ cluster: 'east', identity: 'id' }, { cluster: 'west', identity: 'id' }]);
    expect(server.seen).toHaveLength(1);
  });

  test('lets so many wait for one cluster and no more, and others go on', async () => {
    const answers: (() => void)[] = [];
    const request = (): Promise<ApiResponse> => new Promise((resolve) => answers.push(() => resolve({ status: 201, retryAfterSeconds: undefined, body: {} })));
    const clusters = new Map(['east', 'west'].map((name) => [name, { api, reviewer: { ...api, request } }]));
    const troubles: string[] = [];
    const review = createTokenReview(({ cluster = '' }) => clusters.get(cluster) ?? 'none', (_, reason) => troubles.push(reason));
    const of = (name: string): Issuer => ({ ...issuer, verification: { method: 'tokenReview', cluster: name, identity: 'id' } });
    const waiting = Array.from({ length: maxReviewsWaiting }, (_, index) => review(of('east'), `t${index}`, []));
    await expect(review(of('east'), 'one more', [])).rejects.toMatchObject({ mistake: 'issuer_unavailable', check: 'token-review' });
    expect(troubles).toEqual(['256 reviews wait for the API server already']);
    const other = review(of('west'), 't', []);
    answers.shift()?.();
    await waiting.shift();
    const next = review(of('east'), 'one more', []);
    for (const answer of answers) answer();
    expect((await Promise.all([other, next, ...waiting])).length).toBe(maxReviewsWaiting + 1);
  });

  test('reads all of an answer', async () => {
    const user = { username: 'system:serviceaccount:a:b', uid: 'u', groups: ['g', 'h'], extra: { 'authentication.kubernetes.io/pod-name': ['p'] } };
    server.order('list', { status: 201, body: JSON.stringify({ status: { authenticated: true, audiences: ['cambio'], user } }) });
    expect(await createTokenReview(own, () => undefined)(issuer, 't', ['cambio'])).toEqual({
      authenticated: true,
      error: undefined,
      audiences: ['cambio'],
      user: { username: 'system:serviceaccount:a:b', uid: 'u', groups: ['g', 'h'], extra: new Map([['authentication.kubernetes.io/pod-name', ['p']]]) },
    });
  });

  test.for([
    ['{}'],
    ['null'],
    ['[]'],
    ['not JSON'],
    ['{"status":null}'],
    ['{"status":{"authenticated":"true"}}'],
    ['{"status":{"authenticated":1,"audiences":"cambio","user":null}}'],
    ['{"status":{"user":{"username":null,"groups":{"0":"g"},"extra":null},"audiences":[1,null]}}'.replace('"username":null,', '')],
  ])('takes what is not there for nothing: %s', async ([body]) => {
    server.order('list', { status: 201, body: body ?? '' });
    expect(await createTokenReview(own, () => undefined)(issuer, 't', [])).toEqual({ authenticated: false, error: undefined, audiences: [], user: nobody });
  });

  test.for([
    [{ status: 500 }, 'the API server answered a TokenReview with 500'],
    [{ status: 403 }, 'the API server answered a TokenReview with 403'],
    ['reset', resetMessage],
  ] as [Fault, string | RegExp][])('says that it could not ask, and why to the log only: %j', async ([fault, reason]) => {
    server.order('list', fault);
    const troubles: string[] = [];
    const failure = await createTokenReview(own, ({ name }, trouble) => troubles.push(`${name}: ${trouble}`))(issuer, 't', []).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(OAuthError);
    expect(failure).toMatchObject({ mistake: 'issuer_unavailable', check: 'token-review', retryAfterSeconds: 5 });
    expect(troubles).toEqual([expect.stringMatching(reason)]);
    expect(troubles[0]).toMatch(/^cluster: /);
  });
});

describe('readClusterFacts', () => {
  const discovery = { status: 200, body: '{"issuer":"https://cluster.test"}' };
  const tokenFor = (aud: unknown): string => [{ alg: 'RS256' }, { aud }, {}].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

  test.for([
    ['no token', undefined, ['https://cluster.test']],
    ['a token that is no JWT', 'opaque', ['https://cluster.test']],
    ['a token without aud', tokenFor(undefined), ['https://cluster.test']],
    ['one audience', tokenFor('api'), ['https://cluster.test', 'api']],
    ['audiences, one known already', tokenFor(['https://cluster.test', 'api', 7]), ['https://cluster.test', 'api']],
  ] as const)('has the issuer, and the audiences of its own token: %s', async ([, token, audiences]) => {
    server.order('list', discovery);
    expect(await readClusterFacts({ ...api, ownToken: () => Promise.resolve(token) })).toEqual({ issuerURL: 'https://cluster.test', audiences, trouble: undefined });
    expect(server.seen.map(({ path }) => path)).toEqual(['/.well-known/openid-configuration']);
  });

  test.for([
    [{ status: 403 }, 403],
    [{ status: 404 }, 404],
    [{ status: 200, body: '{"issuer":7}' }, 200],
    ['garbage', 200],
  ] as [Fault, number][])('goes without the issuer where the API server does not tell: %j', async ([fault, status]) => {
    server.order('list', fault);
    const trouble = `the API server's discovery document was answered with ${status}`;
    expect(await readClusterFacts(api)).toEqual({ issuerURL: undefined, audiences: [], trouble });
  });

  test.for([{ status: 500 }, { status: 503 }, { status: 429 }, { status: 401 }, { status: 408 }, 'reset'] as Fault[])('rejects where another try may help: %j', async (fault) => {
    server.order('list', fault);
    await expect(readClusterFacts(api)).rejects.toThrow(fault === 'reset' ? resetMessage : 'answered its discovery document');
  });
});

describe('awaitClusterFacts', () => {
  const discovery = { status: 200, body: '{"issuer":"https://cluster.test"}' };

  test('asks again, later and later, until it is told', async () => {
    const pauses: number[] = [];
    const failures: string[] = [];
    server.order('list', { status: 401 }, 'reset', { status: 408 }, ...Array.from({ length: 4 }, () => ({ status: 503 })), discovery);
    const rest = (milliseconds: number): Promise<void> => Promise.resolve(void pauses.push(milliseconds));
    const facts = await awaitClusterFacts(api, (reason) => failures.push(reason), new AbortController().signal, rest);
    expect(facts?.issuerURL).toBe('https://cluster.test');
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(failures.slice(0, 3)).toEqual([
      'the API server answered its discovery document with 401: it does not accept the credential that is shown to it',
      expect.stringMatching(resetMessage),
      'the API server answered its discovery document with 408',
    ]);
  });

  test('ends with its signal, and says nothing of that', async () => {
    const end = new AbortController();
    server.order('list', 'hang');
    const asked = awaitClusterFacts(api, (reason) => expect.unreachable(reason), end.signal);
    await vi.waitFor(() => expect(server.seen).toHaveLength(1));
    end.abort();
    expect(await asked).toBeUndefined();
  });
});
