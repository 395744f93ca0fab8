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
  const stands = new Map<string, WrittenObject>();
  const repeated = new Map<string, WrittenObject[]>();
  for (const one of written) {
    const key = keyOf(one.object);
    const first = stands.get(key);
    if (first === undefined) stands.set(key, one);
    else if (repeated.get(key)?.push(one) === undefined) repeated.set(key, [first, one]);
  }
  const problems: ManifestProblem[] = [];
  const objects = new Map<string, ReadObject>();
  for (const [key, first] of stands) {
    const all = repeated.get(key);
    if (all === undefined) {
      objects.set(key, first.object);
      continue;
    }
    const { kind, namespace, name, generation, uid } = first.object;
    const where = new Set(all.map(({ file }) => file));
    const message = `${kind} ${namespace === '' ? name : `${namespace}/${name}`} stands more than once (${[...where].join(', ')}): none of them is used`;
    for (const { file, line, column } of all) problems.push({ file, line, column, field: 'metadata.name', message });
    const specs = all.flatMap(({ object }) => object.written ?? [object.manifest.spec]);
    objects.set(key, { kind, namespace, name, generation, uid, problems: [{ path: ['metadata', 'name'], message, reason: 'InvalidField' }], written: specs });
  }
  return { objects, problems };
}
