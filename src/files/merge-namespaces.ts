// Puts the Namespaces of several files together. Of one that stands twice nobody could tell which labels were meant.
import type { ManifestProblem } from '../manifests/parse-manifests.ts';
import { labelsOf, type ReadNamespace } from '../manifests/read-namespace.ts';

/** A Namespace, and where its name was written. */
export type WrittenNamespace = { namespace: ReadNamespace; file: string; line: number; column: number };

/** Merges. @returns each Namespace once by its name, and a problem at each place where one stands that is there again */
export function mergeNamespaces(written: readonly WrittenNamespace[]): { namespaces: Map<string, ReadNamespace>; problems: ManifestProblem[] } {
  const problems: ManifestProblem[] = [];
  const namespaces = new Map<string, ReadNamespace>();
  for (const [name, stands] of Map.groupBy(written, ({ namespace }) => namespace.name)) {
    const [first, ...more] = stands;
    if (first === undefined) continue;
    namespaces.set(name, more.length === 0 ? first.namespace : { name, labels: undefined });
    if (more.length === 0) continue;
    const message = `Namespace ${name} stands more than once (${[...new Set(stands.map(({ file }) => file))].join(', ')}): no selector matches it`;
    for (const { file, line, column } of stands) problems.push({ file, line, column, field: 'metadata.name', message });
  }
  return { namespaces, problems };
}

/** The labels that a namespace has now that its document is gone. */
export const withoutDocument = (name: string): ReadNamespace => ({ name, labels: labelsOf(name) });
