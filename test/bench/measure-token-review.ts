// Exchanges of ServiceAccount tokens, each of which a real API server is asked about, and how often it really is.
import { join } from 'node:path';
import { haveBinaries } from '../cluster/binaries.ts';
import type { ClusterClient } from '../cluster/connect-cluster.ts';
import { startCluster } from '../cluster/start-cluster.ts';
import type { Setting } from './bench-options.ts';
import { startCambio } from './contestants.ts';
import { measureInTurn } from './measure-in-turn.ts';
import { number, type Cell, type Table } from './print-table.ts';
import { startGenerator, type Generator } from './processes.ts';
import { median } from './statistics.ts';
import { believed, exchangeForm, rawRequest } from './subject-tokens.ts';

const root = join(import.meta.dirname, '../..');

/** Different tokens, each of a pod's ServiceAccount. */
const tokenCount = 8;

/** Measures with the reviews remembered and without. Where there is no test cluster it says so, unless this part alone was asked for: then it is built. */
export async function measureTokenReview(setting: Setting): Promise<Table[]> {
  const { options, progress } = setting;
  if (options.only === undefined && (options.quick || !(await haveBinaries()))) {
    progress('TokenReview is not measured: it needs etcd and kube-apiserver, which npm test or --only token-review builds');
    return [];
  }
  progress('TokenReview: starting a cluster');
  const cluster = await startCluster();
  const generator = startGenerator(setting.cores);
  try {
    const requests = await prepare(cluster);
    const rows = [...(await measure(setting, cluster, generator, requests, '0s')), ...(await measure(setting, cluster, generator, requests, '10s'))];
    return [
      {
        title: 'TokenReview',
        note: `${tokenCount} ServiceAccount tokens in turn; etcd and kube-apiserver on the same machine, on any core. p50 and p99 in milliseconds. "calls" are those that the API server counted, warm-up included, as are "exchanges".`,
        columns: ['--token-review-cache', 'connections', 'exchanges/s', 'p50', 'p99', 'exchanges', 'calls'],
        rows,
      },
    ];
  } finally {
    generator.stop();
    await cluster.stop();
  }
}

/** Installs Cambio as an administrator would. @returns requests with tokens of a pod */
async function prepare(cluster: ClusterClient): Promise<string[]> {
  const kubectl = (...args: string[]): Promise<string> => cluster.mustKubectl(args, { cwd: root });
  await kubectl('apply', '-f', 'crds/');
  await kubectl('wait', '--for=condition=Established', 'crd', '--all');
  await kubectl('apply', '-k', 'deploy/');
  await kubectl('apply', '-f', 'examples/cluster/manifests/');
  const tokens: string[] = [];
  while (tokens.length < tokenCount) tokens.push(await cluster.createToken('payments', 'api', { audiences: [believed.audience], pod: 'api' }));
  return tokens.map((token) => rawRequest(exchangeForm('cambio-system/payments', token, 'https://ledger.example.com', 'read')));
}

async function measure(setting: Setting, cluster: ClusterClient, generator: Generator, requests: readonly string[], cache: string): Promise<Cell[][]> {
  const { dir, effort, progress } = setting;
  const kubeconfig = await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio');
  const server = await startCambio(setting, { args: ['--kubeconfig', kubeconfig, '--token-review-cache', cache], audit: join(dir, 'audit-token-review.log') });
  const rows: Cell[][] = [];
  for (const connections of effort.connections) {
    progress(`TokenReview, remembered for ${cache}, ${connections} connections`);
    const before = await reviewCalls(cluster);
    const [measured] = await measureInTurn(generator, [{ servers: [server], requests }], connections, effort);
    if (measured === undefined) throw new Error('nothing was measured');
    const { perSecond, p50, p99, answers } = measured;
    rows.push([cache, number(connections), number(median(perSecond)), number(median(p50), 2), number(median(p99), 2), number(answers), number((await reviewCalls(cluster)) - before)]);
  }
  await server.stop();
  return rows;
}

/** How many TokenReviews the API server has answered so far. */
async function reviewCalls(cluster: ClusterClient): Promise<number> {
  const metrics = await cluster.mustKubectl(['get', '--raw', '/metrics']);
  const counts = metrics.matchAll(/^apiserver_request_total\{[^}]*resource="tokenreviews"[^}]*verb="POST"[^}]*\} ([0-9.e+]+)$/gm);
  return Array.from(counts, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
}
