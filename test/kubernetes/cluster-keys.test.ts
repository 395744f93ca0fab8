import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/kubernetes/api-server.ts';
import type { FindCluster } from '../../src/kubernetes/cluster-connection.ts';
import { clusterDocumentTimeout, createClusterKeyFetcher, maxClusterDocumentBytes } from '../../src/kubernetes/cluster-keys.ts';
import { KeyFetchError } from '../../src/policy/key-fetch.ts';
import type { AskedCluster, Issuer, Verification } from '../../src/policy/policy.ts';
import { connectTo, resetMessage, startFakeApiServer, type FakeApiServer, type Fault } from './fake-api-server.ts';

const discoveryPath = '/.well-known/openid-configuration';
const keysPath = '/openid/v1/jwks';
const url = 'https://kubernetes.default.svc.cluster.local';

let server: FakeApiServer;
let api: ApiServer;
let asked: AskedCluster[];

beforeEach(async () => {
  server = await startFakeApiServer();
  api = connectTo(server.url);
  asked = [];
});
afterEach(async () => {
  await api.close();
  await server.close();
});

const find: FindCluster = ({ cluster, identity }) => {
  asked.push({ cluster, identity });
  return { api, reviewer: { ...api, request: () => Promise.reject(new Error('reviews have connections of their own')) } };
};
const issuer = (verification: Verification): Issuer => ({ name: 'east', url, verification }) as Issuer;
const discovery = issuer({ method: 'kubernetesDiscovery', cluster: 'east', identity: 'id' });
const review = issuer({ method: 'tokenReview', cluster: undefined, identity: undefined });

const document = (more: object = {}): Fault => ({ status: 200, body: JSON.stringify({ issuer: url, jwks_uri: 'https://10.0.0.1:6443/openid/v1/jwks', ...more }) });
const keys: Fault = { status: 200, body: '{"keys":[{"kty":"RSA"}]}' };

type Answers = { document?: Fault; keys?: Fault };

/** Fetches, with these answers to the two documents. */
function fetched(of: Issuer, answers: Answers, signal = new AbortController().signal): Promise<unknown> {
  // The path of the discovery document does not end like that of a collection.
  server.order('list ', answers.document ?? document());
  server.order('list jwks', answers.keys ?? keys);
  return createClusterKeyFetcher(find)(of, signal);
}

const failure = async (of: Issuer, answers: Answers): Promise<[string, string]> => {
  const error = await fetched(of, answers).then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof KeyFetchError)) throw error;
  return [error.reason, error.message];
};

describe('createClusterKeyFetcher', () => {
  test.for([['kubernetesDiscovery', discovery], ['tokenReview', review]] as const)('fetches both documents of the API server itself: %s', async ([, of]) => {
    expect(await fetched(of, {})).toEqual({ jwks: { keys: [{ kty: 'RSA' }] }, maxAgeSeconds: undefined });
    expect(server.seen.map(({ path }) => path).toSorted()).toEqual([discoveryPath, keysPath]);
  });

  test('asks for the cluster of the issuer', async () => {
    await fetched(discovery, {});
    await fetched(review, {});
    expect(asked).toEqual([{ cluster: 'east', identity: 'id' }, { cluster: undefined, identity: undefined }]);
  });

  test('says why there is no API server to ask', async () => {
    const fetch = createClusterKeyFetcher(() => 'there is no Secret east');
    await expect(fetch(discovery, new AbortController().signal)).rejects.toMatchObject({ reason: 'FetchFailed', message: 'there is no Secret east' });
  });

  test.for<[string, Answers, string, string]>([
    ['another issuer', { document: document({ issuer: 'https://other.example.com' }) }, 'IssuerMismatch', `the API server calls itself "https://other.example.com", and issuer.url is "${url}"`],
    ['one more slash', { document: document({ issuer: `${url}/` }) }, 'IssuerMismatch', `the API server calls itself "${url}/", and issuer.url is "${url}"`],
    ['a list for an issuer', { document: document({ issuer: [url] }) }, 'IssuerMismatch', `the API server does not say what it calls itself, and issuer.url is "${url}"`],
    ['no object', { document: { status: 200, body: '[]' } }, 'IssuerMismatch', `the API server does not say what it calls itself, and issuer.url is "${url}"`],
    ['no JSON', { document: { status: 200, body: '<html>' } }, 'IssuerMismatch', `the API server does not say what it calls itself, and issuer.url is "${url}"`],
    ['a credential that is not accepted', { document: { status: 401 }, keys: { status: 401 } }, 'FetchFailed', `the API server answered ${discoveryPath} with 401: it does not accept the token that is shown to it`],
    ['an error', { document: { status: 500 } }, 'FetchFailed', `the API server answered ${discoveryPath} with 500`],
    ['an error at the keys', { keys: { status: 503 } }, 'FetchFailed', `the API server answered ${keysPath} with 503`],
    ['a redirect', { keys: { status: 302 } }, 'FetchFailed', `the API server answered ${keysPath} with 302`],
    ['a document that is too large', { document: { status: 200, body: ' '.repeat(maxClusterDocumentBytes + 1) } }, 'FetchFailed', 'the API server can not be reached: the answer of the API server is larger than 262144 bytes'],
    ['keys that are too large', { keys: { status: 200, body: ' '.repeat(maxClusterDocumentBytes + 1) } }, 'FetchFailed', 'the API server can not be reached: the answer of the API server is larger than 262144 bytes'],
  ])('says what is wrong: %s', async ([, answers, reason, message]) => {
    expect(await failure(discovery, answers)).toEqual([reason, message]);
    expect(await failure(review, answers)).toEqual([reason, message]);
  });

  test.for([
    [403, ': the role system:service-account-issuer-discovery permits it'],
    [404, ''],
  ] as const)('keys that an API server keeps to itself (%d) are a failure where only keys could tell, and else none', async ([status, fix]) => {
    expect(await failure(discovery, { keys: { status } })).toEqual(['FetchFailed', `the API server answered ${keysPath} with ${status}${fix}`]);
    expect(await failure(review, { keys: { status } })).toEqual(['NoUsableKeys', `the API server answered ${keysPath} with ${status}${fix}`]);
    expect(await failure(review, { document: { status } })).toEqual(['NoUsableKeys', `the API server answered ${discoveryPath} with ${status}${fix}`]);
  });

  test('says that the API server can not be reached', async () => {
    const [reason, message] = await failure(discovery, { keys: 'reset' });
    expect(reason).toBe('FetchFailed');
    expect(message).toMatch(/^the API server can not be reached: /);
    expect(message).toMatch(resetMessage);
  });

  test('asks for what API servers send, and gives up after a bound', async () => {
    const bounds: unknown[] = [];
    // API servers refuse to send their keys as anything but a JWK Set.
    const types = 'application/json, application/jwk-set+json';
    const own: FindCluster = () => ({
      api: { ...api, request: (given) => Promise.reject(new Error(String(bounds.push([given.path, given.accept, given.timeoutMs, given.maxBytes])))) },
      reviewer: api,
    });
    await expect(createClusterKeyFetcher(own)(discovery, new AbortController().signal)).rejects.toThrow('the API server can not be reached');
    expect(clusterDocumentTimeout).toBe(5000);
    expect(bounds).toEqual([[discoveryPath, types, 5000, 262_144], [keysPath, types, 5000, 262_144]]);
  });

  test('ends when its signal is aborted', async () => {
    const end = new AbortController();
    const running = fetched(discovery, { document: 'hang', keys: 'hang' }, end.signal);
    end.abort(new Error('enough'));
    await expect(running).rejects.toThrow('the API server can not be reached: enough');
  });
});
