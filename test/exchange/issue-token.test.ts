// What is signed for a grant, and what the caller is told.
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../src/exchange/decide.ts';
import type { ExchangeEffects } from '../../src/exchange/effects.ts';
import { issueToken } from '../../src/exchange/issue-token.ts';
import type { Client, Issuer, SubjectRule, Target, TokenTypeName } from '../../src/policy/policy.ts';

const issuer = { name: 'ci', url: 'https://ci.example.com', subjectPrefix: 'ci:', urlShared: false } as Issuer;
const grant: Grant = {
  client: { id: 'payments/deployer' } as Client,
  subject: { issuer, sub: 'prod', claims: { name: 'Mallory', act: { sub: 'x' }, scope: 'admin', iss: 'x' }, exp: 9999, serviceAccount: undefined },
  rule: {} as SubjectRule,
  target: { audience: 'https://deploy.example.com' } as Target,
  tokenType: 'access_token',
  scopes: ['read', 'deploy'],
  lifetimeSeconds: 300,
};

/** The response has what was to be signed for its access_token. */
async function issue(changed: Partial<Grant>, now = 1000.75) {
  const effects: Pick<ExchangeEffects, 'sign' | 'newId' | 'settings'> = {
    sign: async (...signed) => JSON.stringify(signed),
    newId: () => 'id-1',
    settings: { issuerURL: 'https://cambio.example.com', maxLifetimeSeconds: 3600, signingAlgorithm: 'RS256' },
  };
  const { response, ...rest } = await issueToken({ ...grant, ...changed }, now, effects as ExchangeEffects);
  const [algorithm, typ, claims] = JSON.parse(response.access_token) as [string, string, Record<string, unknown>];
  return { ...rest, algorithm, typ, claims, response: { ...response, access_token: undefined } };
}

test('an access token (RFC 9068 §2.2), with nothing of the subject token but its subject', async () => {
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
      jti: 'id-1',
      client_id: 'payments/deployer',
      scope: 'read deploy',
      sub_id: { format: 'iss_sub', iss: 'https://ci.example.com', sub: 'prod' },
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

test('no scope: neither a claim nor a member', async () => {
  const { claims, response } = await issue({ scopes: [] });
  expect(['scope' in claims, 'scope' in response]).toEqual([false, false]);
});

test('where the URL of an issuer means several, sub_id is left out', async () => {
  const { claims } = await issue({ subject: { ...grant.subject, issuer: { ...issuer, urlShared: true } } });
  expect('sub_id' in claims).toBe(false);
});

test('exp, iat and expires_in agree at every fraction of a second', async () => {
  const issued = await Promise.all([1000, 1000.001, 1000.5, 1000.999].map((now) => issue({}, now)));
  expect(issued.map(({ claims, exp, response }) => [claims['iat'], claims['exp'], exp, response.expires_in])).toEqual(Array.from({ length: 4 }, () => [1000, 1300, 1300, 300]));
});
