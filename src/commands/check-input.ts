// What `cambio check` looks at, read from files: the objects, where each of them was written, and what could not be read.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { decodeText, listManifestFiles, maxFileBytes } from '../files/manifest-files.ts';
import { mergeNamespaces, type WrittenNamespace } from '../files/merge-namespaces.ts';
import { mergeObjects, writtenObject, type WrittenObject } from '../files/merge-objects.ts';
import { formatPath } from '../manifests/format-path.ts';
import { parseManifests, type ManifestProblem, type PositionOf } from '../manifests/parse-manifests.ts';
import type { ReadNamespace } from '../manifests/read-namespace.ts';
import type { Path, ReadObject } from '../manifests/read-object.ts';
import { keyOf } from '../policy/policy-store.ts';

/** Where something is: a file with line and column, or only an object of a cluster. */
export type Place = { file: string; line?: number; column?: number };

export type CheckInput = {
  /** What it was read from, for people: `3 files`. */
  source: string;
  /** By their key, each once. */
  objects: ReadonlyMap<string, ReadObject>;
  /** By their name. A namespace that is not among them may have any labels. */
  namespaces: ReadonlyMap<string, ReadNamespace>;
  /** What reading alone has found. */
  problems: readonly (Omit<ManifestProblem, 'line' | 'column'> & Place)[];
  /** Files that are not YAML, or not whole: what they were to allow, or to limit, can't be known. */
  unread: readonly string[];
  /** How many documents were of other kinds. */
  passedOver: number;
  /** Where a field of an object was written. */
  placeOf: (key: string, path: Path) => Place;
};

/** Reads files and directories; `-` is standard input. Rejects with a sentence where a path can't be read at all. */
export async function readFiles(paths: readonly string[], readStdin: () => Promise<Uint8Array>): Promise<CheckInput> {
  const files = (await Promise.all(paths.map(listFiles))).flat();
  const texts: { file: string; text: string }[] = [];
  for (const file of new Set(files)) texts.push(file === '-' ? { file: 'stdin', text: asText('standard input', await readStdin()) } : { file, text: await readText(file) });
  return readTexts(texts);
}

/** Reads the texts of files. */
export function readTexts(texts: readonly { file: string; text: string }[]): CheckInput {
  const written: WrittenObject[] = [];
  const namespaces: WrittenNamespace[] = [];
  const problems: ManifestProblem[] = [];
  const places = new Map<string, { file: string; positionOf: PositionOf }>();
  const unread: string[] = [];
  let passedOver = 0;
  for (const { file, text } of texts) {
    const parsed = parseManifests(text, file);
    if (parsed.syntaxErrors.length > 0) unread.push(file);
    problems.push(...parsed.syntaxErrors, ...parsed.problems);
    namespaces.push(...parsed.namespaces.map(({ namespace, position }) => ({ namespace, file, ...position })));
    passedOver += parsed.passedOver;
    for (const [index, object] of parsed.objects.entries()) {
      const positionOf = parsed.positions[index];
      written.push(writtenObject(object, positionOf, file));
      if (positionOf !== undefined && !places.has(keyOf(object))) places.set(keyOf(object), { file, positionOf });
    }
  }
  const merged = mergeObjects(written);
  const labelled = mergeNamespaces(namespaces);
  return {
    source: texts.length === 1 ? '1 file' : `${texts.length} files`,
    objects: merged.objects,
    namespaces: labelled.namespaces,
    problems: [...problems, ...merged.problems, ...labelled.problems],
    unread,
    passedOver,
    placeOf: (key, path) => {
      const { file, positionOf } = places.get(key) ?? {};
      return { file: file ?? '', ...positionOf?.(path) };
    },
  };
}

async function listFiles(path: string): Promise<string[]> {
  if (path === '-') return [path];
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === 'ENOENT' ? `${path}: there is no such file or directory` : `${path}: ${error.message}`);
  });
  if (!found.isDirectory()) return [path];
  const listed = { files: [] as string[], dirs: [] as string[] };
  await listManifestFiles(path, listed);
  if (listed.files.length === 0) throw new Error(`${path}: there is no file below it that ends in .yaml, .yml or .json`);
  // What is named may be a pipe. What merely lies there, such as a link to a device, could never end.
  for (const file of listed.files) if (!(await stat(file)).isFile()) throw new Error(`${file}: is not a file`);
  return listed.files;
}

/** Reads no more than the bound, whatever size a device or a pipe says that it has. */
async function readText(file: string): Promise<string> {
  const bytes = await buffer(createReadStream(file, { end: maxFileBytes }));
  if (bytes.length > maxFileBytes) throw new Error(`${file}: is larger than ${maxFileBytes} bytes`);
  return asText(file, bytes);
}

function asText(file: string, bytes: Uint8Array): string {
  const text = decodeText(bytes);
  if (text === undefined) throw new Error(`${file}: is not UTF-8`);
  return text;
}

/** Takes the objects of a cluster. What is found in one is told by its name: it was written nowhere that is known. */
export function readObjects(source: string, listed: readonly ReadObject[], namespaces: readonly ReadNamespace[]): CheckInput {
  const placeOf = (key: string): Place => {
    const [kind = '', namespace = '', name = ''] = key.split('/');
    return { file: [kind, namespace, name].filter((part) => part !== '').join('/') };
  };
  return {
    source,
    objects: new Map(listed.map((object) => [keyOf(object), object])),
    namespaces: new Map(namespaces.map((namespace) => [namespace.name, namespace])),
    problems: listed.flatMap((object) => (object.problems ?? []).map(({ path, message }) => ({ ...placeOf(keyOf(object)), field: formatPath(path), message }))),
    unread: [],
    passedOver: 0,
    placeOf,
  };
}
