// Unmodified clients and verifiers: oauth4webapi exchanges and validates, jose verifies by the published keys.
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveExchange, type ServedExchange } from './serve-exchange.ts';

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`;
const insecure = { [oauth.allowInsecureRequests]: true };

describe.each(['ES256', 'RS256'] as const)('signing with %s', (algorithm) => {
  let served: ServedExchange;
  let issuerURL: string;
  let mint: ServedExchange['mint'];
  let as: oauth.AuthorizationServer;
  const client: oauth.Client = { client_id: 'payments/deployer' };

  beforeAll(async () => {
    served = await serveExchange({ signingAlgorithm: algorithm });
    ({ issuerURL, mint } = served);
    const issuer = new URL(issuerURL);
    as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
  });
  afterAll(() => served.close());

  const exchange = async (parameters: Record<string, string>, authentication: oauth.ClientAuth = oauth.None()): Promise<oauth.TokenEndpointResponse> => {
    const form = new URLSearchParams({ subject_token: await mint(), subject_token_type: tokenType('jwt'), audience: 'https://deploy.example.com', ...parameters });
    return oauth.processGenericTokenEndpointResponse(as, client, await oauth.genericTokenEndpointRequest(as, client, authentication, tokenExchange, form, insecure));
  };
  /** What a resource server does with a request that carries the token. */
  const validate = (token: string, audience: string): Promise<oauth.JWTAccessTokenClaims> =>
    oauth.validateJwtAccessToken(as, new Request('https://deploy.example.com/', { headers: { authorization: `Bearer ${token}` } }), audience, insecure);

  test('discovery, as OAuth and as OpenID Connect have it', async () => {
    const issuer = new URL(issuerURL);
    const openid = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...insecure }));
    expect(openid).toEqual(as);
    expect([as.issuer, as.token_endpoint, as.jwks_uri, as.grant_types_supported]).toEqual([issuerURL, `${issuerURL}/token`, `${issuerURL}/jwks`, [tokenExchange]]);
  });

  test('an access token that a resource server accepts (RFC 9068 §4)', async () => {
    const response = await exchange({ scope: 'deploy' });
    expect(response).toMatchObject({ token_type: 'bearer', issued_token_type: tokenType('access_token'), scope: 'deploy' });
    expect(await validate(response.access_token, 'https://deploy.example.com')).toMatchObject({ iss: issuerURL, sub: 'ci:prod', aud: 'https://deploy.example.com', client_id: 'payments/deployer', scope: 'deploy' });
    await expect(validate(response.access_token, 'https://another.example.com')).rejects.toThrow('unexpected JWT "aud" (audience) claim value');
  });

  test('the same by a request that names its client by Basic', async () => {
    const basic: oauth.ClientAuth = (_as, { client_id }, _body, headers) => headers.set('authorization', `Basic ${btoa(`${encodeURIComponent(client_id)}:`)}`);
    expect(await exchange({}, basic)).toMatchObject({ scope: 'read' });
  });

  test('jose verifies it by the published keys', async () => {
    const keys = createRemoteJWKSet(new URL(as.jwks_uri ?? ''));
    const { access_token } = await exchange({});
    const { payload, protectedHeader } = await jwtVerify(access_token, keys, { issuer: issuerURL, audience: 'https://deploy.example.com', typ: 'at+jwt', requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'] });
    expect([protectedHeader.alg, payload['sub_id']]).toEqual([algorithm, { format: 'iss_sub', iss: 'https://ci.example.com', sub: 'prod' }]);
  });

  test('an ID token is no access token to a resource server', async () => {
    const response = await exchange({ requested_token_type: tokenType('id_token') }).catch((error: oauth.OperationProcessingError) => error);
    // oauth4webapi knows no token_type N_A unless it is told how to recognise one.
    expect(response).toMatchObject({ code: 'OAUTH_UNSUPPORTED_OPERATION' });
    const form = new URLSearchParams({ subject_token: await mint(), subject_token_type: tokenType('jwt'), audience: 'https://deploy.example.com', requested_token_type: tokenType('id_token') });
    const raw = await oauth.genericTokenEndpointRequest(as, client, oauth.None(), tokenExchange, form, insecure);
    const issued = await oauth.processGenericTokenEndpointResponse(as, client, raw, { recognizedTokenTypes: { n_a: () => undefined } });
    expect(issued).toMatchObject({ token_type: 'n_a', issued_token_type: tokenType('id_token') });
    await expect(validate(issued.access_token, 'https://deploy.example.com')).rejects.toThrow('unexpected JWT "typ" header parameter value');
  });

  test('the same subject token twice: two tokens with two ids', async () => {
    const subject_token = await mint();
    const tokens = await Promise.all([exchange({ subject_token }), exchange({ subject_token })]);
    const ids = await Promise.all(tokens.map(async ({ access_token }) => (await validate(access_token, 'https://deploy.example.com')).jti));
    expect(new Set(ids).size).toBe(2);
  });

  test.for<[string, Record<string, string>, string]>([
    ['a token that is none', { subject_token: 'x' }, 'invalid_request'],
    ['a target that is unknown', { audience: 'https://another.example.com' }, 'invalid_target'],
    ['a scope too many', { scope: 'admin' }, 'invalid_scope'],
  ])('%s: the client sees the error', async ([, parameters, error]) => {
    await expect(exchange(parameters)).rejects.toMatchObject({ error, status: 400 });
  });

  test('a secret that was never given out: the client sees the challenge', async () => {
    await expect(exchange({}, oauth.ClientSecretBasic('hunter2'))).rejects.toMatchObject({ name: 'WWWAuthenticateChallengeError', status: 401 });
  });

  test('an issued token is no subject token', async () => {
    const { access_token } = await exchange({});
    await expect(exchange({ subject_token: access_token, subject_token_type: tokenType('access_token') })).rejects.toMatchObject({ error: 'invalid_request' });
  });
});
