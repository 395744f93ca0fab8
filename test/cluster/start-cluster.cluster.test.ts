// The test cluster itself: tokens bound to pods, an API server that comes and goes, and nothing left behind.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { decodeJwt } from 'jose';
import { connectCluster } from './connect-cluster.ts';
import { startCluster, type TestCluster } from './start-cluster.ts';

const provided = inject('cluster');

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: cart, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop}
spec:
  serviceAccountName: cart
  containers: [{name: main, image: none.invalid/none}]
`;

describe.skipIf(!provided.available)('a cluster of its own', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster({ auditRequests: true, apiAudiences: ['https://api.test', 'second'] });
    await cluster.mustKubectl(['apply', '-f', '-'], { stdin: objects });
  });
  afterAll(() => cluster?.stop());

  async function reviewToken(token: string, audiences?: string[]): Promise<Record<string, unknown>> {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
    const answer = await cluster.mustKubectl(['create', '-f', '-', '-o', 'json'], { stdin: JSON.stringify(review) });
    return JSON.parse(answer).status;
  }

  test('issues tokens that are bound to a pod, and knows them by TokenReview', async () => {
    const token = await cluster.createToken('shop', 'cart', { audiences: ['cambio'], pod: 'cart-0', expirationSeconds: 600 });
    const uid = await cluster.mustKubectl(['get', 'pod', 'cart-0', '-n', 'shop', '-o', 'jsonpath={.metadata.uid}']);
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:shop:cart',
      aud: ['cambio'],
      'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'cart' }, pod: { name: 'cart-0', uid } },
    });
    expect(claims.exp).toBe((claims.iat ?? NaN) + 600);
    expect(await reviewToken(token, ['cambio'])).toMatchObject({
      authenticated: true,
      audiences: ['cambio'],
      user: {
        username: 'system:serviceaccount:shop:cart',
        extra: { 'authentication.kubernetes.io/pod-name': ['cart-0'], 'authentication.kubernetes.io/pod-uid': [uid] },
      },
    });
    expect((await reviewToken(token))['authenticated']).not.toBe(true); // not meant for the API server
  });

  test('gives a ServiceAccount a kubeconfig with its own rights and no more', async () => {
    const kubeconfig = await cluster.kubeconfigForServiceAccount('shop', 'cart');
    expect((await stat(kubeconfig)).mode & 0o777).toBe(0o600);
    const whoami = await cluster.mustKubectl(['auth', 'whoami', '-o', 'json'], { kubeconfig });
    expect(JSON.parse(whoami).status.userInfo.username).toBe('system:serviceaccount:shop:cart');
    const refused = await cluster.kubectl(['get', 'secrets'], { kubeconfig });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('cannot list resource "secrets" in API group "" in the namespace "shop"');
    await expect(cluster.mustKubectl(['get', 'secrets'], { kubeconfig })).rejects.toThrow('Forbidden');
  });

  test('logs requests, without which nobody could tell what rights a client used', async () => {
    await cluster.mustKubectl(['create', 'configmap', 'audited', '-n', 'shop']);
    const events = (await readFile(cluster.auditLogPath ?? '', 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));
    expect(events).toContainEqual(
      expect.objectContaining({
        verb: 'create',
        user: expect.objectContaining({ username: 'admin' }),
        objectRef: expect.objectContaining({ resource: 'configmaps', name: 'audited', namespace: 'shop' }),
      }),
    );
  });

  test('stops, pauses and starts the API server, on the same port with the same data', async () => {
    const get = ['get', 'serviceaccount', 'cart', '-n', 'shop', '-o', 'name'];
    await cluster.stopApiServer();
    const stopped = await cluster.kubectl(get);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain(`${new URL(cluster.server).host} was refused`);
    await cluster.startApiServer();
    expect(await cluster.mustKubectl(get)).toBe('serviceaccount/cart\n');

    cluster.pauseApiServer();
    expect((await cluster.kubectl([...get, '--request-timeout=500ms'])).code).toBe(1);
    cluster.resumeApiServer();
    expect(await cluster.mustKubectl(get)).toBe('serviceaccount/cart\n');
  });
});

describe.skipIf(!provided.available)('the end of a cluster', () => {
  test('leaves no process and no folder behind, even when the API server is paused', async () => {
    const cluster = await startCluster();
    const pids = cluster.pids();
    expect(pids.filter(isRunning)).toEqual(pids);
    cluster.pauseApiServer();
    await cluster.stop();
    expect(pids).toHaveLength(2);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(cluster.dir)).toBe(process.env['CAMBIO_KEEP_CLUSTER'] === '1');
    await cluster.stop();
  });

  test.for(['SIGTERM', 'SIGKILL'] as const)('comes with that of its parent by %s', async (signal) => {
    const up = spawn(process.execPath, [join(import.meta.dirname, 'up.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const printed: string[] = [];
    for await (const line of createInterface({ input: up.stdout })) {
      printed.push(line);
      if (line.startsWith('# processes ')) up.kill(signal); // then its output ends, and with it this loop
    }
    const dir = dirname(printed[0]?.replace('export KUBECONFIG=', '') ?? '');
    const pids = (printed[1] ?? '').split(' ').slice(2).map(Number);
    expect(pids).toHaveLength(2);
    await expect.poll(() => pids.filter(isRunning), { timeout: 30_000 }).toEqual([]);
    if (signal === 'SIGKILL') await rm(dir, { recursive: true }); // nobody was left to do so
    await expect.poll(() => existsSync(dir)).toBe(process.env['CAMBIO_KEEP_CLUSTER'] === '1' && signal === 'SIGTERM');
  });
});

describe.skipIf(!provided.available)('the shared cluster', () => {
  test('is used from test files through what the global setup provides', async () => {
    if (!provided.available) return;
    const cluster = connectCluster(provided.handle);
    expect(await cluster.mustKubectl(['get', 'namespace', 'default', '-o', 'name'])).toBe('namespace/default\n');
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A container's first process may never collect the orphans that it inherits: they have ended none the less.
  const state = `/proc/${pid}/stat`;
  return !existsSync(state) || !readFileSync(state, 'utf8').includes(') Z ');
}
