// Takes what `cambio check --server` looks at from an API server, by lists alone: nothing is ever written there.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createApiServer } from '../kubernetes/api-server.ts';
import { readClusterFacts } from '../kubernetes/cluster-facts.ts';
import { kubeConfigFiles, loadKubeConfig } from '../kubernetes/kubeconfig.ts';
import { listManifests, listNamespaces } from '../kubernetes/list-manifests.ts';
import type { PolicySettings } from '../policy/settings.ts';
import { readObjects, type CheckInput } from './check-input.ts';

export type ReadCluster = { input: CheckInput; cluster: NonNullable<PolicySettings['cluster']> };

/** Reads a cluster. Rejects with a sentence where there is none, or where it does not answer. */
export async function readCluster(options: { kubeconfig: string | undefined; context: string | undefined }): Promise<ReadCluster> {
  const own = join(homedir(), '.kube', 'config');
  const named = kubeConfigFiles(options.kubeconfig, process.env['KUBECONFIG']);
  const config = loadKubeConfig(named.length === 0 && existsSync(own) ? [own] : named, process.env['KUBERNETES_SERVICE_HOST'] !== undefined);
  if (config === undefined) throw new Error('--server: there is neither a kubeconfig (--kubeconfig, $KUBECONFIG, ~/.kube/config) nor an in-cluster configuration');
  const { context } = options;
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context)) throw new Error(`--context: the kubeconfig has no context ${context}; it has ${names.join(', ') || 'none'}`);
    config.setCurrentContext(context);
  }
  const api = createApiServer(config, () => performance.now(), 4);
  try {
    const [listed, namespaces, { issuerURL, audiences }] = await Promise.all([listManifests(api), listNamespaces(api), readClusterFacts(api)]);
    return { input: readObjects(api.server, listed, namespaces), cluster: { issuerURL, audiences } };
  } finally {
    await api.close();
  }
}
