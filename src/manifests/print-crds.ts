// Prints the CustomResourceDefinitions from the schemas that manifests are read with.
import { stringify } from 'yaml';
import { z } from 'zod';
import { group, kinds, version, type KindDefinition, type KindName } from './kinds.ts';
import { ruleSchemas } from './rules.ts';

type Node = Record<string, unknown>;

/** The CRD of a kind as a plain object (apiextensions.k8s.io/v1). */
export function crdOf(kind: KindName): Node {
  const definition: KindDefinition = kinds[kind];
  const { plural, singular, shortName, scope, columns } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [shortName], categories: ['cambio'] },
      scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: rootSchema(definition) },
          subresources: { status: {} },
        },
      ],
    },
  };
}

/** The CRD of a kind as YAML, with a line that says where it comes from. */
export function printCrd(kind: KindName): string {
  return `# Printed by \`npm run crds\` from src/manifests: not to be edited by hand.\n${stringify(crdOf(kind), { lineWidth: 0 })}`;
}

function rootSchema({ summary, spec, objectRules, statusFields }: KindDefinition): Node {
  const rules = objectRules.map(({ cel, message, field }) => ({ rule: cel, message, ...(field === undefined ? {} : { fieldPath: `.${field}` }) }));
  return {
    description: summary,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: specSchema(spec),
      status: statusSchema(statusFields),
    },
    ...keepsUnknownFields,
    ...(rules.length === 0 ? {} : { 'x-kubernetes-validations': rules }),
  };
}

const keepsUnknownFields = { 'x-kubernetes-preserve-unknown-fields': true };

function specSchema(schema: z.ZodType): Node {
  const printed = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline', unrepresentable: 'throw' });
  return structural(printed);
}

/**
 * Makes a node structural as Kubernetes asks. An object keeps what its schema does not know, so that Cambio sees it
 * and refuses the whole object: a field that the API server dropped in silence could have been a limit. (An object whose
 * members have any name, such as labels, has nothing unknown.)
 */
function structural(node: Node): Node {
  const out = Object.fromEntries(Object.entries(node).filter(([key]) => !['additionalProperties', 'propertyNames', '$schema', ruleSchemas].includes(key)));
  if (isNode(node['items'])) out['items'] = structural(node['items']);
  const members = node['additionalProperties'];
  if (isNode(members) && Object.keys(members).length > 0) out['additionalProperties'] = structural(members);
  else if (node['type'] === 'object') {
    const properties = isNode(node['properties']) ? node['properties'] : {};
    out['properties'] = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, structural(value as Node)]));
    Object.assign(out, keepsUnknownFields);
  }
  return out;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

function statusSchema(fields: KindDefinition['statusFields']): Node {
  const text = (maxLength: number) => ({ type: 'string', maxLength });
  return {
    description: 'What Cambio makes of it.',
    type: 'object',
    // Whoever waits for a new object by kstatus would take one without a status for settled.
    default: { observedGeneration: -1 },
    properties: {
      observedGeneration: { type: 'integer', format: 'int64', description: 'The generation that the rest of the status is about.' },
      ...fields,
      conditions: {
        type: 'array',
        maxItems: 16,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
        items: {
          type: 'object',
          required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
          properties: {
            type: text(316),
            status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
            reason: text(1024),
            message: text(32_768),
            lastTransitionTime: { type: 'string', format: 'date-time' },
            observedGeneration: { type: 'integer', format: 'int64' },
          },
        },
      },
    },
  };
}
