// One test cluster for all files of the vitest project "cluster": started before the first, stopped after the last.
import type { TestProject } from 'vitest/node';
import { findBinaries } from './binaries.ts';
import type { ClusterHandle } from './connect-cluster.ts';
import { startCluster } from './start-cluster.ts';

export { connectCluster, type ClusterHandle } from './connect-cluster.ts';

/** What a test file gets by `inject('cluster')`; where there is no cluster, tests skip themselves by `available`. */
export type ProvidedCluster = { available: true; handle: ClusterHandle } | { available: false; why: string };

declare module 'vitest' {
  interface ProvidedContext {
    cluster: ProvidedCluster;
  }
}

/**
 * Starts the shared cluster and returns what stops it. Where its programs can't be had it rejects when CI is set, and
 * else warns and lets the tests skip themselves: a cluster that can be started and fails is an error in either case.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  try {
    await findBinaries();
  } catch (error) {
    if (isCi()) throw error;
    const why = error instanceof Error ? error.message : String(error);
    console.warn(`The cluster tests are skipped (with CI=true they would fail).\n${why}`);
    project.provide('cluster', { available: false, why });
    return undefined;
  }
  const cluster = await startCluster();
  const { dir, server, caFile, caData, kubeconfig, kubectlPath, serviceAccountIssuer, serviceAccountKeyFile } = cluster;
  const handle = { dir, server, caFile, caData, kubeconfig, kubectlPath, serviceAccountIssuer, serviceAccountKeyFile };
  project.provide('cluster', { available: true, handle });
  return () => cluster.stop();
}

function isCi(): boolean {
  return !['', '0', 'false'].includes(process.env['CI'] ?? '');
}
