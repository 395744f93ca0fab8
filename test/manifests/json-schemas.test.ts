// The printed JSON Schemas, held against the corpus by a validator of its own: what they say must be what Cambio says.
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, test } from 'vitest';
import { kindNames } from '../../src/manifests/kinds.ts';
import { parseYaml } from '../../src/manifests/parse-yaml.ts';
import { jsonSchemaFile, jsonSchemaOf, jsonSchemaOfAll } from '../../src/manifests/print-json-schemas.ts';
import { readCorpus } from './corpus.ts';

// `format` is a hint only; a union of types is how a member may be null.
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true, formats: { int32: true } });
const schemas = new Map(kindNames.map((kind) => [kind as string, ajv.compile(jsonSchemaOf(kind))]));
const all = ajv.compile(jsonSchemaOfAll());

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;
const documentOf = (text: string): { kind?: unknown } => plain(parseYaml(text).documents[0]?.value) as { kind?: unknown };
const holds = (validate: ValidateFunction | undefined, document: unknown): unknown => (validate?.(document) === true ? true : validate?.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`));

/** Invalid for a reason that JSON Schema has no words for. */
const beyondJsonSchema = new Set([
  'client-target-default-scopes-alone',
  'client-target-default-scopes-beyond',
  'client-targets-same-audience',
  'client-targets-two-defaults',
  'issuer-certificate-authority-with-token-review',
  'issuer-cluster-kubernetes-discovery-without-url',
  'issuer-cluster-token-review-without-url',
  'issuer-discovery-url-http',
  'issuer-discovery-url-is-the-issuer',
  'issuer-discovery-url-with-jwks',
  'issuer-discovery-url-with-jwks-url',
  'issuer-jwks-url-http',
  'issuer-kubernetes-false-with-kubernetes-discovery',
  'issuer-kubernetes-false-with-token-review',
  'issuer-named-system',
  'issuer-subject-prefix-system',
  'issuer-url-http',
  'issuer-url-http-elsewhere',
  'issuer-url-http-lookalike',
  'issuer-url-http-lookalike-name',
  'issuer-url-http-unspecified',
  'issuer-url-http-without-allow-private-addresses',
  'issuer-url-missing',
  'issuer-url-null',
]);

test.each(kindNames)('the file of %s is named as kubeconform fills it in', (kind) => {
  expect(jsonSchemaFile(kind)).toBe(`${kind.toLowerCase()}_v1alpha1.json`);
});

test.each(readCorpus('valid'))('valid/$name', ({ text }) => {
  const document = documentOf(text);
  expect(holds(schemas.get(String(document.kind)), document)).toBe(true);
  expect(holds(all, document)).toBe(true);
});

describe('invalid', () => {
  const invalid = readCorpus('invalid').map((file) => ({ ...file, document: documentOf(file.text) }));

  test.each(invalid.filter(({ name }) => !beyondJsonSchema.has(name)))('$name', ({ document }) => {
    expect(holds(schemas.get(String(document.kind)), document)).not.toBe(true);
    expect(holds(all, document)).not.toBe(true);
  });

  test.each(invalid.filter(({ name }) => beyondJsonSchema.has(name)))('$name is beyond JSON Schema', ({ document }) => {
    expect(holds(schemas.get(String(document.kind)), document)).toBe(true);
  });
});

describe('a member that is null is absent', () => {
  const issuer = (spec: object): object => ({ apiVersion: 'cambio.dev/v1alpha1', kind: 'TrustedIssuer', metadata: { name: 'ci', namespace: null }, spec });

  test.each([
    { name: 'an optional one', spec: { issuer: { audiences: ['a'], url: null }, verification: { tokenReview: {} }, algorithms: null, suspend: null }, good: true },
    { name: 'one that is required', spec: { issuer: { audiences: null }, verification: { tokenReview: {} } }, good: false },
    { name: 'beside the member of a union', spec: { issuer: { audiences: ['a'] }, verification: { tokenReview: {}, jwks: null } }, good: true },
    { name: 'the only member of a union', spec: { issuer: { audiences: ['a'] }, verification: { jwks: null } }, good: false },
  ])('$name', ({ spec, good }) => {
    expect(holds(schemas.get('TrustedIssuer'), issuer(spec)) === true).toBe(good);
  });
});

describe('a file with several kinds', () => {
  test.each([
    { name: 'another kind', document: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }, good: true },
    { name: 'an empty document', document: null, good: true },
    { name: 'a kind that is not there', document: { apiVersion: 'cambio.dev/v1alpha1', kind: 'TrustedIsuer', metadata: { name: 'a' }, spec: {} }, good: false },
  ])('$name', ({ document, good }) => {
    expect(holds(all, document) === true).toBe(good);
  });
});
