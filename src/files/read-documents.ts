// Reads the documents of a file one by one: those that stand in it as they stood before are not parsed again.
import { hash } from 'node:crypto';
import { parseDocument, type ManifestProblem, type ParsedManifests } from '../manifests/parse-manifests.ts';
import { splitDocuments } from '../manifests/parse-yaml.ts';
import type { WrittenNamespace } from './merge-namespaces.ts';
import { writtenObject, type WrittenObject } from './merge-objects.ts';
import type { Pace } from './pace.ts';

/** A document of a file as it was read last. */
export type ReadDocument = {
  /** SHA-256 of its text. */
  digest: string;
  linesBefore: number;
  objects: readonly WrittenObject[];
  namespaces: readonly WrittenNamespace[];
  problems: readonly ManifestProblem[];
  syntaxErrors: readonly ManifestProblem[];
};

/**
 * Reads a file. A file of many documents takes seconds, and a change of one document of it must not.
 * @param before the documents of the file as it was read last
 */
export async function readDocuments(text: string, file: string, before: readonly ReadDocument[], pace: Pace): Promise<ReadDocument[]> {
  // A document without a mistake is the same wherever it stands; what is said of a mistake names its place.
  const known = new Map(before.filter(({ problems, syntaxErrors }) => problems.length + syntaxErrors.length === 0).map((document) => [document.digest, document]));
  const documents: ReadDocument[] = [];
  for (const part of splitDocuments(text)) {
    // Of bytes, and the text made from them: values that are cut out of the whole file's text would keep it in memory.
    const bytes = Buffer.from(part.text);
    const digest = hash('sha256', bytes, 'base64');
    const { linesBefore } = part;
    const unchanged = known.get(digest);
    if (unchanged !== undefined) {
      documents.push(movedTo(linesBefore, unchanged));
      continue;
    }
    documents.push({ digest, linesBefore, ...withPlaces(parseDocument({ text: bytes.toString(), linesBefore }, file), file) });
    await pace.giveWay();
  }
  return documents;
}

/** Keeps of each object and namespace the place of its name, and lets go of the syntax tree. */
function withPlaces({ objects, positions, namespaces, problems, syntaxErrors }: ParsedManifests, file: string): Omit<ReadDocument, 'digest' | 'linesBefore'> {
  return {
    objects: objects.map((object, index) => writtenObject(object, positions[index], file)),
    namespaces: namespaces.map(({ namespace, position }) => ({ namespace, file, ...position })),
    problems,
    syntaxErrors,
  };
}

/** The same document further up or down in its file. */
function movedTo(linesBefore: number, document: ReadDocument): ReadDocument {
  const lines = linesBefore - document.linesBefore;
  if (lines === 0) return document;
  const move = <P extends { line: number }>(place: P): P => ({ ...place, line: place.line + lines });
  return { ...document, linesBefore, objects: document.objects.map(move), namespaces: document.namespaces.map(move) };
}
