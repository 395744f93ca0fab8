// Which files of a directory hold manifests, and how their bytes become text.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bounds, in bytes and in files: a directory by mistake, such as /, must not fill the memory. */
export const maxFileBytes = 64 * 1024 * 1024;
export const maxFiles = 100_000;

/** The text of a file; undefined if it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Finds all files with manifests below a directory, in order. Hidden ones are passed over: a ConfigMap's mount keeps its versions there, and Git its own. */
export async function listManifestFiles(dir: string, found: { files: string[]; dirs: string[] }): Promise<void> {
  found.dirs.push(dir);
  if (found.files.length + found.dirs.length > maxFiles) throw new Error(`there are more than ${maxFiles} files and directories`);
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await listManifestFiles(path, found);
    else if (/\.(ya?ml|json)$/.test(entry.name)) found.files.push(path);
  }
}
