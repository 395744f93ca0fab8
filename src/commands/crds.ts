// `cambio crds`: prints the CustomResourceDefinitions, or writes them into a directory.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kindNames, kinds } from '../manifests/kinds.ts';
import { printCrd } from '../manifests/print-crds.ts';
import { text } from './option-values.ts';
import type { Options, Values } from './read-options.ts';

export const crdsOptions = {
  out: { value: 'DIR', help: 'Write one file for each kind into this directory, rather than all to standard output.', read: text },
} as const satisfies Options;

/** Runs the command. @returns the exit code */
export async function runCrds({ out }: Values<typeof crdsOptions>): Promise<number> {
  if (out === undefined) {
    process.stdout.write(kindNames.map(printCrd).join('---\n'));
    return 0;
  }
  await mkdir(out, { recursive: true });
  for (const kind of kindNames) await writeFile(join(out, `${kinds[kind].plural}.yaml`), printCrd(kind));
  return 0;
}
