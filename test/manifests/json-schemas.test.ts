// The printed JSON Schemas, held against the corpus by a validator of its own: what they say must be what Cambio says.
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, test } from 'vitest';
import { kindNames } from '../../src/manifests/kinds.ts';
import { crdOf } from '../../src/manifests/print-crds.ts';
import { parseYaml } from './parse-yaml.ts';
import { jsonSchemaFile, jsonSchemaOf, jsonSchemaOfAll } from '../../src/manifests/print-json-schemas.ts';
import { readCorpus } from './corpus.ts';

// `format` is a hint only; a union of types is how a member may be null.
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true, formats: { int32: true } });
const schemas = new Map(kindNames.map((kind) => [kind as string, ajv.compile(jsonSchemaOf(kind))]));
const all = ajv.compile(jsonSchemaOfAll());

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;
const documentOf = (text: string): { kind?: unknown } => plain(parseYaml(text).documents[0]?.value) as { kind?: unknown };
/** To an editor an unknown field is one, though it is null: nobody writes that on purpose. */
const strictly = readCorpus('valid').filter(({ name }) => name !== 'issuer-null-unknown-field');
const holds = (validate: ValidateFunction | undefined, document: unknown): unknown => (validate?.(document) === true ? true : validate?.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`));

/** The sentences of the rules across fields, by whether JSON Schema has to know them. */
const rules = kindNames.flatMap((kind) => rulesOf(crdOf(kind)));
const unions = /^(?:exactly one of|at most one of|one of) .*set$/;

function rulesOf(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = (node as { 'x-kubernetes-validations'?: { message: string }[] })['x-kubernetes-validations'] ?? [];
  return [...own.map(({ message }) => message), ...Object.values(node).flatMap(rulesOf)];
}

/** Invalid by rules that JSON Schema has no words for. A list in which only a key is repeated is one, too. */
const isBeyond = (problems: readonly string[]): boolean =>
  problems.every((problem) => {
    const [, message = ''] = /^\S+: (.*)$/.exec(problem) ?? [];
    return (rules.includes(message) && !unions.test(message)) || /\.audience: .* stands in this list twice$|\.name: .* stands in this list twice$|must have at most \d+ characters as JSON$/.test(problem);
  });

test.each(kindNames)('the file of %s is named as kubeconform fills it in', (kind) => {
  expect(jsonSchemaFile(kind)).toBe(`${kind.toLowerCase()}_v1alpha1.json`);
});

test.each(strictly)('valid/$name', ({ text }) => {
  const document = documentOf(text);
  expect(holds(schemas.get(String(document.kind)), document)).toBe(true);
  expect(holds(all, document)).toBe(true);
});

describe('invalid', () => {
  const invalid = readCorpus('invalid').map((file) => ({ ...file, document: documentOf(file.text) }));

  test('most of them are within JSON Schema', () => {
    expect(invalid.filter(({ problems }) => isBeyond(problems)).length).toBeLessThan(invalid.length / 4);
  });

  test.each(invalid.filter(({ problems }) => !isBeyond(problems)))('$name', ({ document }) => {
    expect(holds(schemas.get(String(document.kind)), document)).not.toBe(true);
    expect(holds(all, document)).not.toBe(true);
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
