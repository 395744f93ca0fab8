// Each example has what must be allowed and what must not; and what is denied is denied by the check that it is there to show.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import type { Manifest } from '../../src/manifests/read-object.ts';
import { runCheckWith } from '../commands/run-check.ts';
import { examplesDir, readExamples } from '../examples.ts';

type Client = Manifest<'ExchangeClient'>;
type Example = Client['spec']['examples'][number];

/** `folder: example` → what its denial is to show. The others show that no entry of subjects has their `sub`, or their ServiceAccount. */
const shown: Readonly<Record<string, string>> = {
  'buildkite: a build that somebody started by hand may not': 'subject: … only a push to the branch (it is not true)',
  'buildkite: a token that was asked for without the ids may not': 'claim-validation: … the claim organization_id is not the required value',
  'buildkite: a pipeline that took the name again may not': 'subject: … only the pipeline shop as it is today (it is not true)',
  'buildkite: an organisation that took the name again may not': 'claim-validation: … the claim organization_id is not the required value',
  'github-actions: a pull request that runs with the rights of main may not': 'claim-validation: … no pull_request_target (it is not true)',
  'github-actions: a fork may not': 'claim-validation: … the claim repository_owner_id is not the required value',
  'github-actions: a repository that took the name again may not': 'subject: … only the repository acme/payments as it is today (it is not true)',
  'github-actions: an organisation that took the name again may not': 'claim-validation: … the claim repository_owner_id is not the required value',
  'github-actions: nobody gets a scope that is not offered': 'scope: … the target does not offer admin',
  'github-actions: a workflow of the repository\'s own may not': 'subject: … only by the release workflow v3 (it is not true)',
  'github-actions: the release workflow at another ref may not': 'subject: … only by the release workflow v3 (it is not true)',
  'github-actions: a branch may not': 'subject: … only for a tag that was pushed (it is not true)',
  'github-actions: a repository of another organisation that calls the release workflow may not': 'claim-validation: … the claim repository_owner_id is not the required value',
  'gitlab-ci: a main that nobody protects may not': 'subject: … only while main is protected (it is not true)',
  'gitlab-ci: another environment may not': 'subject: … only in the protected environment production (it is not true)',
  'gitlab-ci: a fork may not': 'claim-validation: … the claim namespace_id is not the required value',
  'gitlab-ci: a project that took the path again may not': 'subject: … only the project acme/billing as it is today (it is not true)',
  'gitlab-ci: a group that took the path again may not': 'claim-validation: … the claim namespace_id is not the required value',
  'managed-clusters: a token that is also for the API server may not': 'subject-token: … aud has an audience of the API server: "https://container.googleapis.com/v1/projects/acme/locations/europe-west3/clusters/prod"',
  'managed-clusters: a token that is no ServiceAccount token may not': 'subject-token: … sub and the claim kubernetes.io do not name one ServiceAccount',
  'spiffe: another trust domain may not': 'claim-validation: … only workloads of the trust domain corp.example (it is not true)',
  'tenant: a job of another group may not': 'claim-validation: … the job is not of the group that this namespace has (it is not true)',
};

const clientsIn = (dir: string): Client[] =>
  globSync('*.yaml', { cwd: dir }).toSorted().flatMap((file) => parseManifests(readFileSync(join(dir, file), 'utf8'), file).objects.flatMap(({ manifest }) => (manifest?.kind === 'ExchangeClient' ? [manifest] : [])));

const folders = readExamples().map(({ name, folder, flags }) => ({ name, dir: join(examplesDir, name, folder), flags: flags.split(' ').filter((flag) => flag !== '') }));

/** What `cambio check` answers to a token that says what the example says. */
async function answerTo({ issuerRef, claims, request = {} }: Example, client: string, dir: string, flags: readonly string[]): Promise<string> {
  const asked = Object.entries(request).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { out } = await runCheckWith([dir, ...flags, '--output', 'json', '--claims', '-', '--client', client, '--trusted-issuer', issuerRef.name, ...asked], JSON.stringify(claims));
  const { outcome, check, reason } = (JSON.parse(out) as { answer: { outcome: string; check?: string; reason?: string } }).answer;
  return outcome === 'granted' ? 'granted' : `${check}: ${reason}`;
}

describe.each(folders)('$name', ({ name, dir, flags }) => {
  const clients = clientsIn(dir);

  test.each(clients.map((client) => ({ client, id: `${client.namespace}/${client.name}` })))('$id: what is allowed and what is not', async ({ client, id }) => {
    const { examples } = client.spec;
    const [allowed, denied] = [true, false].map((verdict) => examples.filter(({ expect: { allowed: is } }) => is === verdict));
    expect(allowed).not.toEqual([]);
    expect(denied).not.toEqual([]);
    const answers: Record<string, string> = {};
    const expected: Record<string, string> = {};
    for (const example of examples) {
      expected[example.name] = example.expect.allowed ? 'granted' : (shown[`${name}: ${example.name}`] ?? noEntry(example));
      answers[example.name] = shorten(await answerTo(example, id, dir, flags), expected[example.name]);
    }
    expect(answers).toEqual(expected);
  });
});

const noEntry = ({ claims, issuerRef }: Example): string => `subject: … no entry of subjects matches ${String(claims['sub'])} of TrustedIssuer ${issuerRef.name}`;

/** The answer as it is expected, if it begins and ends so. */
function shorten(answer: string, expected = ''): string {
  const [check = '', reason = ''] = expected.split(': … ');
  return answer.startsWith(`${check}: `) && answer.endsWith(reason) ? expected : answer;
}

test('each denial that is to show something is there', () => {
  const names = folders.flatMap(({ name, dir }) => clientsIn(dir).flatMap(({ spec }) => spec.examples.map((example) => `${name}: ${example.name}`)));
  expect(Object.keys(shown).filter((name) => !names.includes(name))).toEqual([]);
});
