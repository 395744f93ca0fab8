// The immutable map: like a Map, with copies that leave the one before as it was.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyMap } from '../../src/policy/immutable-map.ts';

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
        expect([map.size, new Set(map.keys()), [...map.values()].toSorted()]).toEqual([model.size, new Set(model.keys()), [...model.values()].toSorted()]);
        expect([...model.keys(), 'missing'].map((key) => map.get(key))).toEqual([...model.values(), undefined]);
        expect([new Map(before.map), before.map.size]).toEqual([before.entries, before.size]);
      }
    }),
    { numRuns: 300, seed: 8693 },
  );
});

test('a change copies few entries: the others stay in the same buckets', () => {
  const entries = Array.from({ length: 20_000 }, (_, index): [string, number] => [`namespace-${index % 100}/client-${index}`, index]);
  const map = emptyMap<number>().changed(new Map(entries));
  const touched = { entries: 0 };
  const counting = new Proxy(Map.prototype.set, {
    apply: (target, self, args) => {
      touched.entries++;
      return Reflect.apply(target, self, args) as unknown;
    },
  });
  const original = Map.prototype.set;
  Map.prototype.set = counting;
  try {
    map.changed(new Map([['namespace-1/client-1', -1]]));
  } finally {
    Map.prototype.set = original;
  }
  expect(touched.entries).toBeLessThan(100);
  expect(map.get('namespace-1/client-1')).toBe(1);
});
