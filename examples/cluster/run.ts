// A demo on a real API server: a pod's token is exchanged by way of TokenReview; the pod is deleted, and its token is refused.
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { startCluster } from '../../test/cluster/start-cluster.ts';
import { exchange, startCambio, until, type RunningCambio } from '../../test/start-cambio.ts';

const root = join(import.meta.dirname, '../..');
const issuer = 'https://cambio.example.com';

step('A throw-away cluster: etcd and kube-apiserver on loopback');
const cluster = await startCluster();
let cambio: RunningCambio | undefined;
try {
  say(`${cluster.server}  (KUBECONFIG=${cluster.kubeconfig})`);

  step('What an administrator applies');
  await kubectl('apply', '-f', 'crds/');
  await kubectl('wait', '--for=condition=Established', 'crd/trustedissuers.cambio.dev', 'crd/exchangeclients.cambio.dev');
  await kubectl('apply', '-k', 'deploy/');
  await kubectl('apply', '-f', 'examples/cluster/manifests/');

  step('Cambio starts, with the rights of its ServiceAccount and no more');
  const kubeconfig = await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio');
  cambio = await startCambio(['--kubeconfig', kubeconfig, '--issuer', issuer]);
  await cambio.untilReady();
  await kubectl('wait', '--for=condition=Ready', 'ti/in-cluster', 'xc/payments', '-n', 'cambio-system');
  await kubectl('get', 'cambio', '-A');

  step('The pod payments/api gets a token for Cambio, bound to the pod (here: kubectl create token; in a pod: the kubelet)');
  const token = await cluster.createToken('payments', 'api', { audiences: [issuer], pod: 'api', expirationSeconds: 600 });
  say(`kubectl create token api -n payments --audience=${issuer} --bound-object-kind=Pod --bound-object-name=api`);

  step('It exchanges it');
  const granted = await exchange(cambio.url, { client_id: 'cambio-system/payments', subject_token: token });
  if (granted.status !== 200) throw new Error(`the exchange failed: ${JSON.stringify(granted.body)}`);
  const keys = createRemoteJWKSet(new URL(`${cambio.url}/jwks`));
  const { payload } = await jwtVerify(String(granted.body['access_token']), keys, { issuer, audience: 'https://ledger.example.com' });
  for (const [name, value] of Object.entries(payload)) say(`${name.padEnd(10)} ${typeof value === 'string' ? value : JSON.stringify(value)}`);

  step('The pod is deleted; its token would be good for ten more minutes');
  await kubectl('delete', 'pod', 'api', '-n', 'payments', '--grace-period=0', '--force');
  const start = performance.now();
  const url = cambio.url;
  let answer = granted;
  await until(async () => (answer = await exchange(url, { client_id: 'cambio-system/payments', subject_token: token })).status === 400, 'the token is refused', 120_000);
  say(`refused after ${Math.round((performance.now() - start) / 1000)} s (the API server and Cambio each remember a review for up to 10 s)`);
  const { check, reason } = await cambio.auditOf(answer);
  say(`audit: ${JSON.stringify({ check, reason })}`);
} finally {
  await cambio?.stop();
  await cluster.stop();
}

async function kubectl(...args: string[]): Promise<void> {
  process.stdout.write(`\n  $ kubectl ${args.join(' ')}\n`);
  const output = await cluster.mustKubectl(args, { cwd: root });
  for (const line of output.trimEnd().split('\n')) say(line);
}


function step(text: string): void {
  process.stdout.write(`\n── ${text}\n`);
}

function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}
