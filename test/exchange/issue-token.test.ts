// What is signed for a grant, and what the caller is told.
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../src/exchange/decide.ts';
import type { ExchangeEffects } from '../../src/exchange/effects.ts';
import { issueToken } from '../../src/exchange/issue-token.ts';
import type { Target, TokenTypeName } from '../../src/policy/policy.ts';

const grant: Grant = {
  target: { audience: 'https://deploy.example.com' } as Target,
  tokenType: 'access_token',
  scopes: ['read', 'deploy'],
  lifetimeSeconds: 300,
  claims: { iss: 'https://cambio.example.com', sub: 'ci:prod', aud: 'https://deploy.example.com', exp: 1300, iat: 1000, groups: ['a'] },
};

/** The response has what was to be signed for its access_token. */
async function issue(changed: Partial<Grant>) {
  const effects: Pick<ExchangeEffects, 'sign' | 'newId' | 'settings'> = {
    sign: async (...signed) => JSON.stringify(signed),
    newId: () => 'id-1',
    settings: { issuerURL: 'https://cambio.example.com', maxLifetimeSeconds: 3600, signingAlgorithm: 'RS256' },
  };
  const { response, ...rest } = await issueToken({ ...grant, ...changed }, effects as ExchangeEffects);
  const [algorithm, typ, claims] = JSON.parse(response.access_token) as [string, string, Record<string, unknown>];
  return { ...rest, algorithm, typ, claims, response: { ...response, access_token: undefined } };
}

test('what was granted is signed, with an id of its own', async () => {
  expect(await issue({})).toEqual({
    jti: 'id-1',
    exp: 1300,
    algorithm: 'RS256',
    typ: 'at+jwt',
    claims: {
      iss: 'https://cambio.example.com',
      sub: 'ci:prod',
      aud: 'https://deploy.example.com',
      exp: 1300,
      iat: 1000,
      groups: ['a'],
      jti: 'id-1',
    },
    response: { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: 300, scope: 'read deploy' },
  });
});

describe('token types', () => {
  test.for<[TokenTypeName, string, string]>([
    ['access_token', 'at+jwt', 'Bearer'],
    ['jwt', 'JWT', 'Bearer'],
    ['id_token', 'JWT', 'N_A'],
  ])('%s', async ([tokenType, typ, token_type]) => {
    const issued = await issue({ tokenType });
    expect([issued.typ, issued.response.token_type, issued.response.issued_token_type]).toEqual([typ, token_type, `urn:ietf:params:oauth:token-type:${tokenType}`]);
  });
});

test('no scope: no member either', async () => {
  const { response } = await issue({ scopes: [] });
  expect('scope' in response).toBe(false);
});

test.for<['ES256' | 'RS256' | undefined, string]>([
  ['ES256', 'ES256'],
  ['RS256', 'RS256'],
  [undefined, 'RS256'],
])('a TargetService that wants %s gets %s', async ([signingAlgorithm, algorithm]) => {
  const issued = await issue({ target: { service: { signingAlgorithm } } as Target });
  expect(issued.algorithm).toBe(algorithm);
});
