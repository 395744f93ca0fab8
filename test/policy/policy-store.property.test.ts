// However changes arrive, in whatever order and in however many batches: what counts is the last state of each object.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ReadNamespace } from '../../src/manifests/read-namespace.ts';
import type { ReadObject } from '../../src/manifests/read-object.ts';
import type { KeyState } from '../../src/policy/key-state.ts';
import type { ClusterFacts, PolicySnapshot } from '../../src/policy/policy.ts';
import { createPolicyStore, keyOf, type Change, type PolicyStore, type Verdict } from '../../src/policy/policy-store.ts';
import { client, clusterSettings, issuer, jwks, labelled, put, remove, target } from './objects.ts';

const names = ['a', 'b', 'c'] as const;
const generations = fc.nat({ max: 1_000_000 });
const urls = ['https://shared.example.com', 'https://kubernetes.default.svc.cluster.local', 'https://cambio.example.com', null];
const extra = fc.constantFrom({}, {}, {}, {}, { unknownField: 1 });
const suspend = fc.constantFrom(false, false, false, true);
const audiences = ['vault', 'registry', 'k3s', 'https://remote.example.com'] as const;
const namespaces = ['payments', 'tenant', 'stranger'] as const;
const allowedNamespaces = fc.constantFrom(
  undefined,
  { from: 'None' },
  { from: 'All' },
  { from: 'All' },
  { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'tenant' } } },
  { from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['red'] }] } },
);
const verifications = [{ jwks }, { jwks }, { discovery: {} }, { discovery: {} }, { tokenReview: {} }, { jwks: '{}' }, { kubernetesDiscovery: { cluster: { secretRef: { name: 'remote' } } } }];

const issuers: fc.Arbitrary<ReadObject> = fc
  .record({
    name: fc.constantFrom(...names),
    generation: generations,
    url: fc.option(fc.constantFrom(...urls), { nil: undefined }),
    apiServerAudiences: fc.constantFrom([], [], ['vault']),
    verification: fc.constantFrom(...verifications),
    subjectPrefix: fc.constantFrom(null, null, 'same:', 'a:'),
    claimValidationRules: fc.constantFrom([], [{ expression: 'client.trusted' }], [{ expression: 'client.' }]),
    allowedNamespaces,
    suspend,
    extra,
  })
  .map(({ name, generation, url, apiServerAudiences, extra: more, ...spec }) => issuer(name, { generation, issuer: { apiServerAudiences, ...(url === undefined ? {} : { url }) }, spec: { ...spec, ...more } }));

const targets: fc.Arbitrary<ReadObject> = fc
  .record({
    name: fc.constantFrom('s', 't', 'u'),
    generation: generations,
    audience: fc.constantFrom(...audiences, 7),
    allowedNamespaces,
    scopes: fc.constantFrom([], ['read']),
    tokenValidationRules: fc.constantFrom([], [], [{ expression: 'token.' }]),
    suspend,
    extra: fc.constantFrom({}, {}, {}, { unknownField: 1 }),
  })
  .map(({ name, generation, audience, extra: more, ...spec }) => target(name, { generation, spec: { audience, ...spec, ...more } }));

const example = (name: string, allowed: boolean, audience = 'vault') => ({ name, issuerRef: { name }, claims: { sub: 'someone' }, request: { audience }, expect: { allowed } });

const clients: fc.Arbitrary<ReadObject> = fc
  .record({
    name: fc.constantFrom('x', 'y', 'z'),
    generation: generations,
    namespace: fc.constantFrom(...namespaces),
    issuers: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    audiences: fc.uniqueArray(fc.constantFrom(...audiences), { minLength: 1, maxLength: 2 }),
    scopes: fc.constantFrom([], ['read']),
    examples: fc.constantFrom([], [example('a', true)], [example('a', false)], [example('b', true, 'registry')]),
    suspend,
    extra: fc.constantFrom({}, {}, {}, {}, { unknownField: 1 }, { subjects: [{ issuerRef: { name: 'a' }, conditions: [{ expression: 'claims.' }] }] }),
  })
  .map(({ name, generation, namespace: of, issuers: refs, audiences: to, scopes, examples, suspend: off, extra: more }) =>
    client(name, refs, { generation, namespace: of, spec: { targets: to.map((audience) => ({ audience, scopes })), examples, suspend: off, ...more } }),
  );

const changes: fc.Arbitrary<Change> = fc.tuple(fc.oneof(issuers, targets, clients), fc.constantFrom(put, put, put, remove)).map(([object, change]) => change(object));
const labels: fc.Arbitrary<ReadNamespace> = fc.record({ name: fc.constantFrom(...namespaces), team: fc.constantFrom('red', 'blue', 'none', 'unreadable') }).map(({ name, team }) => labelled(name, team));
const keyState: fc.Arbitrary<KeyState> = fc.record({
  reason: fc.constantFrom('Available', 'FetchFailed'),
  message: fc.constantFrom('well', 'not so well'),
  usable: fc.boolean(),
  thumbprints: fc.subarray(['0', '1', 'E1fREFHr_ETvGrWhnMXHbVyhUKSDk6dcCFvZ9n5ziLE']),
  changedAt: fc.constantFrom(undefined, 1_800_000_000_000),
});
const facts: fc.Arbitrary<ClusterFacts | undefined> = fc.option(fc.record({ revision: fc.constantFrom('1', '2'), identity: fc.constantFrom('one', 'two', undefined), audiences: fc.constantFrom([], ['https://remote.example.com']) }), { nil: undefined });

/** Something that happens to a store, and what it answers. */
type Step = { changes?: Change[]; labels?: ReadNamespace[]; keys?: { name: string; state: KeyState }; facts?: { facts: ClusterFacts | undefined } };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ changes: fc.array(changes, { maxLength: 5 }), labels: fc.array(labels, { maxLength: 1 }) }) },
    { weight: 2, arbitrary: fc.record({ keys: fc.record({ name: fc.constantFrom(...names), state: keyState }) }) },
    { weight: 1, arbitrary: fc.record({ facts: fc.record({ facts }) }) },
  ),
  { maxLength: 15 },
);

function take(store: PolicyStore, step: Step): Verdict[] {
  if (step.keys !== undefined) return store.setKeyState(step.keys.name, store.snapshot().issuers.get(step.keys.name)?.revision ?? 'none', step.keys.state);
  if (step.facts !== undefined) return store.setClusterFacts('remote', step.facts.facts);
  return store.apply(step.changes ?? [], step.labels ?? []);
}

/** By the object that each is about; a verdict on an object that is gone no longer counts. */
function lastVerdicts(told: readonly Verdict[], final: ReadonlyMap<string, ReadObject>): Map<string, Verdict> {
  const last = new Map(told.map((verdict) => [keyOf(verdict.id), verdict]));
  return new Map([...last].filter(([key]) => final.has(key)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

test('a store that saw every change is like one that saw the last state only', () => {
  fc.assert(
    fc.property(steps, fc.nat(), (all, rotation) => {
      const store = createPolicyStore(clusterSettings);
      const told: Verdict[] = [];
      const final = new Map<string, ReadObject>();
      const finalLabels = new Map<string, ReadNamespace>();
      const finalKeys = new Map<string, { revision: string; state: KeyState }>();
      let finalFacts: ClusterFacts | undefined;
      for (const step of all) {
        const revision = store.snapshot().issuers.get(step.keys?.name ?? '')?.revision;
        if (step.keys !== undefined && revision !== undefined) finalKeys.set(step.keys.name, { revision, state: step.keys.state });
        if (step.facts !== undefined) finalFacts = step.facts.facts;
        for (const { id, object } of step.changes ?? []) {
          if (object === undefined) final.delete(keyOf(id));
          else final.set(keyOf(id), object);
          if (object === undefined && id.kind === 'TrustedIssuer') finalKeys.delete(id.name);
        }
        for (const label of step.labels ?? []) finalLabels.set(label.name, label);
        told.push(...take(store, step));
      }
      const objects = [...final.values()];
      const turned = [...objects.slice(rotation % (objects.length + 1)), ...objects.slice(0, rotation % (objects.length + 1))];
      const fresh = createPolicyStore(clusterSettings);
      const freshTold = [...fresh.setClusterFacts('remote', finalFacts), ...fresh.apply(turned.map(put), [...finalLabels.values()])];
      for (const [name, { revision, state }] of finalKeys) freshTold.push(...fresh.setKeyState(name, revision, state));

      expect(asPlain(store.snapshot())).toEqual(asPlain(fresh.snapshot()));
      expect(lastVerdicts(told, final)).toEqual(lastVerdicts(freshTold, final));
      expect(lastVerdicts(freshTold, final).size).toBe(final.size);
    }),
    { numRuns: 2000, seed: 8693 },
  );
});

test('no change is seen in a snapshot that was taken before', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const store = createPolicyStore(clusterSettings);
      const taken = all.map((step) => {
        take(store, step);
        const snapshot = store.snapshot();
        return { snapshot, text: JSON.stringify(asPlain(snapshot)) };
      });
      for (const { snapshot, text } of taken) expect(JSON.stringify(asPlain(snapshot))).toBe(text);
    }),
    { numRuns: 200, seed: 8693 },
  );
});

/** A snapshot as JSON, whatever the order of its clients is; expressions by their text. */
function asPlain({ complete, issuers: byName, clients: byId }: PolicySnapshot): unknown {
  const sorted = <T>(entries: Iterable<[string, T]>): [string, T][] => [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify({ complete, issuers: sorted(byName), clients: sorted(byId) }, (_, value: unknown) => (value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value));
  return JSON.parse(text) as unknown;
}
