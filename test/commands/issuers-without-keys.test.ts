// Which issuers have no keys now, as a probe is told.
import { expect, test } from 'vitest';
import { createIssuersWithoutKeys, mostNamed } from '../../src/commands/issuers-without-keys.ts';
import { createPolicyStore, type Change } from '../../src/policy/policy-store.ts';
import type { KeyState } from '../../src/policy/key-state.ts';
import { client, issuer, put, remove, settings } from '../policy/objects.ts';

const state = (reason: KeyState['reason'], usable: boolean): KeyState => ({ reason, message: `it is ${reason}`, usable, thumbprints: usable ? ['a'] : [], changedAt: undefined });
const fetched = (name: string, spec = {}): Change => put(issuer(name, { spec: { issuer: { url: `https://${name}.example.com`, audiences: ['https://cambio.example.com'] }, verification: { discovery: {} }, ...spec } }));

/** A store, and what there is to say after each thing that it is given. */
function follow(): { apply: (...changes: Change[]) => string | undefined; keys: (name: string, state: KeyState) => string | undefined } {
  const store = createPolicyStore(settings);
  const { note, trouble } = createIssuersWithoutKeys();
  return {
    apply: (...changes) => {
      note(store.apply(changes), changes);
      return trouble();
    },
    keys: (name, known) => {
      note(store.setKeyState(name, store.snapshot().issuers.get(name)?.revision ?? '', known), []);
      return trouble();
    },
  };
}

test('those without keys, each with the reason, as long as it is so', () => {
  const { apply, keys } = follow();
  expect(apply(fetched('b'), fetched('a'), put(client('x', ['a'])))).toBe('a: its keys have not been fetched yet; b: its keys have not been fetched yet');
  expect(keys('a', state('FetchFailed', false))).toBe('a: FetchFailed: it is FetchFailed; b: its keys have not been fetched yet');
  expect(keys('b', state('Available', true))).toBe('a: FetchFailed: it is FetchFailed');
  expect(keys('a', state('NoUsableKeys', false))).toBe('a: NoUsableKeys: it is NoUsableKeys');
  // The last good keys serve.
  expect(keys('a', state('Stale', true))).toBe(undefined);
  expect(keys('a', state('Stale', false))).toBe('a: Stale: it is Stale');
  expect(apply(fetched('a', { suspend: true }))).toBe(undefined);
});

test('one that is gone is forgotten, and one whose keys stand in its manifest has them', () => {
  const { apply } = follow();
  expect(apply(fetched('a'), put(issuer('inline')))).toBe('a: its keys have not been fetched yet');
  expect(apply(remove(issuer('a')))).toBe(undefined);
});

test('of very many some are named', () => {
  const { apply } = follow();
  const told = apply(...Array.from({ length: 1000 }, (_, i) => fetched(`issuer-${i}`))) ?? '';
  expect(told.split('; ')).toHaveLength(mostNamed + 1);
  expect(told.endsWith(`; and ${1000 - mostNamed} more`)).toBe(true);
});
