// Which ServiceAccount a token is of: its name and its claims must say the same.
import { describe, expect, test } from 'vitest';
import { parseServiceAccountName, serviceAccountOf } from '../../src/exchange/verified-token.ts';

describe('names of ServiceAccounts', () => {
  const label = 'a'.repeat(63);
  test.for<[string, { namespace: string; name: string } | undefined]>([
    ['system:serviceaccount:payments:deployer', { namespace: 'payments', name: 'deployer' }],
    ['system:serviceaccount:a:b.c-d.0', { namespace: 'a', name: 'b.c-d.0' }],
    [`system:serviceaccount:${label}:${'b'.repeat(253)}`, { namespace: label, name: 'b'.repeat(253) }],
    [`system:serviceaccount:${label}a:b`, undefined],
    [`system:serviceaccount:a:${'b'.repeat(254)}`, undefined],
    ['system:serviceaccount:payments:', undefined],
    ['system:serviceaccount::deployer', undefined],
    ['system:serviceaccount:payments', undefined],
    ['system:serviceaccount:payments:deployer:x', undefined],
    ['system:serviceaccount:Payments:deployer', undefined],
    ['system:serviceaccount:pay.ments:deployer', undefined],
    ['system:serviceaccount:-a:b', undefined],
    ['system:serviceaccount:a:b-', undefined],
    ['system:serviceaccounts:payments:deployer', undefined],
    ['xsystem:serviceaccount:payments:deployer', undefined],
    ['system:serviceaccount:payments:deployer\n', undefined],
    ['system:serviceaccount:payments:dеployer', undefined],
    ['', undefined],
  ])('%s', ([user, named]) => {
    expect(parseServiceAccountName(user)).toEqual(named);
  });
});

describe('the ServiceAccount of a token', () => {
  const sub = 'system:serviceaccount:payments:deployer';
  const account = { name: 'deployer', uid: 'uid-1' };
  test.for<[string, string, Record<string, unknown>, unknown]>([
    ['name and claims say the same', sub, { 'kubernetes.io': { namespace: 'payments', serviceaccount: account } }, { namespace: 'payments', name: 'deployer', uid: 'uid-1' }],
    ['no uid', sub, { 'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'deployer' } } }, { namespace: 'payments', name: 'deployer', uid: undefined }],
    ['a uid that is no text', sub, { 'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'deployer', uid: 1 } } }, { namespace: 'payments', name: 'deployer', uid: undefined }],
    ['another namespace', sub, { 'kubernetes.io': { namespace: 'other', serviceaccount: account } }, undefined],
    ['another name', sub, { 'kubernetes.io': { namespace: 'payments', serviceaccount: { ...account, name: 'other' } } }, undefined],
    ['the name of a person', 'jane', { 'kubernetes.io': { namespace: 'payments', serviceaccount: account } }, undefined],
    ['no claim', sub, {}, undefined],
    ['a claim that is text', sub, { 'kubernetes.io': 'payments' }, undefined],
    ['no serviceaccount in it', sub, { 'kubernetes.io': { namespace: 'payments' } }, undefined],
    ['a list of serviceaccounts', sub, { 'kubernetes.io': { namespace: 'payments', serviceaccount: [account] } }, undefined],
  ])('%s', ([, name, claims, wanted]) => {
    expect(serviceAccountOf(name, claims)).toEqual(wanted);
  });
});
