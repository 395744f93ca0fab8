// An immutable map from text, of which a copy with a few changes costs little however large it is.

/** Entries are spread over so many buckets: a change copies the list of buckets, and those buckets that it touches. */
const bucketCount = 1024;

type Buckets<V> = readonly (ReadonlyMap<string, V> | undefined)[];

/** Read as a Map is. Nothing changes it. */
export type ImmutableMap<V> = {
  readonly size: number;
  get: (key: string) => V | undefined;
  keys: () => Iterable<string>;
  values: () => Iterable<V>;
  [Symbol.iterator]: () => Iterator<[string, V]>;
  /** A map with these entries set, or taken out where they are undefined. */
  changed: (changes: ReadonlyMap<string, V | undefined>) => ImmutableMap<V>;
};

/** A map without entries. */
export const emptyMap = <V>(): ImmutableMap<V> => mapOf<V>(Array.from({ length: bucketCount }), 0);

function mapOf<V>(buckets: Buckets<V>, size: number): ImmutableMap<V> {
  function* entries(): Generator<[string, V], void> {
    for (const bucket of buckets) if (bucket !== undefined) yield* bucket;
  }
  return {
    size,
    get: (key) => buckets[bucketOf(key)]?.get(key),
    keys: () => entries().map(([key]) => key),
    values: () => entries().map(([, value]) => value),
    [Symbol.iterator]: entries,
    changed: (changes) => {
      const next = [...buckets];
      const byBucket = Map.groupBy(changes, ([key]) => bucketOf(key));
      let grown = 0;
      for (const [index, entriesOfBucket] of byBucket) {
        const before = buckets[index];
        const after = new Map(before);
        for (const [key, value] of entriesOfBucket) {
          if (value === undefined) after.delete(key);
          else after.set(key, value);
        }
        next[index] = after;
        grown += after.size - (before?.size ?? 0);
      }
      return mapOf(next, size + grown);
    },
  };
}

/** Which bucket a key is in: FNV-1a over its UTF-16 units. */
export function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % bucketCount;
}
