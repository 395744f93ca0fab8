// Everything that a store is given reaches it, and what comes of it is told.
import { expect, test } from 'vitest';
import { tellingVerdicts } from '../../src/commands/tell-verdicts.ts';
import { createPolicyStore, type Change, type Verdict } from '../../src/policy/policy-store.ts';
import { issuer, put, settings } from '../policy/objects.ts';

test('whoever gave it', () => {
  const given: unknown[] = [];
  const answering = (name: string) => (...all: unknown[]): Verdict[] => {
    given.push([name, ...all]);
    return [{ name } as unknown as Verdict];
  };
  const told: unknown[] = [];
  const { snapshot } = createPolicyStore(settings);
  const store = tellingVerdicts({ snapshot, apply: answering('apply'), setKeyState: answering('setKeyState'), setClusterFacts: answering('setClusterFacts'), complete: answering('complete') }, (verdicts, changes) => told.push([verdicts, changes]));
  const state = { reason: 'Available', message: '', usable: true, thumbprints: [], changedAt: undefined } as const;
  const changes: Change[] = [put(issuer('a'))];
  const namespaces = [{ name: 'payments', labels: new Map() }];
  expect(store.apply(changes, namespaces)).toEqual([{ name: 'apply' }]);
  expect(store.setKeyState('ci', 'uid/1', state)).toEqual([{ name: 'setKeyState' }]);
  expect(store.setClusterFacts('west', undefined)).toEqual([{ name: 'setClusterFacts' }]);
  store.complete();
  expect(given).toEqual([['apply', changes, namespaces], ['setKeyState', 'ci', 'uid/1', state], ['setClusterFacts', 'west', undefined], ['complete']]);
  expect(told).toEqual([
    [[{ name: 'apply' }], changes],
    [[{ name: 'setKeyState' }], []],
    [[{ name: 'setClusterFacts' }], []],
  ]);
});
