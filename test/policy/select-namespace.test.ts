// Which namespaces a cluster-scoped object allows: label selectors as Kubernetes reads them.
import { describe, expect, test } from 'vitest';
import type { AllowedNamespaces } from '../../src/manifests/namespace-selection.ts';
import { labelsOf, readNamespace } from '../../src/manifests/read-namespace.ts';
import { allowsNamespace } from '../../src/policy/select-namespace.ts';

const labels = labelsOf('payments', [['team', 'blue'], ['empty', '']]);
type Selector = NonNullable<AllowedNamespaces['selector']>;
const selects = (selector: Selector): boolean => allowsNamespace({ from: 'Selector', selector }, labels);

describe('a selector', () => {
  test.each<{ selector: Selector; selected: boolean }>([
    { selector: { matchLabels: { team: 'blue' } }, selected: true },
    { selector: { matchLabels: { team: 'Blue' } }, selected: false },
    { selector: { matchLabels: { team: 'blue', 'kubernetes.io/metadata.name': 'payments' } }, selected: true },
    { selector: { matchLabels: { team: 'blue', tier: 'one' } }, selected: false },
    { selector: { matchLabels: { empty: '' } }, selected: true },
    { selector: { matchLabels: { missing: '' } }, selected: false },
    { selector: { matchLabels: { constructor: 'x' } }, selected: false },
    { selector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['red', 'blue'] }] }, selected: true },
    { selector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['red'] }] }, selected: false },
    { selector: { matchExpressions: [{ key: 'missing', operator: 'In', values: ['red'] }] }, selected: false },
    { selector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['red'] }] }, selected: true },
    { selector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['blue'] }] }, selected: false },
    { selector: { matchExpressions: [{ key: 'missing', operator: 'NotIn', values: ['blue'] }] }, selected: true },
    { selector: { matchExpressions: [{ key: 'empty', operator: 'Exists' }] }, selected: true },
    { selector: { matchExpressions: [{ key: 'missing', operator: 'Exists' }] }, selected: false },
    { selector: { matchExpressions: [{ key: 'missing', operator: 'DoesNotExist' }] }, selected: true },
    { selector: { matchExpressions: [{ key: 'empty', operator: 'DoesNotExist', values: [] }] }, selected: false },
    { selector: { matchLabels: { team: 'blue' }, matchExpressions: [{ key: 'empty', operator: 'DoesNotExist' }] }, selected: false },
  ])('$selector', ({ selector, selected }) => {
    expect(selects(selector)).toBe(selected);
  });
});

describe('without a selector', () => {
  test.each<{ allowed: AllowedNamespaces | undefined; selected: boolean }>([
    { allowed: undefined, selected: false },
    { allowed: { from: 'None' }, selected: false },
    { allowed: { from: 'All' }, selected: true },
    { allowed: { from: 'Selector' }, selected: false },
  ])('$allowed', ({ allowed, selected }) => {
    expect(allowsNamespace(allowed, labels)).toBe(selected);
  });
});

test('where nobody can tell the labels no selector matches, not even by what is absent', () => {
  expect(allowsNamespace({ from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] } }, undefined)).toBe(false);
  expect(allowsNamespace({ from: 'All' }, undefined)).toBe(true);
});

describe('a Namespace', () => {
  const document = (metadata: unknown) => ({ apiVersion: 'v1', kind: 'Namespace', metadata });

  test('has its name as a label over whatever is written', () => {
    const written = { name: 'payments', labels: { team: 'blue', 'kubernetes.io/metadata.name': 'kube-system' } };
    expect(readNamespace(document(written))).toEqual({ read: { name: 'payments', labels: new Map([['team', 'blue'], ['kubernetes.io/metadata.name', 'payments']]) }, problems: [] });
    expect(readNamespace(document({ name: 'bare' }))).toEqual({ read: { name: 'bare', labels: new Map([['kubernetes.io/metadata.name', 'bare']]) }, problems: [] });
  });

  test.each([
    { metadata: { name: 'payments', labels: ['team'] }, path: ['metadata', 'labels'], message: 'must be an object', known: true },
    { metadata: { name: 'payments', labels: { team: 7 } }, path: ['metadata', 'labels', 'team'], message: 'must be text', known: true },
    { metadata: { name: 'payments', labels: { team: null } }, path: ['metadata', 'labels', 'team'], message: 'must be text', known: true },
    { metadata: { name: 'pay.ments' }, path: ['metadata', 'name'], message: 'must be the name of a namespace: lower case letters, digits and "-", 63 at most', known: false },
    { metadata: 'payments', path: ['metadata', 'name'], message: 'must be the name of a namespace: lower case letters, digits and "-", 63 at most', known: false },
  ])('with metadata $metadata has labels that nobody can tell', ({ metadata, path, message, known }) => {
    expect(readNamespace(document(metadata))).toEqual({ ...(known ? { read: { name: 'payments', labels: undefined } } : {}), problems: [{ path, message, reason: 'InvalidField' }] });
  });

  test.each([null, 'Namespace', { apiVersion: 'v1', kind: 'ConfigMap' }, { apiVersion: 'v2', kind: 'Namespace' }])('is not %j', (value) => {
    expect(readNamespace(value)).toBeUndefined();
  });
});
