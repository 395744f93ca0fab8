// The examples that have manifests, and the flags that their servers have where those are others than `cambio check` supposes.
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const examplesDir = join(import.meta.dirname, '../examples');

export type Example = {
  name: string;
  /** Where its manifests are, below its own folder. */
  folder: string;
  flags: string;
};

const flags: Readonly<Record<string, string>> = {
  clients: '--trusted-namespaces payments',
  quickstart: '--trusted-namespaces payments',
};

/** Finds them: in a folder `manifests` or `policy`, or in the example's own. */
export function readExamples(): Example[] {
  return readdirSync(examplesDir).flatMap((name) => {
    const folder = ['manifests', 'policy'].find((candidate) => existsSync(join(examplesDir, name, candidate))) ?? '.';
    return isPolicy(join(examplesDir, name, folder)) ? [{ name, folder, flags: flags[name] ?? '' }] : [];
  });
}

const isPolicy = (dir: string): boolean => globSync('*.{yaml,json}', { cwd: dir }).some((file) => readFileSync(join(dir, file), 'utf8').includes('cambio.dev/v1alpha1'));
