// Prints JSON Schemas (draft-07) of the kinds, for editors and kubeconform: strict, so that a mistyped field is seen while it is written.
import { z } from 'zod';
import { namespaceName, objectName } from './fields.ts';
import { apiVersion, group, kindNames, kinds, version, type KindDefinition, type KindName } from './kinds.ts';
import { ruleSchemas } from './rules.ts';

type Node = Record<string, unknown>;

/** The dialect that yaml-language-server and kubeconform both know whole. */
const dialect = 'http://json-schema.org/draft-07/schema#';

/** The JSON Schema of a kind. What JSON Schema has no way to say (rules across fields, references) `cambio check` tells. */
export function jsonSchemaOf(kind: KindName): Node {
  const { summary, spec, scope }: KindDefinition = kinds[kind];
  const namespaced = scope === 'Namespaced';
  return {
    $schema: dialect,
    title: kind,
    description: summary,
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: apiVersion },
      kind: { const: kind },
      metadata: {
        type: 'object',
        required: ['name'],
        properties: {
          name: printed(objectName('The name of the object.')),
          namespace: namespaced ? optional(printed(namespaceName('Its namespace. Default: default.'))) : { type: 'null' },
        },
      },
      spec: printed(spec),
      status: { type: ['object', 'null'] },
    },
    additionalProperties: false,
  };
}

/** One schema for files that hold several kinds: each document is held against its own; other kinds are let pass. */
export function jsonSchemaOfAll(): Node {
  const own = (kind: KindName): Node => {
    const { $schema: _, ...schema } = jsonSchemaOf(kind);
    return when({ type: 'object', required: ['kind'], properties: { kind: { const: kind } } }, schema);
  };
  const isOurs = { type: 'object', required: ['apiVersion'], properties: { apiVersion: { type: 'string', pattern: `^${group.replace('.', '\\.')}(/|$)` } } };
  const known = { required: ['kind'], properties: { apiVersion: { const: apiVersion }, kind: { enum: kindNames } } };
  return { $schema: dialect, title: apiVersion, type: ['object', 'null'], ...when(isOurs, { allOf: [known, ...kindNames.map(own)] }) };
}

// oxlint-disable-next-line unicorn/no-thenable -- it is a keyword of JSON Schema, and nothing awaits this.
const when = (condition: Node, holds: Node): Node => ({ if: condition, then: holds });

/** The name of a kind's file, as kubeconform fills it in: `{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`. */
export const jsonSchemaFile = (kind: KindName): string => `${kind.toLowerCase()}_${version}.json`;

function printed(schema: z.ZodType): Node {
  return plain(z.toJSONSchema(schema, { target: 'draft-7', io: 'input', reused: 'inline', unrepresentable: 'throw' }));
}

/** Leaves out what only Kubernetes knows, and says what that meant in words of JSON Schema. */
function plain(node: Node): Node {
  const { items, properties, additionalProperties: members, [ruleSchemas]: rules, ...rest } = node;
  const required = Array.isArray(node['required']) ? node['required'] : [];
  const out = Object.fromEntries(Object.entries(rest).filter(([key]) => !key.startsWith('x-') && key !== '$schema'));
  if (isNode(items)) out['items'] = plain(items);
  if (members !== undefined) out['additionalProperties'] = isNode(members) ? optional(plain(members)) : members;
  if (isNode(properties)) {
    out['properties'] = Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, required.includes(name) ? plain(value as Node) : optional(plain(value as Node))]));
  }
  if (node['x-kubernetes-list-type'] === 'set') out['uniqueItems'] = true;
  if (Array.isArray(rules)) out['allOf'] = rules;
  return out;
}

/** A member that is null is absent, for the API server and for Cambio. */
function optional(node: Node): Node {
  const { type, enum: values } = node;
  return { ...node, ...(typeof type === 'string' ? { type: [type, 'null'] } : {}), ...(Array.isArray(values) ? { enum: [...values, null] } : {}) };
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
