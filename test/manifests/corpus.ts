// The corpus: manifests that must be read, and manifests with one mistake whose first lines say what is answered.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type CorpusFile = {
  /** Without its ending. */
  name: string;
  path: string;
  text: string;
  /** What is said about it, a line each: `path: message`. None for a valid file. */
  problems: readonly string[];
  /** The API server takes it: it keeps fields that it does not know, and Cambio refuses the object. */
  apiServerAccepts: boolean;
};

const marker = 'api-server: accepts';

/** Reads the files of a folder: valid ones, ones that the schema refuses, and ones in which only Cambio sees a mistake. */
export function readCorpus(folder: 'valid' | 'invalid' | 'only-cambio'): CorpusFile[] {
  const dir = join(import.meta.dirname, folder);
  return readdirSync(dir).toSorted().map((file) => {
    const path = join(dir, file);
    const text = readFileSync(path, 'utf8');
    const comments = (/^(?:# .*\n)*/.exec(text)?.[0] ?? '').split('\n').filter((line) => line !== '').map((line) => line.slice(2));
    const problems = comments.filter((line) => line !== marker);
    return { name: file.replace(/\.yaml$/, ''), path, text, problems, apiServerAccepts: folder !== 'invalid' || comments.includes(marker) };
  });
}
