// The keys follow the policy: every change of the issuers in force reaches them, and nothing on its way to the store is lost.
import { expect, test } from 'vitest';
import { withIssuerKeys } from '../../src/commands/issuer-keys.ts';
import type { IssuerKeyStore } from '../../src/keys/issuer-keys.ts';
import type { Issuer } from '../../src/policy/policy.ts';
import { createPolicyStore, type PolicyStore } from '../../src/policy/policy-store.ts';
import { client, issuer, put, remove, settings } from '../policy/objects.ts';

/** A store with its keys, and the issuers that they were told of so far. */
function followedStore(): { store: PolicyStore; told: string[][] } {
  const told: string[][] = [];
  const keys = { setIssuers: (issuers: Iterable<Issuer>) => told.push(Array.from(issuers, ({ name }) => name)) } as unknown as IssuerKeyStore;
  return { store: withIssuerKeys(createPolicyStore(settings), keys), told };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('issuers that come and go are told, when whoever changed them has seen the verdicts', async () => {
  const { store, told } = followedStore();
  expect(store.apply([put(issuer('a')), put(issuer('b'))])).toHaveLength(2);
  expect(told).toEqual([]);
  await turn();
  store.apply([put(client('x', ['a']))]);
  await turn();
  expect(told).toEqual([['a', 'b']]);
  store.apply([remove(issuer('a'))]);
  store.apply([put(issuer('b', { generation: 2, spec: { suspend: true } }))]);
  await turn();
  expect(told).toEqual([['a', 'b'], []]);
});

test('everything that a store is given reaches it', () => {
  const given: unknown[] = [];
  const noting = (name: string) => (...all: unknown[]): [] => {
    given.push([name, ...all]);
    return [];
  };
  const { snapshot } = createPolicyStore(settings);
  const store = withIssuerKeys({ snapshot, apply: noting('apply'), setKeyState: noting('setKeyState'), setClusterFacts: noting('setClusterFacts'), complete: noting('complete') }, { setIssuers: () => undefined } as unknown as IssuerKeyStore);
  const state = { reason: 'Available', message: '', usable: true, thumbprints: [], changedAt: undefined } as const;
  store.apply([], [{ name: 'payments', labels: new Map() }]);
  store.setKeyState('ci', 'uid/1', state);
  store.setClusterFacts('west', undefined);
  store.complete();
  expect(given).toEqual([['apply', [], [{ name: 'payments', labels: new Map() }]], ['setKeyState', 'ci', 'uid/1', state], ['setClusterFacts', 'west', undefined], ['complete']]);
});
