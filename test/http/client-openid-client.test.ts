// openid-client, unmodified: discovery over TLS, and exchanges.
import { createRemoteJWKSet, customFetch as joseFetch, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority } from '../make-authority.ts';
import { fetchTrusting } from '../start-cambio.ts';
import { serveExchange, type ServedExchange } from './serve-exchange.ts';

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;
const authority = makeAuthority();
const trusting = fetchTrusting(authority.cert);

let served: ServedExchange;
beforeAll(async () => {
  served = await serveExchange({ tls: authority.certify() });
});
afterAll(() => served.close());

/** As its documentation has it; a private authority is the only thing that has to be said. */
const discover = (algorithm: 'oidc' | 'oauth2' = 'oidc'): Promise<client.Configuration> =>
  client.discovery(new URL(served.issuerURL), 'payments/deployer', undefined, client.None(), { algorithm, [client.customFetch]: trusting as client.CustomFetch });

const exchange = async (config: client.Configuration, parameters: Record<string, string> = {}): Promise<client.TokenEndpointResponse & client.TokenEndpointResponseHelpers> =>
  client.genericGrantRequest(config, tokenExchange, { subject_token: await served.mint(), subject_token_type: tokenType('jwt'), audience: 'https://deploy.example.com', ...parameters });

describe.each(['oidc', 'oauth2'] as const)('discovery as %s', (algorithm) => {
  test('finds the endpoints below the path of the issuer', async () => {
    const metadata = (await discover(algorithm)).serverMetadata();
    expect(metadata).toMatchObject({ issuer: served.issuerURL, token_endpoint: `${served.issuerURL}/token`, jwks_uri: `${served.issuerURL}/jwks` });
  });

  test('an exchange; jose verifies what is issued by the keys that discovery found', async () => {
    const config = await discover(algorithm);
    const response = await exchange(config, { scope: 'deploy' });
    expect(response).toMatchObject({ token_type: 'bearer', issued_token_type: tokenType('access_token'), scope: 'deploy', expires_in: 600 });
    expect(response.expiresIn()).toBeGreaterThan(590);
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri ?? ''), { [joseFetch]: trusting });
    const { payload } = await jwtVerify(response.access_token, keys, { issuer: served.issuerURL, audience: 'https://deploy.example.com', typ: 'at+jwt' });
    expect(payload).toMatchObject({ sub: 'ci:prod', client_id: 'payments/deployer', scope: 'deploy' });
  });
});

test('discovery of another issuer on the same host fails', async () => {
  await expect(client.discovery(new URL(new URL(served.issuerURL).origin), 'payments/deployer', undefined, client.None(), { [client.customFetch]: trusting as client.CustomFetch })).rejects.toThrow('unexpected HTTP response status code');
});

test.for<[string, Record<string, string>, string]>([
  ['a token that is none', { subject_token: 'x' }, 'invalid_request'],
  ['a target that is unknown', { audience: 'https://another.example.com' }, 'invalid_target'],
  ['a scope too many', { scope: 'admin' }, 'invalid_scope'],
])('%s: the client sees the error', async ([, parameters, error]) => {
  await expect(exchange(await discover(), parameters)).rejects.toMatchObject({ error, status: 400 });
});

test('a client id alone is taken for one with a secret in the body: without the secret the same as None()', async () => {
  const config = await client.discovery(new URL(served.issuerURL), 'payments/deployer', undefined, undefined, { [client.customFetch]: trusting as client.CustomFetch });
  expect(await exchange(config)).toMatchObject({ token_type: 'bearer' });
});

test('an ID token comes with token_type N_A, which openid-client lets pass', async () => {
  const response = await exchange(await discover(), { requested_token_type: tokenType('id_token') });
  expect(response).toMatchObject({ token_type: 'n_a', issued_token_type: tokenType('id_token') });
});
