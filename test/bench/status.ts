// How status is written for many clients on a real API server: at first, after a restart, and while their issuer flaps.
// npx node test/bench/status.ts [CLIENTS]   (after npm run build)
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createApiServer } from '../../src/kubernetes/api-server.ts';
import { loadKubeConfig } from '../../src/kubernetes/kubeconfig.ts';
import { startCluster } from '../cluster/start-cluster.ts';
import { startCambio, until, type RunningCambio } from '../start-cambio.ts';

const count = Number(process.argv[2] ?? 10_000);
const root = join(import.meta.dirname, '../..');
const clientsPath = '/apis/cambio.dev/v1alpha1/namespaces/cambio-system/exchangeclients';
const jwks = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] });
const spec = { authentication: { none: {} }, subjects: [{ issuerRef: { name: 'ci' }, subject: 'a' }], targets: [{ audience: 'https://vault.example.com' }] };

const cluster = await startCluster();
let cambio: RunningCambio | undefined;
try {
  await cluster.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
  await cluster.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  await cluster.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
  const kubeconfig = await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio');
  const config = loadKubeConfig([cluster.kubeconfig], false);
  if (config === undefined) throw new Error('no kubeconfig');
  const api = createApiServer(config, () => performance.now(), 16);

  const applyIssuer = (suspend: boolean): Promise<string> =>
    cluster.mustKubectl(['apply', '-f', '-'], {
      stdin: JSON.stringify({
        apiVersion: 'cambio.dev/v1alpha1',
        kind: 'TrustedIssuer',
        metadata: { name: 'ci' },
        spec: { issuer: { url: 'https://ci.example.com', audiences: ['cambio'] }, verification: { jwks }, suspend },
      }),
    });

  type Item = { metadata: { name: string; resourceVersion: string; generation: number }; status: { observedGeneration: number; conditions?: { type: string; status: string }[] } };
  async function list(): Promise<Item[]> {
    const items: Item[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      const { body } = await api.request({ method: 'GET', path: clientsPath, query: { limit: '1000', ...(next === '' ? {} : { continue: next }) }, timeoutMs: 60_000 });
      const page = body as { metadata: { continue?: string }; items: Item[] };
      items.push(...page.items);
      next = page.metadata.continue || undefined;
    }
    return items;
  }
  const isReady = ({ status }: Item): boolean => status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  /** Looks every two seconds only: to look takes the API server's time too. */
  const untilAllReady = (): Promise<void> =>
    until(
      async () => {
        await wait(2000);
        return (await list()).every(isReady);
      },
      'all are ready',
      900_000,
    );
  /** Writes to the status of clients that the API server has carried out. */
  async function writes(): Promise<number> {
    const metrics = await cluster.mustKubectl(['get', '--raw', '/metrics']);
    const lines = metrics.split('\n').filter((line) => line.startsWith('apiserver_request_total{') && line.includes('resource="exchangeclients"') && line.includes('subresource="status"') && /verb="(?:APPLY|PATCH|PUT)"/.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }
  async function start(): Promise<RunningCambio> {
    cambio = await startCambio(['--kubeconfig', kubeconfig, '--issuer', 'https://cambio.example.com']);
    await cambio.untilReady();
    return cambio;
  }
  const leads = ({ log }: RunningCambio): boolean => log.some((line) => line.includes('this replica leads'));
  const memory = ({ pid }: RunningCambio): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  const since = (begin: number): string => `${((performance.now() - begin) / 1000).toFixed(1)} s`;
  const say = (text: string): void => void process.stdout.write(`${text}\n`);

  await applyIssuer(false);
  for (let made = 0; made < count; made += 16) {
    const names = Array.from({ length: Math.min(16, count - made) }, (_, i) => `c${made + i}`);
    await Promise.all(names.map((name) => api.request({ method: 'POST', path: clientsPath, body: { apiVersion: 'cambio.dev/v1alpha1', kind: 'ExchangeClient', metadata: { name }, spec }, timeoutMs: 60_000 })));
  }
  say(`${count} ExchangeClients of one TrustedIssuer`);

  let begin = performance.now();
  let running = await start();
  say(`first start: ready after ${since(begin)}`);
  await untilAllReady();
  say(`first start: every status is there after ${since(begin)}, with ${await writes()} writes; ${memory(running).toFixed(0)} MiB`);

  const versions = new Map((await list()).map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  const before = await writes();
  await running.stop();
  begin = performance.now();
  running = await start();
  say(`restart: ready after ${since(begin)}`);
  await until(() => leads(running), 'it leads');
  // One that was right already, and is made wrong, is looked at after all that were there.
  await cluster.mustKubectl(['patch', 'xc', 'c0', '-n', 'cambio-system', '--subresource=status', '--type=merge', '-p', '{"status":{"conditions":[]}}']);
  await untilAllReady();
  const changed = (await list()).filter(({ metadata }) => metadata.name !== 'c0' && versions.get(metadata.name) !== metadata.resourceVersion).length;
  say(`restart: all looked at after ${since(begin)}, with ${(await writes()) - before - 2} writes (one object that was spoilt apart), ${changed} resourceVersions changed; ${memory(running).toFixed(0)} MiB`);

  const flapsBefore = await writes();
  begin = performance.now();
  for (let i = 0; i < 20; i++) {
    await applyIssuer(i % 2 === 0);
    await wait(3000);
  }
  say(`flapping: its issuer was suspended and resumed 10 times in ${since(begin)}: ${(await writes()) - flapsBefore} writes so far`);
  await untilAllReady();
  say(`flapping: every status is right again after ${since(begin)}, with ${(await writes()) - flapsBefore} writes of the ${20 * count} that there would be without bounds`);
  await api.close();
} finally {
  await cambio?.stop();
  await cluster.stop();
}
