// Expressions asked of a real API server, those of the corpus and some made by chance: what it says must be what Cambio says.
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectCluster, type KubectlResult } from '../cluster/connect-cluster.ts';
import { anyExpression } from './expression-arbitraries.ts';
import { corpus, fails, input, outcomeHere, refused, type Outcome } from './expression-corpus.ts';

const provided = inject('cluster');

const group = 'expressions.test';
const name = `cases.${group}`;
const crd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name },
  spec: {
    group,
    scope: 'Cluster',
    names: { kind: 'Case', plural: 'cases' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } } } }],
  },
};
const binding = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding', metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } };

type Question = { part: string; expression: string; outcome: Outcome };

const written: readonly Question[] = Object.entries(corpus).flatMap(([part, cases]) =>
  cases.map((entry) => ({ part, expression: entry[0], outcome: entry.length === 3 ? entry[2] : entry[1] })),
);
/** The same in every run. Those that are refused here are left out: they may be too large for Cambio alone. */
const made: readonly Question[] = [...new Set(fc.sample(anyExpression, { seed: 1, numRuns: 500 }))]
  .map((expression) => ({ part: 'made by chance', expression, outcome: outcomeHere(expression) }))
  .filter(({ outcome }) => outcome !== refused);
const cases = [...written, ...made];

/** JSON as a literal of CEL. A list or map may hold values of several types only as dyn. */
function literal(json: Outcome): string {
  if (Array.isArray(json)) return `[${json.map((item) => `dyn(${literal(item)})`).join(', ')}]`;
  if (typeof json === 'object' && json !== null) return `{${Object.entries(json).map(([key, value]) => `${JSON.stringify(key)}: dyn(${literal(value)})`).join(', ')}}`;
  return typeof json === 'symbol' ? 'null' : JSON.stringify(json);
}

/** Whether an expression has its outcome, with `claims` and the like as variables: a list of one lends each of them to `exists`. */
function question(expression: string, outcome: Outcome): string {
  return Object.keys(input).reduceRight((inner, variable) => `[object.spec.${variable}].exists(${variable}, ${inner})`, `dyn(${expression}\n) == dyn(${literal(outcome)})`);
}

const policyOf = (validations: readonly { expression: string }[]): string =>
  JSON.stringify({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules: [{ apiGroups: [group], apiVersions: ['*'], operations: ['CREATE'], resources: ['cases'] }] }, validations },
  });

const objectOf = (number: number): unknown => ({ apiVersion: `${group}/v1`, kind: 'Case', metadata: { name: `case-${number}` }, spec: { ...input, number } });

describe.skipIf(!provided.available)('on an API server', () => {
  const cluster = provided.available ? connectCluster(provided.handle) : undefined;
  const kubectl = (args: string[], stdin: string): Promise<KubectlResult> => cluster?.kubectl(args, { stdin }) ?? Promise.reject(new Error('there is no cluster'));
  const dryRun = (stdin: string): Promise<KubectlResult> => kubectl(['create', '--validate=false', '--dry-run=server', '-f', '-'], stdin);

  /** The numbers of the cases that are refused when the policy is created, and what was said when each of the others was asked. */
  const notLoaded = new Set<number>();
  const answers = new Map<number, string>();

  beforeAll(async () => {
    await cluster?.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify(crd) });
    await cluster?.mustKubectl(['wait', '--for=condition=Established', `crd/${name}`]);
    const all = cases.map(({ expression, outcome }) => ({ expression: question(expression, outcome) }));
    const { stderr: mistakes } = await dryRun(policyOf(all));
    for (const [, number] of mistakes.matchAll(/spec\.validations\[(\d+)\]\.expression/g)) notLoaded.add(Number(number));
    const asked = cases.flatMap((_, number) => (notLoaded.has(number) ? [] : [number]));
    // An object with the number of a case is asked that one only. -1 tells that the policy is in force.
    const guarded = asked.map((number) => ({ expression: `object.spec.number != ${number} || ${all[number]?.expression ?? ''}` }));
    await cluster?.mustKubectl(['create', '-f', '-'], { stdin: policyOf([{ expression: 'object.spec.number != -1' }, ...guarded]) });
    await cluster?.mustKubectl(['create', '-f', '-'], { stdin: JSON.stringify(binding) });
    while ((await dryRun(JSON.stringify(objectOf(-1)))).code === 0) await delay(100);
    const { stdout, stderr } = await dryRun(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: asked.map(objectOf) }));
    for (const [, number] of stdout.matchAll(/case-(\d+) created/g)) answers.set(Number(number), 'as expected');
    for (const [, number, said] of stderr.matchAll(/"case-(\d+)" is forbidden: .*? denied request: ([^]*?)(?=\nError from server|$)/g)) answers.set(Number(number), said ?? '');
  });

  afterAll(async () => {
    await cluster?.mustKubectl(['delete', '--ignore-not-found', `validatingadmissionpolicybinding/${name}`, `validatingadmissionpolicy/${name}`, `crd/${name}`]);
  });

  test.each(cases.map((entry, number) => ({ ...entry, number })))('$part: $expression', ({ number, outcome }) => {
    const said = notLoaded.has(number) ? 'refused' : (answers.get(number) ?? 'not asked');
    const expected = outcome === refused ? /^refused$/ : outcome === fails ? /resulted in error/ : /^as expected$/;
    expect(said).toMatch(expected);
  });
});
