// The claims of an issued token: whose it is, for whom, for how long, and nothing that nobody asked for.
import { describe, expect, test } from 'vitest';
import { issuedClaims, type Issuance } from '../../src/exchange/issued-claims.ts';
import type { Client, Issuer, Target } from '../../src/policy/policy.ts';

const issuer = { name: 'ci', url: 'https://ci.example.com', subjectPrefix: 'ci:', urlShared: false } as Issuer;
const issuance: Issuance = {
  issuerURL: 'https://cambio.example.com',
  client: { id: 'payments/deployer' } as Client,
  subject: { issuer, sub: 'prod', claims: { name: 'Mallory', act: { sub: 'x' }, scope: 'admin', iss: 'x' }, exp: 9999, serviceAccount: undefined },
  target: { audience: 'https://deploy.example.com' } as Target,
  scopes: ['read', 'deploy'],
  mapped: { sub: undefined, claims: {} },
  now: 1000.75,
  lifetimeSeconds: 300,
};
const claims = (changed: Partial<Issuance>): Record<string, unknown> => issuedClaims({ ...issuance, ...changed });

test('nothing of the subject token but its subject', () => {
  expect(claims({})).toEqual({
    iss: 'https://cambio.example.com',
    sub: 'ci:prod',
    aud: 'https://deploy.example.com',
    exp: 1300,
    iat: 1000,
    client_id: 'payments/deployer',
    scope: 'read deploy',
    sub_id: { format: 'iss_sub', iss: 'https://ci.example.com', sub: 'prod' },
  });
});

test('no scope: no claim', () => {
  expect('scope' in claims({ scopes: [] })).toBe(false);
});

test('where the URL of an issuer means several, sub_id is left out', () => {
  expect('sub_id' in claims({ subject: { ...issuance.subject, issuer: { ...issuer, urlShared: true } } })).toBe(false);
});

describe('mapped claims', () => {
  test('stand beside the others', () => {
    expect(claims({ mapped: { sub: undefined, claims: { groups: ['a'] } } })).toMatchObject({ sub: 'ci:prod', groups: ['a'] });
  });

  test('a mapped sub replaces the prefix too, and sub_id still says whose token it was', () => {
    expect(claims({ mapped: { sub: 'robot', claims: {} } })).toMatchObject({ sub: 'robot', sub_id: { sub: 'prod' } });
  });

  test('never go over what Cambio itself says', () => {
    const own = { iss: 'x', sub: 'x', aud: 'x', exp: 1, iat: 1, client_id: 'x', scope: 'x', sub_id: 'x' };
    expect(claims({ mapped: { sub: undefined, claims: own } })).toEqual(claims({}));
  });
});

test.each([1000, 1000.001, 1000.5, 1000.999])('exp and iat are whole seconds and agree with the lifetime (%d)', (now) => {
  expect(claims({ now })).toMatchObject({ iat: 1000, exp: 1300 });
});
