// Reads the text of a file into objects, and into problems with file, line and column.
import { formatPath } from './format-path.ts';
import { readDocument, splitDocuments, type DocumentText, type Position, type YamlDocument } from './parse-yaml.ts';
import { readNamespace, type ReadNamespace } from './read-namespace.ts';
import { isObject, readObject, unknownTarget, type Path, type Problem, type ReadObject } from './read-object.ts';

/** A mistake, and where it was written. */
export type ManifestProblem = { file: string; line: number; column: number; field: string; message: string };

/** Where an object was written: finds the place of a field of it, or of the nearest one above that is there. */
export type PositionOf = (path: Path) => Position;

export type ParsedManifests = {
  objects: readonly ReadObject[];
  /** For each of the objects, in their order. It holds the whole text of the document in memory. */
  positions: readonly PositionOf[];
  /** Namespaces, for selectors, and where the name of each stands. */
  namespaces: readonly { namespace: ReadNamespace; position: Position }[];
  /** How many documents are of kinds that mean nothing here. */
  passedOver: number;
  /** Mistakes in documents that could be parsed: each turns its own object off. */
  problems: readonly ManifestProblem[];
  /** The text is not YAML: what was meant can't be known. */
  syntaxErrors: readonly ManifestProblem[];
};

/** Reads all documents of a file, the items of a `v1 List` among them. Documents of other kinds are passed over. */
export function parseManifests(text: string, file: string): ParsedManifests {
  const parts = splitDocuments(text).map((part) => parseDocument(part, file));
  return {
    objects: parts.flatMap(({ objects }) => objects),
    positions: parts.flatMap(({ positions }) => positions),
    namespaces: parts.flatMap(({ namespaces }) => namespaces),
    passedOver: parts.reduce((sum, { passedOver }) => sum + passedOver, 0),
    problems: parts.flatMap(({ problems }) => problems),
    syntaxErrors: parts.flatMap(({ syntaxErrors }) => syntaxErrors),
  };
}

/** The same for one document of a file. */
export function parseDocument(part: DocumentText, file: string): ParsedManifests {
  const objects: ReadObject[] = [];
  const positions: PositionOf[] = [];
  const namespaces: { namespace: ReadNamespace; position: Position }[] = [];
  const problems: ManifestProblem[] = [];
  let passedOver = 0;
  const document = readDocument(part);
  if ('message' in document) return { objects, positions, namespaces, passedOver, problems, syntaxErrors: [at(file, document.position, 'YAML', document.message)] };
  for (const { value, path } of itemsOf(document)) {
    const positionOf: PositionOf = (field) => document.positionOf([...path, ...field]);
    const { object, namespace, found } = readItem(value, `(${file}:${positionOf([]).line})`);
    if (object !== undefined) {
      objects.push(object);
      positions.push(positionOf);
    }
    if (namespace !== undefined) namespaces.push({ namespace, position: positionOf(['metadata', 'name']) });
    if (found === undefined) passedOver++;
    for (const { path: field, message } of found ?? []) problems.push(at(file, positionOf(field), formatPath(field), message));
  }
  return { objects, positions, namespaces, passedOver, problems, syntaxErrors: [] };
}

type FoundItem = {
  object?: ReadObject | undefined;
  namespace?: ReadNamespace | undefined;
  /** What is wrong with it; undefined if it means nothing here. */
  found: readonly Problem[] | undefined;
};

/** @param place stands for the name of an object that has none */
function readItem(value: unknown, place: string): FoundItem {
  const namespace = readNamespace(value);
  if (namespace !== undefined) return { namespace: namespace.read, found: namespace.problems };
  const { read, problems, mayBeTarget } = readObject(value);
  if (read !== undefined) return { object: read, found: read.problems ?? [] };
  return { object: mayBeTarget && unknownTarget(place, problems, [mayBeTarget.written]), found: problems };
}

/** What a document holds: itself, the items of a list, or nothing. */
function itemsOf({ value }: YamlDocument): { value: unknown; path: Path }[] {
  if (isObject(value) && value['apiVersion'] === 'v1' && value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].map((item, index) => ({ value: item, path: ['items', index] }));
  }
  return value === null ? [] : [{ value, path: [] }];
}

const at = (file: string, { line, column }: Position, field: string, message: string): ManifestProblem => ({ file, line, column, field, message });

/** A problem as one line for people: `file:line:column: field: what is wrong`. */
export const formatProblem = ({ file, line, column, field, message }: ManifestProblem): string => `${file}:${line}:${column}: ${field}: ${message}`;
