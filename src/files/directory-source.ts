// Manifests from a directory: read whole, watched for changes, and compared with what was read before.
import { lstat, readFile, stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ManifestProblem } from '../manifests/parse-manifests.ts';
import type { ReadNamespace } from '../manifests/read-namespace.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import type { Change } from '../policy/policy-store.ts';
import { createAlarm } from './alarm.ts';
import { decodeText, listManifestFiles, maxFileBytes } from './manifest-files.ts';
import { mergeNamespaces, withoutDocument } from './merge-namespaces.ts';
import { mergeObjects } from './merge-objects.ts';
import { createPace, type Pace } from './pace.ts';
import { readDocuments, type ReadDocument } from './read-documents.ts';

export type DirectorySourceOptions = {
  dir: string;
  onChanges: (changes: readonly Change[], namespaces: readonly ReadNamespace[]) => void;
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

/** Between two looks where nothing is told, in milliseconds: so many times as long as a look takes, between two bounds. */
export const pause = { factor: 20, least: 400, most: 5_000 };

/** @param took how long the last look took that found nothing new, in milliseconds */
export const pauseAfter = (took: number): number => Math.min(pause.most, Math.max(pause.least, pause.factor * took));

/** A file as it was read last. */
type FileState = {
  /** Tells whether the file has been touched since; empty if it must be read again in any case. */
  stamp: string;
  /** What was in it when it could last be parsed, and the mistakes in that. */
  documents: readonly ReadDocument[];
  /** Why it can't be parsed now. */
  syntaxErrors: readonly ManifestProblem[];
  trouble: string | undefined;
};

/** In a file that can't be parsed now, the lines of its last good documents are not where they were. */
const problemsIn = ({ documents, syntaxErrors }: FileState): readonly ManifestProblem[] =>
  syntaxErrors.length > 0 ? syntaxErrors : documents.flatMap(({ problems }) => problems);

/** Follows a directory until `signal` is aborted. The first look rejects if the directory is not there; later its last good state stays in force. */
export async function runDirectorySource(options: DirectorySourceOptions): Promise<void> {
  const { dir, onChanges, onSynced, onProblems, onState, monotonic, signal } = options;
  let files = new Map<string, FileState>();
  let inForce = new Map<string, ReadObject>();
  let labelled = new Map<string, ReadNamespace>();
  let shownProblems = '';
  let shownTrouble: string | undefined;
  const alarm = createAlarm(signal);
  const pace = createPace(monotonic, signal);

  /** @returns whether it found something new */
  async function look(): Promise<boolean> {
    const listed = { files: [] as string[], dirs: [] as string[] };
    await listManifestFiles(dir, listed);
    await alarm.watch(listed.dirs);
    const read = await readFiles(dir, listed.files, files, pace);
    const isNew = !isSame(read, files);
    if (isNew) compare([...read.values()]);
    files = read;
    tellTroubles();
    return isNew;
  }

  function compare(states: readonly FileState[]): void {
    const documents = states.flatMap((file) => file.documents);
    const { objects, problems: repeated } = mergeObjects(documents.flatMap((document) => document.objects));
    const { namespaces, problems: repeatedNamespaces } = mergeNamespaces(documents.flatMap((document) => document.namespaces));
    const problems = [...states.flatMap(problemsIn), ...repeated, ...repeatedNamespaces];
    const changes = differences(inForce, objects);
    const relabelled = differingNamespaces(labelled, namespaces);
    if (changes.length > 0 || relabelled.length > 0) onChanges(changes, relabelled);
    inForce = objects;
    labelled = namespaces;
    const text = JSON.stringify(problems);
    if (text !== shownProblems && !(shownProblems === '' && problems.length === 0)) onProblems(problems);
    shownProblems = text;
  }

  function tellTroubles(): void {
    const troubles = [...files].flatMap(([file, { trouble }]) => (trouble === undefined ? [] : [`${file}: ${trouble}`]));
    tell(troubles.length === 0 ? undefined : `${troubles.join('; ')}; what it held before is still in force`);
  }

  function tell(trouble: string | undefined): void {
    if (trouble !== shownTrouble) onState(trouble);
    shownTrouble = trouble;
  }

  await look().catch((error: unknown) => {
    if (!signal.aborted) throw new Error(`the manifests can't be read: ${(error as Error).message}. Name a directory that is there and may be read`, { cause: error });
  });
  if (signal.aborted) return;
  onSynced();
  let took = 0;
  for (;;) {
    await alarm.next(pauseAfter(took));
    if (signal.aborted) return;
    const start = monotonic();
    try {
      // To read and compile what is new takes longer, and says nothing about the next look.
      if (!(await look())) took = monotonic() - start;
    } catch (error) {
      if (!signal.aborted) tell(`${dir}: ${(error as Error).message}; the manifests read before are still in force`);
    }
  }
}

/** Reads what was touched since the last look, and keeps the rest. A file that can't be read or parsed keeps its last good documents. */
async function readFiles(dir: string, paths: readonly string[], before: ReadonlyMap<string, FileState>, pace: Pace): Promise<Map<string, FileState>> {
  const after = new Map<string, FileState>();
  for (const path of paths) {
    const file = relative(dir, path);
    const known = before.get(file);
    const state = await readOne(path, file, known, pace);
    if (state !== undefined) after.set(file, state);
  }
  return after;
}

async function readOne(path: string, file: string, known: FileState | undefined, pace: Pace): Promise<FileState | undefined> {
  const before: FileState = { ...(known ?? emptyFile), syntaxErrors: [] };
  try {
    const entry = await stat(path, { bigint: true });
    const stamp = [entry.mtimeNs, entry.ctimeNs, entry.size, entry.ino].join();
    if (known?.stamp === stamp) return known;
    if (!entry.isFile()) return { ...before, stamp, trouble: 'is not a file' };
    if (entry.size > maxFileBytes) return { ...before, stamp, trouble: `is larger than ${maxFileBytes} bytes` };
    const text = decodeText(await readFile(path));
    if (text === undefined) return { ...before, stamp, trouble: 'is not UTF-8' };
    const documents = await readDocuments(text, file, before.documents, pace);
    const syntaxErrors = documents.flatMap((document) => document.syntaxErrors);
    if (syntaxErrors.length > 0) return { ...before, stamp, syntaxErrors, trouble: 'is not YAML' };
    return { stamp, documents, syntaxErrors, trouble: undefined };
  } catch (error) {
    if (pace.ended()) throw error;
    // If it vanished between the listing and now the next look will tell; a link that leads nowhere is there.
    const vanished = (error as NodeJS.ErrnoException).code === 'ENOENT' && !(await isThere(path));
    const failed = { ...before, stamp: '', trouble: (error as Error).message };
    return vanished || isDeepStrictEqual(known, failed) ? known : failed;
  }
}

const emptyFile: FileState = { stamp: '', documents: [], syntaxErrors: [], trouble: undefined };

const isThere = (path: string): Promise<boolean> => lstat(path).then(() => true, () => false);

/** Whether nothing was read anew, and nothing is gone. */
const isSame = (after: ReadonlyMap<string, FileState>, before: ReadonlyMap<string, FileState>): boolean =>
  after.size === before.size && [...after].every(([file, state]) => before.get(file) === state);

/** What is gone, and what differs. Most objects are the very ones that were there before. */
function differences(before: ReadonlyMap<string, ReadObject>, after: ReadonlyMap<string, ReadObject>): Change[] {
  const changes: Change[] = [];
  for (const [key, { kind, namespace, name }] of before) if (!after.has(key)) changes.push({ id: { kind, namespace, name }, object: undefined });
  for (const [key, object] of after) if (!isDeepStrictEqual(before.get(key), object)) changes.push({ id: object, object });
  return changes;
}

function differingNamespaces(before: ReadonlyMap<string, ReadNamespace>, after: ReadonlyMap<string, ReadNamespace>): ReadNamespace[] {
  const gone = [...before.keys()].filter((name) => !after.has(name)).map(withoutDocument);
  return [...gone, ...[...after.values()].filter((namespace) => !isDeepStrictEqual(before.get(namespace.name), namespace))];
}
