// `cambio check --server`: what is in a cluster, taken by lists alone.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startFakeApiServer, type FakeApiServer } from '../kubernetes/fake-api-server.ts';
import { runCheckWith, type Checked } from './run-check.ts';

let dir: string;
let server: FakeApiServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-check-server-'));
  server = await startFakeApiServer();
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'here', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }, { name: 'nowhere', cluster: { server: 'http://127.0.0.1:1', 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: {} }],
    contexts: ['here', 'nowhere'].map((name) => ({ name, context: { cluster: name, user: 'me' } })),
    'current-context': 'here',
  };
  await writeFile(join(dir, 'kubeconfig'), JSON.stringify(config));
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const check = (...args: string[]): Promise<Checked> => runCheckWith(['--server', '--kubeconfig', join(dir, 'kubeconfig'), ...args]);

const client = (issuer: string): object => ({
  authentication: { none: {} },
  subjects: [{ issuerRef: { name: issuer }, subject: 'alice' }],
  targets: [{ audience: 'https://deploy.example.com' }],
});

test('objects are told by their names', async () => {
  server.put('trustedissuers', '/ci', { spec: { issuer: { url: 'https://ci.example.com', audiences: ['cambio'] }, verification: { tokenReview: {} }, suspended: true } });
  server.put('exchangeclients', 'cambio-system/deployer', { spec: client('jenkins') });
  const { code, out, err } = await check();
  expect({ code, err }).toEqual({ code: 1, err: '' });
  expect(out.split('\n').slice(0, 2)).toEqual([
    'ExchangeClient/cambio-system/deployer: spec.subjects[0].issuerRef: there is no TrustedIssuer jenkins',
    'TrustedIssuer/ci: spec.suspended: unknown field; did you mean suspend?',
  ]);
  expect(out).toContain(`2 problems in 2 objects from ${server.url}\n`);
});

test('a cluster without objects has no problems', async () => {
  expect(await check()).toMatchObject({ code: 0, out: expect.stringContaining(`No problems in 0 objects from ${server.url}\n`) });
});

test('more objects than a page holds are all read', async () => {
  for (let index = 0; index < 1201; index++) server.put('exchangeclients', `team/c${index}`, { spec: client('ci') });
  const { out } = await check('--output', 'json');
  expect((JSON.parse(out) as { objects: unknown[] }).objects).toHaveLength(1201);
});

test('nothing is written, and nothing is watched', async () => {
  server.put('exchangeclients', 'cambio-system/deployer', { spec: client('ci') });
  await check();
  expect(new Set(server.seen.map(({ verb }) => verb))).toEqual(new Set(['list']));
});

test.each<{ name: string; status?: number; args?: string[]; err: string }>([
  { name: 'the right to list is missing', status: 403, err: 'cambio check: the API server URL answered the list of trustedissuers with 403: whoever the kubeconfig names may not list them; the right to list is enough\n' },
  { name: 'the CRDs are not there', status: 404, err: 'cambio check: the API server URL answered the list of trustedissuers with 404: the CRDs of cambio.dev/v1alpha1 are not there; see cambio crds\n' },
  { name: 'the API server is ill', status: 500, err: 'cambio check: the API server URL answered the list of trustedissuers with 500\n' },
  { name: 'no such context', args: ['--context', 'there'], err: 'cambio check: --context: the kubeconfig has no context there; it has here, nowhere\n' },
  { name: 'nobody listens', args: ['--context', 'nowhere'], err: 'cambio check: connect ECONNREFUSED 127.0.0.1:1\n' },
])('it could not run: $name', async ({ status, args = [], err }) => {
  if (status !== undefined) server.order('list trustedissuers', { status });
  const checked = await check(...args);
  expect({ ...checked, err: checked.err.replace(server.url, 'URL') }).toEqual({ code: 2, out: '', err });
});
