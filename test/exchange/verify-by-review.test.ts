// The claims that are believed after a TokenReview: what the API server says of the ServiceAccount goes before the token.
import { describe, expect, test } from 'vitest';
import type { RegisteredClaims } from '../../src/exchange/check-claims.ts';
import { verifyByReview, type TokenReviewStatus } from '../../src/exchange/verify-by-review.ts';
import type { Issuer } from '../../src/policy/policy.ts';

const issuer = { name: 'cluster', audiences: new Set(['cambio', 'other-name-of-cambio']) } as unknown as Issuer;
const sub = 'system:serviceaccount:payments:deployer';
const registered: RegisteredClaims = { iss: 'https://k', sub, aud: ['cambio'], exp: 2, iat: 1, nbf: undefined };

/** Verifies a token with these claims, of which a TokenReview says this much in user.extra. */
async function claimsAfter(claims: Record<string, unknown>, extra: Record<string, string[]> = {}) {
  const asked: [string, readonly string[]][] = [];
  const status: TokenReviewStatus = {
    authenticated: true,
    error: undefined,
    audiences: ['cambio'],
    user: { username: sub, uid: 'uid-1', groups: ['system:serviceaccounts'], extra: new Map(Object.entries(extra)) },
  };
  const token = { header: { alg: 'RS256', kid: undefined, typ: undefined }, claims, compact: 'the.whole.token' };
  const believed = await verifyByReview(token, registered, issuer, async (_issuer, compact, audiences) => {
    asked.push([compact, audiences]);
    return status;
  });
  return { believed, asked };
}

test('it is asked once about the whole token, for every audience of the issuer', async () => {
  const { asked } = await claimsAfter({});
  expect(asked).toEqual([['the.whole.token', ['cambio', 'other-name-of-cambio']]]);
});

describe('the claims', () => {
  const account = { namespace: 'payments', serviceaccount: { name: 'deployer', uid: 'uid-1' } };
  test.for<[string, Record<string, unknown>, Record<string, string[]>, Record<string, unknown>]>([
    ['a token that says nothing', {}, {}, { 'kubernetes.io': account }],
    ['other claims stay', { sub, jti: 'own', x: [1] }, {}, { sub, jti: 'own', x: [1], 'kubernetes.io': account }],
    ['another ServiceAccount is not believed', { 'kubernetes.io': { namespace: 'evil', serviceaccount: { name: 'admin', uid: 'x' } } }, {}, { 'kubernetes.io': account }],
    ['a pod and a node that the API server does not know are not believed', { 'kubernetes.io': { pod: { name: 'p', uid: 'x' }, node: { name: 'n' }, warnafter: 5 } }, {}, { 'kubernetes.io': { warnafter: 5, ...account } }],
    [
      'pod, node and credential id',
      { jti: 'own', 'kubernetes.io': { pod: { name: 'x' } } },
      {
        'authentication.kubernetes.io/pod-name': ['deployer-0'],
        'authentication.kubernetes.io/pod-uid': ['pod-uid'],
        'authentication.kubernetes.io/node-name': ['worker-1'],
        'authentication.kubernetes.io/node-uid': ['node-uid'],
        'authentication.kubernetes.io/credential-id': ['JTI=id-1'],
      },
      { jti: 'id-1', 'kubernetes.io': { ...account, pod: { name: 'deployer-0', uid: 'pod-uid' }, node: { name: 'worker-1', uid: 'node-uid' } } },
    ],
    ['half of a node', {}, { 'authentication.kubernetes.io/node-name': ['worker-1'] }, { 'kubernetes.io': { ...account, node: { name: 'worker-1' } } }],
    ['the other half of a pod', {}, { 'authentication.kubernetes.io/pod-uid': ['pod-uid'] }, { 'kubernetes.io': { ...account, pod: { uid: 'pod-uid' } } }],
    ['empty lists say nothing', { jti: 'own' }, { 'authentication.kubernetes.io/pod-name': [], 'authentication.kubernetes.io/credential-id': [] }, { jti: 'own', 'kubernetes.io': account }],
    ['keys of others say nothing', {}, { 'example.com/pod-name': ['x'], 'pod-name': ['x'] }, { 'kubernetes.io': account }],
    ['a claim kubernetes.io that is no object', { 'kubernetes.io': 'x' }, {}, { 'kubernetes.io': account }],
  ])('%s', async ([, claims, extra, wanted]) => {
    expect((await claimsAfter(claims, extra)).believed).toEqual(wanted);
  });
});
