// Reading one document: whose it is, which object it is, and what can't be in a file but can come from anywhere.
import { describe, expect, test } from 'vitest';
import { maxExampleDepth } from '../../src/manifests/examples.ts';
import { readObject } from '../../src/manifests/read-object.ts';

const issuer = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  apiVersion: 'cambio.dev/v1alpha1',
  kind: 'TrustedIssuer',
  metadata: { name: 'ci' },
  spec: { issuer: { url: 'https://ci.example.com', audiences: ['cambio'] }, verification: { tokenReview: {} } },
  ...change,
});

const client = (metadata: unknown): Record<string, unknown> => ({
  apiVersion: 'cambio.dev/v1alpha1',
  kind: 'ExchangeClient',
  metadata,
  spec: { authentication: { none: {} }, subjects: [{ issuerRef: { name: 'ci' }, subject: 'a' }], targets: [{ audience: 'b' }] },
});

test('an object is read with all defaults', () => {
  expect(readObject(issuer({ metadata: { name: 'ci', uid: '0f4c', generation: 7 } }))).toEqual({
    read: {
      kind: 'TrustedIssuer',
      namespace: '',
      name: 'ci',
      generation: 7,
      uid: '0f4c',
      manifest: {
        kind: 'TrustedIssuer',
        namespace: '',
        name: 'ci',
        generation: 7,
        uid: '0f4c',
        spec: {
          issuer: { url: 'https://ci.example.com', audiences: ['cambio'], apiServerAudiences: [] },
          verification: { tokenReview: {} },
          algorithms: ['RS256', 'ES256', 'PS256', 'EdDSA'],
          maxTokenLifetimeSeconds: 86_400,
          clockSkewSeconds: 30,
          allowPrivateAddresses: false,
          claimValidationRules: [],
          serviceAccountNamespaces: 'Same',
          suspend: false,
        },
      },
    },
  });
});

test('a client is read with all defaults', () => {
  expect(readObject(client({ name: 'deployer' })).read?.manifest).toEqual({
    kind: 'ExchangeClient',
    namespace: 'default',
    name: 'deployer',
    generation: 0,
    uid: '',
    spec: {
      authentication: { none: {} },
      subjects: [{ issuerRef: { name: 'ci' }, subject: 'a', conditions: [] }],
      targets: [{ audience: 'b', scopes: [], defaultScopes: [], tokenTypes: ['access_token'], lifetimeSeconds: 600, default: false }],
      examples: [],
      suspend: false,
    },
  });
});

describe('not Cambio\'s', () => {
  test.each([
    { document: null },
    { document: undefined },
    { document: 'text' },
    { document: 7 },
    { document: [] },
    { document: {} },
    { document: { apiVersion: 1, kind: 'TrustedIssuer' } },
    { document: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } },
    { document: { apiVersion: 'v1alpha1', kind: 'TrustedIssuer' } },
    { document: { apiVersion: 'cambio.dev.example.com/v1alpha1', kind: 'TrustedIssuer' } },
    { document: { apiVersion: 'dex.coreos.com/v1', kind: 'TrustedIssuer' } },
  ])('$document', ({ document }) => {
    expect(readObject(document)).toEqual({ foreign: true });
  });
});

describe('which object it is can not be told', () => {
  test.each([
    { name: 'no version', document: issuer({ apiVersion: 'cambio.dev' }), path: ['apiVersion'], message: 'cambio.dev is not known: this release reads cambio.dev/v1alpha1' },
    { name: 'one of many', document: issuer({ apiVersion: 'cambio.dev/v1alpha1/v2' }), path: ['apiVersion'], message: 'cambio.dev/v1alpha1/v2 is not known: this release reads cambio.dev/v1alpha1' },
    { name: 'a kind that every object has', document: issuer({ kind: 'constructor' }), path: ['kind'], message: 'there is no kind "constructor" in cambio.dev/v1alpha1' },
    { name: 'a kind that is a list', document: issuer({ kind: [] }), path: ['kind'], message: 'there is no kind [] in cambio.dev/v1alpha1' },
    { name: 'a kind that is an object without prototype', document: issuer({ kind: Object.create(null) }), path: ['kind'], message: 'there is no kind {} in cambio.dev/v1alpha1' },
    { name: 'a list kind', document: issuer({ kind: 'TrustedIssuerList' }), path: ['kind'], message: 'there is no kind "TrustedIssuerList" in cambio.dev/v1alpha1; did you mean TrustedIssuer?' },
    { name: 'metadata that is text', document: issuer({ metadata: 'ci' }), path: ['metadata', 'name'], message: 'must be the name of a Kubernetes object: lower case letters, digits, "-" and ".", 253 at most' },
    { name: 'a name with a slash', document: client({ name: 'a/b' }), path: ['metadata', 'name'], message: 'must be the name of a Kubernetes object: lower case letters, digits, "-" and ".", 253 at most' },
    { name: 'a namespace that is empty', document: client({ name: 'a', namespace: '' }), path: ['metadata', 'namespace'], message: 'must be the name of a namespace: lower case letters, digits and "-", 63 at most' },
    { name: 'a namespace that is a list', document: client({ name: 'a', namespace: ['payments'] }), path: ['metadata', 'namespace'], message: 'must be the name of a namespace: lower case letters, digits and "-", 63 at most' },
  ])('$name', ({ document, path, message }) => {
    expect(readObject(document)).toEqual({ problems: [{ path, message, reason: 'InvalidField' }] });
  });
});

describe('odd input', () => {
  const problemsOf = (document: unknown): unknown => readObject(document).read?.problems;

  test('every unknown field is named, beside the other mistakes', () => {
    const document = issuer({ extra: 1, spec: { issuer: { url: 'https://ci.example.com', audiences: ['cambio'], a: 1, b: 2 }, verification: {}, clockSkewSeconds: -1 } });
    expect(problemsOf(document)).toEqual([
      { path: ['extra'], message: 'unknown field; known are apiVersion, kind, metadata, spec, status', reason: 'UnknownField' },
      { path: ['spec', 'issuer', 'a'], message: 'unknown field; known are url, audiences, apiServerAudiences, discoveryURL, certificateAuthority', reason: 'UnknownField' },
      { path: ['spec', 'issuer', 'b'], message: 'unknown field; known are url, audiences, apiServerAudiences, discoveryURL, certificateAuthority', reason: 'UnknownField' },
      { path: ['spec', 'verification'], message: 'exactly one of discovery, jwksURL, jwks, tokenReview, kubernetesDiscovery must be set', reason: 'InvalidField' },
      { path: ['spec', 'clockSkewSeconds'], message: 'must be at least 0', reason: 'InvalidField' },
    ]);
  });

  test.each([
    { name: '__proto__ in spec', json: '{"__proto__": {"suspend": true}}', path: ['spec', '__proto__'] },
    { name: 'constructor in spec', json: '{"constructor": {}}', path: ['spec', 'constructor'] },
    { name: 'an empty name', json: '{"": 1}', path: ['spec', ''] },
    { name: 'an unknown field that is false', json: '{"allowEverything": false}', path: ['spec', 'allowEverything'] },
  ])('$name', ({ json, path }) => {
    const spec: unknown = JSON.parse(json.replace('{', '{"issuer": {"audiences": ["a"]}, "verification": {"tokenReview": {}}, '));
    expect(problemsOf(issuer({ spec }))).toMatchObject([{ path, reason: 'UnknownField' }]);
  });

  test('a member that is null is absent, known or not, at every depth', () => {
    const spec = { issuer: { url: null, audiences: ['a'], other: null }, verification: { jwks: null, tokenReview: { cluster: null } }, subjectPrefix: null, more: null };
    const { read } = readObject(issuer({ spec, anything: null }));
    expect(read?.problems).toBeUndefined();
    expect(read?.manifest?.spec).toMatchObject({ issuer: { audiences: ['a'], apiServerAudiences: [] }, verification: { tokenReview: {} } });
    expect(read?.manifest?.spec).not.toHaveProperty('subjectPrefix');
  });

  test.each([
    { name: 'as deep as a token may be', depth: maxExampleDepth, problems: undefined },
    { name: 'deeper', depth: maxExampleDepth + 1, problems: [{ path: ['spec', 'examples', 0, 'claims'], message: 'must have at most 32 objects and lists in each other', reason: 'InvalidField' }] },
    // As deep as an API server lets JSON be.
    { name: 'far deeper, in few characters', depth: 7000, problems: [{ path: ['spec', 'examples', 0, 'claims'], message: 'must have at most 32 objects and lists in each other', reason: 'InvalidField' }] },
    { name: 'deepest, in many characters', depth: 9990, problems: [{ path: ['spec', 'examples', 0, 'claims'], message: 'must have at most 32 objects and lists in each other', reason: 'InvalidField' }] },
  ])('claims of an example: $name', ({ depth, problems }) => {
    const x: unknown = JSON.parse('['.repeat(depth - 1) + ']'.repeat(depth - 1));
    const examples = [{ name: 'a', issuerRef: { name: 'ci' }, claims: { sub: 'a', x }, expect: { allowed: false } }];
    const spec = { authentication: { none: {} }, subjects: [{ issuerRef: { name: 'ci' }, subject: 'a' }], targets: [{ audience: 'vault' }], examples };
    expect(problemsOf({ apiVersion: 'cambio.dev/v1alpha1', kind: 'ExchangeClient', metadata: { name: 'a', namespace: 'tenant' }, spec })).toEqual(problems);
  });

  test('values without a prototype are named by what they should be', () => {
    const spec = { issuer: { audiences: [Object.create(null)] }, verification: { tokenReview: {} }, algorithms: [Object.create(null)], suspend: Object.create(null) };
    expect(problemsOf(issuer({ spec }))).toMatchObject([
      { path: ['spec', 'issuer', 'audiences', 0], message: 'must be text' },
      { path: ['spec', 'algorithms', 0], message: 'must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA' },
      { path: ['spec', 'suspend'], message: 'must be true or false' },
    ]);
  });

  test('something nested very deep does no harm where it is unknown', () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 20_000; depth++) deep = [{ deep }];
    expect(problemsOf(issuer({ spec: { issuer: { audiences: ['a'] }, verification: { tokenReview: {} }, deep } }))).toMatchObject([{ path: ['spec', 'deep'] }]);
  });

  test('generation and uid of a wrong type are taken for none', () => {
    expect(readObject(issuer({ metadata: { name: 'ci', generation: '7', uid: 7 } })).read).toMatchObject({ generation: 0, uid: '' });
  });
});
