// Prints the pages of docs/reference from the schemas, the tables of reasons and the list of checks: `npm run reference`.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { checks } from '../../src/exchange/checks.ts';
import { steps } from '../../src/exchange/explain-exchange.ts';
import { publicError } from '../../src/exchange/oauth-error.ts';
import { nameForms, namespaceName, objectName } from '../../src/manifests/fields.ts';
import { apiVersion, kindNames, kinds, type KindDefinition, type KindName } from '../../src/manifests/kinds.ts';
import { crdOf } from '../../src/manifests/print-crds.ts';
import { conditionMeanings, reasonMeanings } from '../../src/policy/reasons.ts';

/** A node of the schema in a CRD, as far as it is shown. */
type Schema = {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: readonly string[];
  default?: unknown;
  enum?: readonly unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-validations'?: readonly { message: string }[];
};

const note = '<!-- Printed by `npm run reference`: not to be edited by hand. -->\n';

/** Every page, by the name of its file. */
export function referencePages(): Map<string, string> {
  return new Map([
    ...kindNames.map((kind) => [`${kind.toLowerCase()}.md`, kindPage(kind)] as const),
    ['status.md', statusPage()],
    ['decision.md', decisionPage()],
  ]);
}

function kindPage(kind: KindName): string {
  const { plural, shortName, scope, summary, columns, statusFields }: KindDefinition = kinds[kind];
  const root = (crdOf(kind) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } }).spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const spec = root.properties?.['spec'] ?? {};
  const rules = [root, spec].flatMap(rulesOf);
  const status = Object.entries(statusFields).map(([name, { type, description }]) => [code(name), type === 'integer' ? 'whole number' : 'text', description]);
  return [
    `# ${kind}`,
    note,
    `${summary} \`${apiVersion}\`, ${scope === 'Cluster' ? 'cluster-scoped' : 'namespaced'}; \`kubectl get ${plural}\`, or \`${shortName}\`.\n`,
    '## spec\n',
    table(['field', 'type', 'default', 'bounds', 'meaning'], Object.entries(spec.properties ?? {}).flatMap(([name, schema]) => fieldRows(name, schema, isRequired(spec, name)))),
    ...(rules.length === 0 ? [] : [`Rules about the whole:\n\n${rules.map((rule) => `- ${rule}`).join('\n')}\n`]),
    'A field that does not stand here is refused, at any depth: it could have been a limit.\n',
    '## status\n',
    table(['field', 'type', 'meaning'], [['`conditions`', 'list', '[The conditions and their reasons](status.md)'], ['`observedGeneration`', 'whole number', 'The generation that the status is about.'], ...status]),
    `Columns of \`kubectl get\`: ${columns.map(({ name, priority = 0 }) => (priority > 0 ? `${name} (with \`-o wide\`)` : name)).join(', ')}.\n`,
  ].join('\n');
}

function fieldRows(path: string, schema: Schema, required: boolean): string[][] {
  const fallback = required ? 'required' : schema.default === undefined ? '' : code(JSON.stringify(schema.default));
  const row = [code(path), typeOf(schema), fallback, boundsOf(schema), meaningOf(schema)];
  return [row, ...membersOf(path, schema)];
}

function membersOf(path: string, schema: Schema): string[][] {
  const { items, properties = {} } = schema;
  if (items?.type === 'object') return [[code(`${path}[]`), 'object', '', '', meaningOf(items)], ...membersOf(`${path}[]`, items)];
  return Object.entries(properties).flatMap(([name, member]) => fieldRows(`${path}.${name}`, member, isRequired(schema, name)));
}

const meaningOf = (schema: Schema): string => [schema.description ?? '', ...rulesOf(schema).map((rule) => `Rule: ${rule}.`)].join(' ');

const isRequired = ({ required = [] }: Schema, name: string): boolean => required.includes(name);

const rulesOf = (schema: Schema): string[] => (schema['x-kubernetes-validations'] ?? []).map(({ message }) => message);

const typeNames: Readonly<Record<string, string>> = { string: 'text', integer: 'whole number', boolean: 'true or false', object: 'object' };

function typeOf({ type = '', items, enum: values, additionalProperties }: Schema): string {
  if (type === 'array') return `list of ${items === undefined ? 'anything' : items.type === 'string' && items.enum === undefined ? 'texts' : items.type === 'object' ? 'objects' : typeOf(items)}`;
  if (values !== undefined) return values.map((value) => code(String(value))).join(', ');
  if (additionalProperties !== undefined) return `map of ${typeOf(additionalProperties)}`;
  return typeNames[type] ?? type;
}

/** Patterns that have a name. */
const forms: ReadonlyMap<string, string> = new Map(
  ([[objectName(''), nameForms.object], [namespaceName(''), nameForms.namespace]] as const).map(([schema, form]) => [String(z.toJSONSchema(schema).pattern), form]),
);

function boundsOf(schema: Schema): string {
  const { items, pattern } = schema;
  const list = [
    range(schema.minItems, schema.maxItems, 'entries'),
    schema['x-kubernetes-list-type'] === 'set' ? 'each once' : '',
    schema['x-kubernetes-list-map-keys'] === undefined ? '' : `each ${schema['x-kubernetes-list-map-keys'].map(code).join(', ')} once`,
  ];
  const form = pattern === undefined ? '' : (forms.get(pattern) ?? code(pattern));
  const scalar = [forms.has(pattern ?? '') ? '' : range(schema.minLength, schema.maxLength, 'characters'), numbers(schema), form];
  const entries = items === undefined || items.type === 'object' ? '' : boundsOf(items);
  return [...list, ...scalar, entries === '' ? '' : `each: ${entries}`].filter((part) => part !== '').join('; ');
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return '';
  const bounds = least === undefined || least === 0 ? `at most ${most}` : most === undefined ? `at least ${least}` : `${least} to ${most}`;
  return `${bounds} ${unit}`.trim();
}

const numbers = ({ minimum, maximum }: Schema): string => (minimum === undefined || maximum === undefined ? '' : `${minimum} to ${maximum}`);

function statusPage(): string {
  const sections = Object.entries(reasonMeanings).map(([type, reasons]) => {
    const rows = Object.entries(reasons).map(([reason, meaning]) => [code(reason), meaning]);
    return `## ${type}\n\n${conditionMeanings[type as keyof typeof conditionMeanings]}\n\n${table(['reason', 'meaning, and what to do'], rows)}`;
  });
  return [
    '# Conditions and their reasons',
    note,
    'The reasons are a closed list. A message names the field and the fix. `cambio check` prints the same before anything is deployed.\n',
    ...sections,
  ].join('\n');
}

function decisionPage(): string {
  const rows = [...steps, ...checks].map(({ name, asks, mistake }, index) => {
    const { status, error } = publicError(mistake);
    return [String(index + 1), code(name), asks, `${status} ${code(error)}`];
  });
  return [
    '# The checks of a decision',
    note,
    'They are asked in this order, and the first that says no answers. Its name is in the audit log (`check`) beside the reason; `cambio check` asks all of them. The first of them are steps that come before the decision; what else a token must be, and which other names `check` may have, stands in [docs/exchange.md](../exchange.md#the-audit-log).\n',
    table(['', 'name', 'asks', 'a no is answered with'], rows),
  ].join('\n');
}

const code = (text: string): string => `\`${text}\``;

const escapeCell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

if (import.meta.main) {
  for (const [name, content] of referencePages()) await writeFile(join(import.meta.dirname, name), content);
}
