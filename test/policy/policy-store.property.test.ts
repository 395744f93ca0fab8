// However changes arrive, in whatever order and in however many batches: what counts is the last state of each object.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ReadObject } from '../../src/manifests/read-object.ts';
import { createPolicyStore, keyOf, type Change, type Verdict } from '../../src/policy/policy-store.ts';
import { client, clusterSettings, issuer, jwks, put, remove } from './objects.ts';

const names = ['a', 'b', 'c'] as const;
const generations = fc.nat({ max: 1_000_000 });
const urls = ['https://shared.example.com', 'https://kubernetes.default.svc.cluster.local', 'https://cambio.example.com', null];

const issuers: fc.Arbitrary<ReadObject> = fc
  .record({
    name: fc.constantFrom(...names),
    generation: generations,
    url: fc.option(fc.constantFrom(...urls), { nil: undefined }),
    verification: fc.constantFrom({ jwks }, { jwks }, { tokenReview: {} }, { jwks: '{}' }),
    subjectPrefix: fc.constantFrom(null, 'same:', 'same:', 'a:'),
    suspend: fc.constantFrom(false, false, true),
    extra: fc.constantFrom({}, {}, {}, { unknownField: 1 }),
  })
  .map(({ name, generation, url, extra, ...spec }) => issuer(name, { generation, ...(url === undefined ? {} : { issuer: { url } }), spec: { ...spec, ...extra } }));

const clients: fc.Arbitrary<ReadObject> = fc
  .record({
    name: fc.constantFrom('x', 'y', 'z'),
    generation: generations,
    namespace: fc.constantFrom('payments', 'payments', 'stranger'),
    issuers: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    audience: fc.constantFrom('vault', 'registry'),
    suspend: fc.constantFrom(false, false, true),
    extra: fc.constantFrom({}, {}, {}, { unknownField: 1 }),
  })
  .map(({ name, generation, namespace, issuers: refs, audience, suspend, extra }) => client(name, refs, { generation, namespace, spec: { targets: [{ audience }], suspend, ...extra } }));

const changes: fc.Arbitrary<Change> = fc.tuple(fc.oneof({ weight: 2, arbitrary: issuers }, { weight: 1, arbitrary: clients }), fc.constantFrom(put, put, put, remove)).map(([object, change]) => change(object));
const batches = fc.array(fc.array(changes, { maxLength: 5 }), { maxLength: 12 });

/** By the object that each is about; a verdict on an object that is gone no longer counts. */
function lastVerdicts(told: readonly Verdict[], final: ReadonlyMap<string, ReadObject>): Map<string, Verdict> {
  const last = new Map(told.map((verdict) => [keyOf(verdict.id), verdict]));
  return new Map([...last].filter(([key]) => final.has(key)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test('a store that saw every change is like one that saw the last state only', () => {
  fc.assert(
    fc.property(batches, fc.nat(), (all, rotation) => {
      const store = createPolicyStore(clusterSettings);
      const told = all.flatMap((batch) => store.apply(batch));

      const final = new Map<string, ReadObject>();
      for (const { id, object } of all.flat()) {
        if (object === undefined) final.delete(keyOf(id));
        else final.set(keyOf(id), object);
      }
      const objects = [...final.values()];
      const turned = [...objects.slice(rotation % (objects.length + 1)), ...objects.slice(0, rotation % (objects.length + 1))];
      const fresh = createPolicyStore(clusterSettings);
      const freshVerdicts = fresh.apply(turned.map(put));

      expect(store.snapshot()).toEqual(fresh.snapshot());
      expect(lastVerdicts(told, final)).toEqual(lastVerdicts(freshVerdicts, final));
      expect(lastVerdicts(freshVerdicts, final).size).toBe(final.size);
    }),
    { numRuns: 1000, seed: 8693 },
  );
});

test('no change is seen in a snapshot that was taken before', () => {
  fc.assert(
    fc.property(batches, (all) => {
      const store = createPolicyStore(clusterSettings);
      const taken = all.map((batch) => {
        store.apply(batch);
        const snapshot = store.snapshot();
        return { snapshot, text: asPlain(snapshot.clients) };
      });
      for (const { snapshot, text } of taken) expect(asPlain(snapshot.clients)).toBe(text);
    }),
    { numRuns: 200, seed: 8693 },
  );
});

function asPlain(clientsById: ReadonlyMap<string, unknown>): string {
  return JSON.stringify([...clientsById], (_, value: unknown) => (value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value));
}
