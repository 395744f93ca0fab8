// Starts a test cluster for people: prints how to reach it and keeps it until Ctrl-C.
import { startCluster } from './start-cluster.ts';

const interrupted = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
});
const cluster = await startCluster();
console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
console.log(`# processes ${cluster.pids().join(' ')}`);
console.error(`kubectl is ${cluster.kubectlPath}; data and logs are in ${cluster.dir}. Ctrl-C ends the cluster.`);
await interrupted;
await cluster.stop();
