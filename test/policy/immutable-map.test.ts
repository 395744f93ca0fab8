// The immutable map: like a Map, with copies that leave the one before as it was.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketOf, emptyMap } from '../../src/policy/immutable-map.ts';

test('is like a Map after any changes, and what was there before stays so', () => {
  const changes = fc.array(fc.array(fc.tuple(fc.string({ maxLength: 2 }), fc.option(fc.nat({ max: 9 }), { nil: undefined })), { maxLength: 20 }), { maxLength: 10 });
  fc.assert(
    fc.property(changes, (batches) => {
      const model = new Map<string, number>();
      let map = emptyMap<number>();
      for (const batch of batches) {
        const before = { map, entries: new Map(map), size: map.size };
        for (const [key, value] of batch) {
          if (value === undefined) model.delete(key);
          else model.set(key, value);
        }
        map = map.changed(new Map(batch));
        expect(new Map(map)).toEqual(model);
        expect([map.size, new Set(map.keys()), new Set(map.values())]).toEqual([model.size, new Set(model.keys()), new Set(model.values())]);
        expect([...model.keys(), 'missing'].map((key) => map.get(key))).toEqual([...model.values(), undefined]);
        expect([new Map(before.map), before.map.size]).toEqual([before.entries, before.size]);
      }
    }),
    { numRuns: 300, seed: 8693 },
  );
});

test('spreads the names of many clients evenly, so that a change copies few of them', () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `namespace-${index % 100}/client-${index}`);
  const sizes = Map.groupBy(names, bucketOf).values().map((bucket) => bucket.length);
  expect(Math.max(...sizes)).toBeLessThan(200);
});
