// What the source of manifests in a cluster says of itself: what is not as it should be stays to be seen.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readOptions } from '../../src/commands/read-options.ts';
import { serveOptions } from '../../src/commands/serve-options.ts';
import { openSource, type Source } from '../../src/commands/sources.ts';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import type { PolicySettings } from '../../src/policy/settings.ts';
import { startFakeApiServer, type FakeApiServer } from '../kubernetes/fake-api-server.ts';

const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 5, timeout: 15_000 });

let server: FakeApiServer;
let dir: string;
let end: AbortController;
let lines: string[];
let source: Source;
let running: Promise<void>;

beforeEach(async () => {
  server = await startFakeApiServer();
  dir = await mkdtemp(join(tmpdir(), 'cambio-sources-'));
  const config = {
    clusters: [{ name: 'c', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(join(dir, 'kubeconfig'), JSON.stringify(config));
  end = new AbortController();
  lines = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  end.abort();
  await running;
  await source.close();
  await server.close();
  await rm(dir, { recursive: true });
});

/** Runs the source until it has all of the cluster. @returns what the cluster calls itself */
async function start(): Promise<PolicySettings['cluster']> {
  const { values } = readOptions(serveOptions, ['--kubeconfig', join(dir, 'kubeconfig')], {});
  if (values === undefined) throw new Error('the options are wrong');
  source = openSource(values, pino({ level: 'warn' }, { write: (line) => lines.push(line) }), end.signal, end.signal);
  const made = Promise.withResolvers<PolicySettings['cluster']>();
  running = source.run((cluster) => {
    made.resolve(cluster);
    return createPolicyStore({ issuerURL: 'https://cambio.test', isTrustedNamespace: () => true, reservedAudiences: [], runExamples: () => [] });
  }, () => false);
  const cluster = await made.promise;
  // Three kinds, Namespaces, and the Secrets of other clusters.
  await until(() => expect(server.watches()).toBe(5));
  return cluster;
}

test('an API server that does not say what it calls itself is a trouble that stays', async () => {
  server.order('list', { status: 403 });
  expect(await start()).toMatchObject({ issuerURL: undefined });
  const trouble = "its issuer is not known, and not reserved as an audience: the API server's discovery document was answered with 403";
  await until(() => expect(source.trouble()).toBe(`API server: ${trouble}`));
  expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(expect.objectContaining({ level: 40, trouble }));
});

test('one that is asked again and says it is none', async () => {
  server.order('list', { status: 401 }, { status: 200, body: '{"issuer":"https://cluster.test"}' });
  expect(await start()).toMatchObject({ issuerURL: 'https://cluster.test' });
  await until(() => expect(source.trouble()).toBeUndefined());
});

test('a list beyond the first that fails is told in the log, and is no trouble once the watch goes on', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  server.order('list', { status: 200, body: '{"issuer":"https://cluster.test"}' });
  await start();
  server.order('list trustedissuers', { status: 429 });
  now = 700_000;
  server.endWatches();
  await until(() => expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(expect.objectContaining({ kind: 'TrustedIssuer', trouble: 'the list was answered with 429' })));
  await until(() => expect(source.trouble()).toBeUndefined());
});
