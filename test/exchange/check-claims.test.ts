// The rules that a token can be held against before its signature is looked at: dates to the second, types, audiences.
import { describe, expect, test } from 'vitest';
import { readRegisteredClaims, refuseByClaims } from '../../src/exchange/check-claims.ts';
import type { ParsedJwt } from '../../src/exchange/parse-jwt.ts';
import type { Issuer, TokenTypeName } from '../../src/policy/policy.ts';

const issuer: Issuer = {
  name: 'ci',
  revision: '/0',
  url: 'https://ci.example.com',
  audiences: new Set(['https://cambio.example.com', 'cambio']),
  apiServerAudiences: new Set(['https://kubernetes.example.com']),
  verification: { method: 'jwks', keys: [] },
  algorithms: new Set(['ES256', 'EdDSA']),
  maxTokenLifetimeSeconds: 600,
  clockSkewSeconds: 60,
  subjectPrefix: 'ci:',
  kubernetes: false,
  ownCluster: false,
  claimValidationRules: [],
  allowedNamespaces: undefined,
  sameNamespace: true,
  urlShared: false,
};
const now = 1_800_000_000;
const good = { iss: 'https://ci.example.com', sub: 'a', aud: 'cambio', iat: now, exp: now + 300 };

type Given = { claims?: Record<string, unknown>; header?: Partial<ParsedJwt['header']>; type?: TokenTypeName; issuer?: Partial<Issuer>; now?: number };

function refusal({ claims = {}, header = {}, type = 'jwt', issuer: changed = {}, now: at = now }: Given): string | undefined {
  const token: ParsedJwt = { header: { alg: 'ES256', kid: undefined, typ: undefined, ...header }, claims: { ...good, ...claims }, compact: '' };
  const registered = readRegisteredClaims(token);
  return typeof registered === 'string' ? registered : refuseByClaims({ token, registered, type, issuer: { ...issuer, ...changed }, now: at });
}

describe('dates, with a skew of 60 s', () => {
  const expired = (seconds: number, skew = 60): string => `it has expired (exp): ${seconds} s ago, and clockSkewSeconds is ${skew}`;
  const early = (seconds: number): string => `it is not valid yet (nbf): it will be in ${seconds} s, and clockSkewSeconds is 60`;
  const future = (seconds: number, skew = 60): string => `it was issued in the future (iat): in ${seconds} s, and clockSkewSeconds is ${skew}`;
  const longer = (seconds: number): string => `exp − iat is longer than maxTokenLifetimeSeconds: ${seconds} s, and 600 s are allowed`;
  test.for([
    ['exp 59 s ago', { iat: now - 300, exp: now - 59 }, undefined],
    ['exp 59.999 s ago', { iat: now - 300, exp: now - 59.999 }, undefined],
    ['exp 60 s ago', { iat: now - 300, exp: now - 60 }, expired(60)],
    ['exp 61 s ago', { iat: now - 300, exp: now - 61 }, expired(61)],
    ['nbf in 59 s', { nbf: now + 59 }, undefined],
    ['nbf in 60 s', { nbf: now + 60 }, undefined],
    ['nbf in 60.001 s', { nbf: now + 60.001 }, early(60.001)],
    ['nbf in 61 s', { nbf: now + 61 }, early(61)],
    ['iat in 60 s', { iat: now + 60 }, undefined],
    ['iat in 61 s', { iat: now + 61 }, future(61)],
    ['iat in 60.001 s', { iat: now + 60.001 }, future(60.001)],
    ['exp equals iat', { iat: now, exp: now }, 'exp is not after iat'],
    ['exp before iat', { iat: now + 2, exp: now + 1 }, 'exp is not after iat'],
    ['nbf equals exp', { nbf: now + 30, exp: now + 30 }, 'nbf is not before exp'],
    ['nbf before iat', { nbf: now - 3600 }, undefined],
    ['nbf 0', { nbf: 0 }, undefined],
    ['a life of 600 s', { iat: now, exp: now + 600 }, undefined],
    ['a life of 600.5 s', { iat: now, exp: now + 600.5 }, longer(600.5)],
    ['a life of 601 s', { iat: now, exp: now + 601 }, longer(601)],
    ['iat 0', { iat: 0 }, longer(now + 300)],
    ['the largest number', { iat: now, exp: Number.MAX_VALUE }, longer(Number.MAX_VALUE)],
  ] as const)('%s', ([, claims, wanted]) => {
    expect(refusal({ claims })).toBe(wanted);
  });

  test.for([
    ['exp this very moment', { iat: now - 10, exp: now }, expired(0, 0)],
    ['exp in a second', { iat: now - 10, exp: now + 1 }, undefined],
    ['iat in a second', { iat: now + 1 }, future(1, 0)],
    ['nbf this very moment', { nbf: now }, undefined],
  ] as const)('without skew: %s', ([, claims, wanted]) => {
    expect(refusal({ claims, issuer: { clockSkewSeconds: 0 } })).toBe(wanted);
  });
});

describe('types of the registered claims', () => {
  test.for([
    [{ exp: undefined }, 'exp is missing or not a number'],
    [{ exp: '1800000300' }, 'exp is missing or not a number'],
    [{ exp: null }, 'exp is missing or not a number'],
    [{ exp: NaN }, 'exp is missing or not a number'],
    [{ exp: Infinity }, 'exp is missing or not a number'],
    [{ exp: -1 }, 'exp is missing or not a number'],
    [{ iat: undefined }, 'iat is missing or not a number'],
    [{ iat: true }, 'iat is missing or not a number'],
    [{ nbf: null }, 'nbf is not a number'],
    [{ nbf: '0' }, 'nbf is not a number'],
    [{ iss: undefined }, 'iss is missing or not text'],
    [{ iss: ['https://ci.example.com'] }, 'iss is missing or not text'],
    [{ sub: undefined }, 'sub is missing or not text'],
    [{ sub: '' }, 'sub is missing or not text'],
    [{ sub: ['a'] }, 'sub is missing or not text'],
    [{ sub: 'a'.repeat(1024) }, undefined],
    [{ sub: 'a'.repeat(1025) }, 'sub is longer than 1024'],
    [{ aud: undefined }, 'aud is missing or not text'],
    [{ aud: null }, 'aud is missing or not text'],
    [{ aud: 1 }, 'aud is missing or not text'],
    [{ aud: ['cambio', null] }, 'aud is missing or not text'],
    [{ aud: [['cambio']] }, 'aud is missing or not text'],
    [{ aud: [] }, `aud has none of the issuer's audiences: it has none, and they are "https://cambio.example.com", "cambio"`],
    [{ aud: '' }, `aud has none of the issuer's audiences: it has "", and they are "https://cambio.example.com", "cambio"`],
    [{ aud: 'Cambio' }, `aud has none of the issuer's audiences: it has "Cambio", and they are "https://cambio.example.com", "cambio"`],
    [{ aud: ['a', 'b', 'c', 'd', 'e"'] }, `aud has none of the issuer's audiences: it has "a", "b", "c", "d", …, and they are "https://cambio.example.com", "cambio"`],
    [{ aud: ['a'.repeat(300)] }, `aud has none of the issuer's audiences: it has "${'a'.repeat(256)}…", and they are "https://cambio.example.com", "cambio"`],
    [{ aud: ['x', 'cambio'] }, undefined],
    [{ aud: ['cambio', 'https://kubernetes.example.com'] }, 'aud has an audience of the API server: "https://kubernetes.example.com"'],
    [{ iss: 'https://ci.example.com/' }, 'iss is another one'],
    [{ cnf: undefined }, 'it is bound to a key (cnf), and that proof is not supported'],
  ] as const)('%j', ([claims, wanted]) => {
    expect(refusal({ claims })).toBe(wanted);
  });
});

describe('algorithms are compared exactly; Ed25519 is EdDSA', () => {
  const other = (alg: string): string => `alg is not among the issuer's algorithms: it is "${alg}", and they are "ES256", "EdDSA"`;
  test.for([
    ['ES256', undefined],
    ['EdDSA', undefined],
    ['Ed25519', undefined],
    ['eddsa', other('eddsa')],
    ['es256', other('es256')],
    ['none', other('none')],
    ['RS256', other('RS256')],
    ['Ed448', other('Ed448')],
    ['', other('')],
  ] as const)('%s', ([alg, wanted]) => {
    expect(refusal({ header: { alg } })).toBe(wanted);
  });
});

test('which typ fits which type of token', () => {
  const types = ['jwt', 'id_token', 'access_token'] as const;
  const fitting = (typ: string | undefined): string => types.filter((type) => refusal({ header: { typ }, type }) === undefined).join(' ');
  const typs = [undefined, 'JWT', 'jwt', 'JOSE', 'application/jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt', 'JOSE+JSON', 'dpop+jwt', 'application/', '', ' JWT'];
  expect(Object.fromEntries(typs.map((typ) => [String(typ), fitting(typ)]))).toEqual({
    undefined: 'jwt id_token',
    JWT: 'jwt id_token',
    jwt: 'jwt id_token',
    JOSE: 'jwt id_token',
    'application/jwt': 'jwt id_token',
    'at+jwt': 'access_token',
    'AT+JWT': 'access_token',
    'application/at+jwt': 'access_token',
    'JOSE+JSON': '',
    'dpop+jwt': '',
    'application/': '',
    '': '',
    ' JWT': '',
  });
});
