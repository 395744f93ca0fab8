// What Cambio says of itself to the world: metadata and keys, and nothing else.
import { get as httpGet } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicJwks } from '../../src/keys/signing-keys.ts';
import { signingKeys } from '../cases/run-case.ts';
import { serveApp, type Served } from './serve-app.ts';

const jwks = (): object => publicJwks(signingKeys);

let served: Served;
beforeAll(async () => {
  served = await serveApp({ jwks });
});
afterAll(() => served.close());

/** fetch would ask for the whole (Cache-Control: no-cache) as soon as there is an If-None-Match. */
const statusFor = (path: string, tag: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const request = httpGet(served.url + path, { headers: { 'if-none-match': tag }, agent: false }, (response) => resolve(response.resume().statusCode));
    request.on('error', reject);
  });

const metadata = {
  issuer: 'https://cambio.example.com',
  token_endpoint: 'https://cambio.example.com/token',
  jwks_uri: 'https://cambio.example.com/jwks',
  grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
  token_endpoint_auth_methods_supported: ['none'],
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256', 'RS256'],
};

describe('metadata', () => {
  test.for(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])('%s', async (path) => {
    const response = await fetch(served.url + path);
    expect(await response.json()).toEqual(metadata);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  test.for<[issuer: string, openid: string, oauth: string, base: string]>([
    ['https://h.example.com', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', ''],
    ['https://h.example.com/', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', ''],
    ['https://h.example.com/a', '/a/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/a', '/a'],
    ['https://h.example.com/a/b.c', '/a/b.c/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/a/b.c', '/a/b.c'],
    ['https://h.example.com/a/', '/a/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/a', '/a'],
    ['https://h.example.com/(a|.*)', '/(a|.*)/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/(a|.*)', '/(a|.*)'],
    ['https://h.example.com/a%20b', '/a%20b/.well-known/openid-configuration', '/.well-known/oauth-authorization-server/a%20b', '/a%20b'],
  ])('of the issuer %s', async ([issuerURL, openid, oauth, base]) => {
    const { url, close } = await serveApp({ issuerURL, jwks });
    const documents = await Promise.all([openid, oauth].map(async (path) => (await fetch(url + path)).json()));
    expect(documents).toEqual(Array.from({ length: 2 }, () => ({ ...metadata, issuer: issuerURL, token_endpoint: `https://h.example.com${base}/token`, jwks_uri: `https://h.example.com${base}/jwks` })));
    const there = await Promise.all([fetch(`${url}${base}/jwks`), fetch(`${url}${base}/token`, { method: 'POST' }), fetch(`${url}${base}/clients/a/b/token`, { method: 'POST' })]);
    expect(there.map(({ status }) => status)).toEqual([200, 200, 200]);
    await close();
  });

  test('keys that are served from elsewhere are still served here as well', async () => {
    const jwksURI = 'https://keys.example.com/jwks.json';
    const { url, close } = await serveApp({ jwksURI, jwks });
    expect(await (await fetch(`${url}/.well-known/openid-configuration`)).json()).toEqual({ ...metadata, jwks_uri: jwksURI });
    expect((await fetch(`${url}/jwks`)).status).toBe(200);
    await close();
  });

  test('below a path, nothing stands at the root', async () => {
    const { url, close } = await serveApp({ issuerURL: 'https://h.example.com/a', jwks });
    const paths = ['/jwks', '/token', '/clients/a/b/token', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/b/jwks'];
    expect(await Promise.all(paths.map(async (path) => (await fetch(url + path)).status))).toEqual(paths.map(() => 404));
    await close();
  });
});

describe('/jwks', () => {
  test('public members only, each key for one algorithm, under the thumbprint that stands in tokens', async () => {
    const response = await fetch(`${served.url}/jwks`);
    const { keys } = (await response.json()) as { keys: Record<string, string>[] };
    expect(keys.map((key) => Object.keys(key).toSorted((a, b) => a.localeCompare(b)))).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
      ['alg', 'e', 'kid', 'kty', 'n', 'use'],
    ]);
    expect(keys.map(({ kid, alg, use }) => [kid, alg, use])).toEqual([
      ['QexyiYYZ1gnNb3IfUQALChmtYAJ_LoWkUqkal9s6yfs', 'ES256', 'sig'],
      [signingKeys[1]?.kid, 'RS256', 'sig'],
    ]);
    expect(response.headers.get('content-type')).toBe('application/jwk-set+json; charset=utf-8');
  });

  test.for(['/jwks', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])('%s may be kept for a while, and asked for again by its ETag', async (path) => {
    const first = await fetch(served.url + path);
    const etag = first.headers.get('etag') ?? '';
    expect([first.status, first.headers.get('cache-control'), first.headers.get('access-control-allow-origin')]).toEqual([200, 'public, max-age=300', '*']);
    expect(etag).toMatch(/^"[^"]+"$/);
    expect(await Promise.all([etag, `W/${etag}`, `"x", ${etag}`, '*', '"other"'].map((tag) => statusFor(path, tag)))).toEqual([304, 304, 304, 304, 200]);
  });

  test('keys that are changed have another ETag', async () => {
    let set: object = publicJwks(signingKeys);
    const { url, close } = await serveApp({ jwks: () => set });
    const before = (await fetch(`${url}/jwks`)).headers.get('etag');
    set = publicJwks(signingKeys.slice(1));
    const after = (await fetch(`${url}/jwks`)).headers.get('etag');
    expect(after).not.toBe(before);
    await close();
  });

  test('a bug is told to the log, and not to the world', async () => {
    const { url, bugs, close } = await serveApp({
      jwks: () => {
        throw new Error('secret detail');
      },
    });
    const response = await fetch(`${url}/jwks`);
    expect([response.status, await response.json()]).toEqual([500, { error: 'server_error' }]);
    expect(bugs).toHaveLength(1);
    await close();
  });
});

test.for<[method: string, path: string]>([
  ['GET', '/'], ['GET', '/livez'], ['GET', '/readyz'], ['GET', '/metrics'], ['GET', '/jwks/'], ['GET', '/jwks.json'], ['GET', '/JWKS'], ['GET', '/keys'], ['POST', '/jwks'],
  ['DELETE', '/jwks'], ['GET', '/.well-known/'], ['GET', '/.well-known/openid-configuration/'], ['GET', '/.well-known/oauth-authorization-server/x'], ['GET', '/..%2fjwks'], ['GET', '/%'],
  ['GET', '/introspect'], ['POST', '/revoke'], ['GET', '/authorize'], ['GET', '/userinfo'],
])('%s %s is not there', async ([method, path]) => {
  const response = await fetch(served.url + path, { method });
  expect([response.status, await response.json()]).toEqual([404, { error: 'not_found' }]);
  expect(response.headers.get('x-powered-by')).toBeNull();
});

test('HEAD has the headers of GET, and no body', async () => {
  const [got, head] = await Promise.all(['GET', 'HEAD'].map((method) => fetch(`${served.url}/jwks`, { method })));
  expect([head?.status, await head?.text(), head?.headers.get('etag')]).toEqual([200, '', got?.headers.get('etag')]);
});
