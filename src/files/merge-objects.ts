// Puts the objects of several files together. One that stands twice is not in force: nobody could tell which was meant.
import type { ManifestProblem, PositionOf } from '../manifests/parse-manifests.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import { keyOf } from '../policy/policy-store.ts';

/** An object, and where its name was written. */
export type WrittenObject = { object: ReadObject; file: string; line: number; column: number };

/** Keeps of the place of an object only where its name stands, and not the text around it. */
export function writtenObject(object: ReadObject, positionOf: PositionOf | undefined, file: string): WrittenObject {
  const { line, column } = positionOf?.(['metadata', 'name']) ?? { line: 1, column: 1 };
  return { object, file, line, column };
}

/** Merges. @returns each object once by its key, and a problem at each place where one stands that is there again */
export function mergeObjects(written: readonly WrittenObject[]): { objects: Map<string, ReadObject>; problems: ManifestProblem[] } {
  const problems: ManifestProblem[] = [];
  const objects = new Map<string, ReadObject>();
  for (const [key, stands] of Map.groupBy(written, ({ object }) => keyOf(object))) {
    const [first, ...more] = stands;
    if (first === undefined) continue;
    if (more.length === 0) {
      objects.set(key, first.object);
      continue;
    }
    const { kind, namespace, name, generation, uid } = first.object;
    const where = new Set(stands.map(({ file }) => file));
    const message = `${kind} ${namespace === '' ? name : `${namespace}/${name}`} stands more than once (${[...where].join(', ')}): none of them is used`;
    for (const { file, line, column } of stands) problems.push({ file, line, column, field: 'metadata.name', message });
    const specs = stands.flatMap(({ object }) => object.written ?? [object.manifest.spec]);
    objects.set(key, { kind, namespace, name, generation, uid, problems: [{ path: ['metadata', 'name'], message, reason: 'InvalidField' }], written: specs });
  }
  return { objects, problems };
}
