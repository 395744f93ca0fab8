// `cambio crds`: prints the CustomResourceDefinitions, or JSON Schemas for editors; or writes them into a directory.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kindNames, kinds } from '../manifests/kinds.ts';
import { printCrd } from '../manifests/print-crds.ts';
import { jsonSchemaFile, jsonSchemaOf, jsonSchemaOfAll } from '../manifests/print-json-schemas.ts';
import { flag, text } from './option-values.ts';
import type { Options, Values } from './read-options.ts';

export const crdsOptions = {
  out: { value: 'DIR', help: 'Write one file for each kind into this directory, rather than all to standard output.', read: text },
  'json-schema': { help: 'JSON Schemas for editors and kubeconform: one for each kind, and cambio.json, which knows all of them and is what is printed without --out.', read: flag, fallback: 'false' },
} as const satisfies Options;

/** Runs the command. @returns the exit code */
export async function runCrds({ out, 'json-schema': jsonSchema }: Values<typeof crdsOptions>): Promise<number> {
  if (out === undefined) {
    process.stdout.write(jsonSchema ? asText(jsonSchemaOfAll()) : kindNames.map(printCrd).join('---\n'));
    return 0;
  }
  const files = jsonSchema
    ? [...kindNames.map((kind) => [jsonSchemaFile(kind), asText(jsonSchemaOf(kind))] as const), ['cambio.json', asText(jsonSchemaOfAll())] as const]
    : kindNames.map((kind) => [`${kinds[kind].plural}.yaml`, printCrd(kind)] as const);
  await mkdir(out, { recursive: true });
  for (const [name, content] of files) await writeFile(join(out, name), content);
  return 0;
}

const asText = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`;
