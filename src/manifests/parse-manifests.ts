// Reads the text of a file into objects, and into problems with file, line and column.
import { formatPath } from './format-path.ts';
import { parseYaml, type Position, type YamlDocument } from './parse-yaml.ts';
import { isObject, readObject, type Path, type Problem, type ReadObject } from './read-object.ts';

/** A mistake, and where it was written. */
export type ManifestProblem = { file: string; line: number; column: number; field: string; message: string };

/** Where an object was written: finds the place of a field of it, or of the nearest one above that is there. */
export type PositionOf = (path: Path) => Position;

export type ParsedManifests = {
  objects: readonly ReadObject[];
  /** For each of the objects, in their order. It holds the whole text of the document in memory. */
  positions: readonly PositionOf[];
  /** How many documents are of kinds that are not Cambio's. */
  passedOver: number;
  /** Mistakes in documents that could be parsed: each turns its own object off. */
  problems: readonly ManifestProblem[];
  /** The text is not YAML: what was meant can't be known. */
  syntaxErrors: readonly ManifestProblem[];
};

/** Reads all documents of a file, the items of a `v1 List` among them. Documents of other kinds are passed over. */
export function parseManifests(text: string, file: string): ParsedManifests {
  const { documents, problems: syntax } = parseYaml(text);
  const objects: ReadObject[] = [];
  const positions: PositionOf[] = [];
  const problems: ManifestProblem[] = [];
  let passedOver = 0;
  for (const document of documents) {
    for (const { value, path } of itemsOf(document)) {
      const result = readObject(value);
      if (result.read !== undefined) {
        objects.push(result.read);
        positions.push((field) => document.positionOf([...path, ...field]));
      } else if ('foreign' in result) passedOver++;
      const found = result.read === undefined ? ('problems' in result ? result.problems : []) : (result.read.problems ?? []);
      for (const problem of found) problems.push(locate(problem, path, document, file));
    }
  }
  const syntaxErrors = syntax.map(({ position, message }) => at(file, position, 'YAML', message));
  return { objects, positions, passedOver, problems, syntaxErrors };
}

function itemsOf({ value }: YamlDocument): { value: unknown; path: Path }[] {
  if (isObject(value) && value['apiVersion'] === 'v1' && value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].map((item, index) => ({ value: item, path: ['items', index] }));
  }
  return [{ value, path: [] }];
}

function locate(problem: Problem, path: Path, document: YamlDocument, file: string): ManifestProblem {
  return at(file, document.positionOf([...path, ...problem.path]), formatPath(problem.path), problem.message);
}

const at = (file: string, { line, column }: Position, field: string, message: string): ManifestProblem => ({ file, line, column, field, message });

/** A problem as one line for people: `file:line:column: field: what is wrong`. */
export const formatProblem = ({ file, line, column, field, message }: ManifestProblem): string => `${file}:${line}:${column}: ${field}: ${message}`;
