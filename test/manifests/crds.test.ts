// The printed CRDs: those in crds/ are these, and their schemas have the properties that Cambio's safety rests on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatPath } from '../../src/manifests/format-path.ts';
import { kindNames, kinds } from '../../src/manifests/kinds.ts';
import { crdOf, printCrd } from '../../src/manifests/print-crds.ts';

type Schema = {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  maxProperties?: number;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  description?: string;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
};

/** A node of a schema, where it stands, and the nodes that it stands in. */
type Place = { path: string; schema: Schema; above: readonly Schema[] };

function walk(schema: Schema, path: readonly string[], above: readonly Schema[] = []): Place[] {
  const below = [...above, schema];
  return [
    { path: formatPath(path), schema, above },
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) => walk(property, [...path, name], below)),
    ...(schema.items === undefined ? [] : walk(schema.items, [...path, 'items'], below)),
    ...(schema.additionalProperties === undefined ? [] : walk(schema.additionalProperties, [...path, 'items'], below)),
  ];
}

function rootOf(kind: (typeof kindNames)[number]): Schema {
  const crd = crdOf(kind) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } };
  return crd.spec.versions[0]?.schema.openAPIV3Schema ?? {};
}

const isUnion = (schema: Schema): boolean => (schema['x-kubernetes-validations'] ?? []).some(({ rule }) => rule.includes('.size() == 1'));

/** The paths of those nodes that don't hold what is expected. */
const without = (places: readonly Place[], holds: (place: Place) => boolean): string[] => places.filter((place) => !holds(place)).map(({ path }) => path);

test.each(kindNames)('crds/ has the CRD of %s as it is printed now (npm run crds)', (kind) => {
  expect(readFileSync(join(import.meta.dirname, '../../crds', `${kinds[kind].plural}.yaml`), 'utf8')).toBe(printCrd(kind));
});

describe.each(kindNames)('the schema of %s', (kind) => {
  const root = rootOf(kind);
  const places = walk(root.properties?.['spec'] ?? {}, ['spec']);
  const ofType = (type: string): Place[] => places.filter(({ schema }) => schema.type === type);

  test('keeps unknown fields at every depth, so that Cambio sees them', () => {
    expect(root['x-kubernetes-preserve-unknown-fields']).toBe(true);
    expect(ofType('object').length).toBeGreaterThan(3);
    // Where every name is allowed, as among labels, none is unknown.
    expect(without(ofType('object'), ({ schema }) => (schema.additionalProperties === undefined) === (schema['x-kubernetes-preserve-unknown-fields'] === true))).toEqual([]);
  });

  test('has a type and a description everywhere', () => {
    expect(without(places, ({ schema }) => schema.type !== undefined)).toEqual([]);
    expect(without(places, ({ path, schema }) => path.endsWith('.items') || (schema.description ?? '') !== '')).toEqual([]);
  });

  test('bounds every text, list and number', () => {
    expect(without(ofType('string'), ({ schema }) => schema.enum !== undefined || (schema.maxLength ?? Infinity) <= 65_536)).toEqual([]);
    expect(without(ofType('array'), ({ schema }) => (schema.maxItems ?? Infinity) <= 64)).toEqual([]);
    expect(without(ofType('object'), ({ schema }) => schema.additionalProperties === undefined || (schema.maxProperties ?? Infinity) <= 64)).toEqual([]);
    expect(without(ofType('integer'), ({ schema }) => schema.minimum !== undefined && schema.maximum !== undefined && schema.format === 'int32')).toEqual([]);
  });

  test('says of every list how it is merged', () => {
    expect(without(ofType('array'), ({ schema }) => ['set', 'map', 'atomic'].includes(schema['x-kubernetes-list-type'] ?? ''))).toEqual([]);
  });

  test('has no default on a union, nor on what holds one: the next apply would have two members', () => {
    const unions = places.filter(({ schema }) => isUnion(schema));
    expect(unions.length).toBeGreaterThan(kind === 'TargetService' ? -1 : 0);
    // An empty list has no entry in which a member could be stored.
    const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
    expect(without(unions, ({ schema, above }) => [schema, ...above].every((node) => node.default === undefined || isEmptyList(node.default)))).toEqual([]);
  });

  test('has a message that people can read for every rule', () => {
    const rules = [...walk(root, ['object'])].flatMap(({ schema }) => schema['x-kubernetes-validations'] ?? []);
    expect(rules.filter(({ message }) => !/^[a-zA-Z].{15,}/.test(message))).toEqual([]);
  });

  test('has anchored patterns without look-around, which RE2 lacks', () => {
    const patterns = places.flatMap(({ schema }) => schema.pattern ?? []);
    expect(patterns.filter((pattern) => !/^\^.*\$$/.test(pattern) || /\(\?[=!<]/.test(pattern))).toEqual([]);
  });
});
