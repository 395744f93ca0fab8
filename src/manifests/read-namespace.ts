// Reads the labels of a `v1 Namespace`, on which selectors rest.
import { nameForms, namespaceName } from './fields.ts';
import { isObject, type Path, type Problem } from './read-object.ts';

export type Labels = ReadonlyMap<string, string>;

/** A Namespace. Without `labels` it can't be told which ones it has: no selector matches it then. */
export type ReadNamespace = { name: string; labels: Labels | undefined };

/** The label that every namespace has: its name. */
export const nameLabel = 'kubernetes.io/metadata.name';

/** The labels of a namespace of which nothing else is known. */
export const labelsOf = (name: string, labels: Iterable<readonly [string, string]> = []): Labels => new Map([...labels, [nameLabel, name]]);

const namespace = namespaceName('');

/**
 * Reads a document that may be a Namespace. Its name stands in its labels over whatever is written there, as an API
 * server does it.
 * @returns undefined if it is something else
 */
export function readNamespace(document: unknown): { read?: ReadNamespace; problems: readonly Problem[] } | undefined {
  if (!isObject(document) || document['apiVersion'] !== 'v1' || document['kind'] !== 'Namespace') return undefined;
  const metadata = isObject(document['metadata']) ? document['metadata'] : {};
  const { name } = metadata;
  if (typeof name !== 'string' || !namespace.safeParse(name).success) return { problems: [problem(['metadata', 'name'], `must be ${nameForms.namespace}`)] };
  const written = metadata['labels'] ?? {};
  if (!isObject(written)) return { read: { name, labels: undefined }, problems: [problem(['metadata', 'labels'], 'must be an object')] };
  const labels = Object.entries(written);
  const problems = labels.filter(([, value]) => typeof value !== 'string').map(([key]) => problem(['metadata', 'labels', key], 'must be text'));
  return { read: { name, labels: problems.length > 0 ? undefined : labelsOf(name, labels as [string, string][]) }, problems };
}

const problem = (path: Path, message: string): Problem => ({ path, message, reason: 'InvalidField' });
