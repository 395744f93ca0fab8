// Manifests from a directory: read whole, watched for changes, and compared with what was read before.
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseManifests, type ManifestProblem } from '../manifests/parse-manifests.ts';
import { keyOf, type Change } from '../policy/policy-store.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import { createAlarm } from './alarm.ts';

export type DirectorySourceOptions = {
  dir: string;
  onChanges: (changes: readonly Change[]) => void;
  /** Called once, when everything has been read. */
  onSynced: () => void;
  /** Everything that is wrong now, each time that it changes. */
  onProblems: (problems: readonly ManifestProblem[]) => void;
  /** Why the directory or a file of it can't be used and older documents are in force; undefined if all is well. */
  onState: (trouble: string | undefined) => void;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  signal: AbortSignal;
};

/** Bounds, in bytes and in files: a directory by mistake, such as /, must not fill the memory. */
export const maxFileBytes = 64 * 1024 * 1024;
export const maxFiles = 100_000;

/** Between two looks, in milliseconds: the least, and how many times as long as the last look took. */
const pause = { least: 400, factor: 20 };

/** A file as it was read last. */
type FileState = {
  /** Tells whether the file has been touched since; empty if it must be read again in any case. */
  stamp: string;
  /** What was in it when it could last be parsed, and the mistakes in that. */
  objects: readonly ReadObject[];
  problems: readonly ManifestProblem[];
  /** Why it can't be parsed now. */
  syntaxErrors: readonly ManifestProblem[];
  trouble: string | undefined;
};

/** Follows a directory until `signal` is aborted. The first look rejects if the directory is not there; later its last good state stays in force. */
export async function runDirectorySource(options: DirectorySourceOptions): Promise<void> {
  const { dir, onChanges, onSynced, onProblems, onState, monotonic, signal } = options;
  let files = new Map<string, FileState>();
  let inForce = new Map<string, ReadObject>();
  let shownProblems = '';
  let shownTrouble: string | undefined;
  const alarm = createAlarm(signal);

  async function look(): Promise<void> {
    const listed = { files: [] as string[], dirs: [] as string[] };
    await listFiles(dir, listed);
    alarm.watch(listed.dirs);
    files = await readFiles(dir, listed.files, files);
    const { objects, problems } = merge(files);
    const changes = differences(inForce, objects);
    if (changes.length > 0) onChanges(changes);
    inForce = objects;
    const text = JSON.stringify(problems);
    if (text !== shownProblems && !(shownProblems === '' && problems.length === 0)) onProblems(problems);
    shownProblems = text;
    const troubles = [...files].flatMap(([file, { trouble }]) => (trouble === undefined ? [] : [`${file}: ${trouble}`]));
    tell(troubles.length === 0 ? undefined : `${troubles.join('; ')}; what it held before is still in force`);
  }

  function tell(trouble: string | undefined): void {
    if (trouble !== shownTrouble) onState(trouble);
    shownTrouble = trouble;
  }

  await look().catch((error: unknown) => {
    throw new Error(`the manifests can't be read: ${(error as Error).message}. Name a directory that is there and may be read`, { cause: error });
  });
  onSynced();
  let took = 0;
  for (;;) {
    await alarm.next(Math.max(pause.least, pause.factor * took));
    if (signal.aborted) return;
    const start = monotonic();
    try {
      await look();
    } catch (error) {
      tell(`${dir}: ${(error as Error).message}; the manifests read before are still in force`);
    }
    took = monotonic() - start;
  }
}

/** Reads what was touched since the last look, and keeps the rest. A file that can't be read or parsed keeps its last good documents. */
async function readFiles(dir: string, paths: readonly string[], before: ReadonlyMap<string, FileState>): Promise<Map<string, FileState>> {
  const after = new Map<string, FileState>();
  for (const path of paths) {
    const file = relative(dir, path);
    const known = before.get(file);
    const state = await readOne(path, file, known);
    if (state !== undefined) after.set(file, state);
  }
  return after;
}

async function readOne(path: string, file: string, known: FileState | undefined): Promise<FileState | undefined> {
  const before: FileState = { ...(known ?? emptyFile), syntaxErrors: [] };
  try {
    const found = await stat(path, { bigint: true });
    const stamp = [found.mtimeNs, found.ctimeNs, found.size, found.ino].join();
    if (known?.stamp === stamp) return known;
    if (!found.isFile()) return { ...before, stamp, trouble: 'is not a file' };
    if (found.size > maxFileBytes) return { ...before, stamp, trouble: `is larger than ${maxFileBytes} bytes` };
    const text = decode(await readFile(path));
    if (text === undefined) return { ...before, stamp, trouble: 'is not UTF-8' };
    const { objects, problems, syntaxErrors } = parseManifests(text, file);
    if (syntaxErrors.length > 0) return { ...before, stamp, syntaxErrors, trouble: 'is not YAML' };
    return { stamp, objects, problems, syntaxErrors, trouble: undefined };
  } catch (error) {
    // If it vanished between the listing and now the next look will tell; a link that leads nowhere is there.
    const vanished = (error as NodeJS.ErrnoException).code === 'ENOENT' && !(await isThere(path));
    return vanished ? known : { ...before, stamp: '', trouble: (error as Error).message };
  }
}

const emptyFile: FileState = { stamp: '', objects: [], problems: [], syntaxErrors: [], trouble: undefined };

const isThere = (path: string): Promise<boolean> => lstat(path).then(() => true, () => false);

/** The text of a file; undefined if it is not UTF-8. */
function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Finds all files with manifests below a directory, in order. Hidden ones are passed over: a ConfigMap's mount keeps its versions there, and Git its own. */
async function listFiles(dir: string, found: { files: string[]; dirs: string[] }): Promise<void> {
  found.dirs.push(dir);
  if (found.files.length + found.dirs.length > maxFiles) throw new Error(`there are more than ${maxFiles} files and directories`);
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await listFiles(path, found);
    else if (/\.(ya?ml|json)$/.test(entry.name)) found.files.push(path);
  }
}

/** Puts the files together. An object that stands twice is not in force: nobody could tell which one was meant. */
function merge(files: ReadonlyMap<string, FileState>): { objects: Map<string, ReadObject>; problems: ManifestProblem[] } {
  const places = Map.groupBy(
    [...files].flatMap(([file, { objects }]) => objects.map((object) => ({ file, object }))),
    ({ object }) => keyOf(object),
  );
  const problems = [...files.values()].flatMap((file) => [...file.problems, ...file.syntaxErrors]);
  const objects = new Map<string, ReadObject>();
  for (const [key, stands] of places) {
    const [first, ...more] = stands;
    if (first === undefined) continue;
    if (more.length === 0) objects.set(key, first.object);
    else {
      const { kind, namespace, name } = first.object;
      const where = new Set(stands.map(({ file }) => file));
      const message = `${kind} ${namespace === '' ? name : `${namespace}/${name}`} stands more than once (${[...where].join(', ')}): none of them is used`;
      for (const file of where) problems.push({ file, line: 1, column: 1, field: 'metadata.name', message });
      objects.set(key, { ...identityOf(first.object), problems: [{ path: ['metadata', 'name'], message, reason: 'InvalidField' }] });
    }
  }
  return { objects, problems };
}

const identityOf = ({ kind, namespace, name, generation, uid }: ReadObject) => ({ kind, namespace, name, generation, uid });

function differences(before: ReadonlyMap<string, ReadObject>, after: ReadonlyMap<string, ReadObject>): Change[] {
  const gone = [...before].filter(([key]) => !after.has(key)).map(([, { kind, namespace, name }]) => ({ id: { kind, namespace, name }, object: undefined }));
  const changed = [...after].filter(([key, object]) => !isDeepStrictEqual(before.get(key), object)).map(([, object]) => ({ id: object, object }));
  return [...gone, ...changed];
}
