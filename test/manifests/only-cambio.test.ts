// What only Cambio can tell, as the schemas can't: each file, and each file that the API server stores with a field it does not
// know, ends in a condition with a reason of the closed list; `cambio check` refuses it too.
import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import { keyOf, type Verdict } from '../../src/policy/verdict.ts';
import { reasonMeanings } from '../../src/policy/reasons.ts';
import { runCheckWith } from '../commands/run-check.ts';
import { settings } from '../policy/objects.ts';
import { readCorpus } from './corpus.ts';

/** The verdicts of a store into which a file is loaded. */
function verdictsOn(text: string, name: string): Verdict[] {
  return createPolicyStore(settings).apply(parseManifests(text, name).objects.map((object) => ({ id: object, object })));
}

/** `Kind/namespace/name: Type=Status Reason`, a line for each condition of each object. */
const describeConditions = (verdicts: readonly Verdict[]): string[] =>
  verdicts.flatMap(({ id, conditions }) => conditions.map(({ type, status, reason }) => `${keyOf(id)}: ${type}=${status} ${reason}`));

const files = readCorpus('only-cambio');

describe.each(files)('only-cambio/$name', ({ name, path, text, problems: expected }) => {
  test('is no mistake to the schema', () => {
    const { problems, syntaxErrors } = parseManifests(text, name);
    expect([...problems, ...syntaxErrors]).toEqual([]);
  });

  test('ends in the condition in its first line', () => {
    expect(expected).toHaveLength(1);
    expect(describeConditions(verdictsOn(text, name))).toEqual(expect.arrayContaining([...expected]));
  });

  test('is refused by cambio check', async () => {
    const { code, out } = await runCheckWith([path, '--trusted-namespaces', 'corpus', '--output', 'json']);
    expect(code).toBe(1);
    expect((JSON.parse(out) as { problems: object[] }).problems).not.toEqual([]);
  });
});

test('every reason for an object or an entry to be off has a file', () => {
  const shown = new Set(files.flatMap(({ problems }) => problems.map((line) => line.split(' ').at(-1))));
  const reasons = (['Accepted', 'ResolvedRefs', 'ExamplesPassed'] as const).flatMap((type) => Object.keys(reasonMeanings[type]));
  // Without a mistake, or in the other half of the corpus. KeysRequired depends on what an API server publishes: see test/policy.
  const elsewhere = ['Accepted', 'Resolved', 'Passed', 'None', 'UnknownField', 'InvalidField', 'KeysRequired'];
  expect(reasons.filter((reason) => !shown.has(reason) && !elsewhere.includes(reason))).toEqual([]);
});

describe('what the API server stores although it is wrong', () => {
  const otherwise: Readonly<Record<string, string>> = { 'client-example-claims-too-large': 'InvalidField' };
  // From an object that has no namespace the API server takes it off: what it stores has nothing wrong in it.
  const stored = readCorpus('invalid').filter(({ name, apiServerAccepts }) => apiServerAccepts && name !== 'namespace-of-a-cluster-kind');
  test.each(stored)('invalid/$name', ({ name, text }) => {
    const [verdict] = verdictsOn(text, name);
    expect(verdict?.conditions).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'NotAccepted' },
      { type: 'Accepted', status: 'False', reason: otherwise[name] ?? 'UnknownField' },
      { type: 'Stalled', status: 'True', reason: 'NotAccepted' },
    ]);
  });
});
