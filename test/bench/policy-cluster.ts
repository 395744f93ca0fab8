// A policy of many objects on a real API server: how long until it is ready, how soon an edit is in force, how much memory it takes.
// npx node test/bench/policy-cluster.ts [CLIENTS [ISSUERS [TARGETS]]]   (after npm run build)
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createApiServer } from '../../src/kubernetes/api-server.ts';
import { loadKubeConfig } from '../../src/kubernetes/kubeconfig.ts';
import { startCluster } from '../cluster/start-cluster.ts';
import { exchange, startCambio, type RunningCambio } from '../start-cambio.ts';
import { median } from './statistics.ts';

const [clients = 10_000, issuers = 100, targets = 500] = process.argv.slice(2).map(Number);
const namespaces = 100;
const root = join(import.meta.dirname, '../..');
const issuerURL = 'https://cambio.example.com';
const base = '/apis/cambio.dev/v1alpha1';
const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwks = JSON.stringify({ keys: [await exportJWK(publicKey)] });
const all = { allowedNamespaces: { from: 'All' } };

const documentOf = (kind: string, name: string, spec: object): object => ({ apiVersion: 'cambio.dev/v1alpha1', kind, metadata: { name }, spec });
const issuerSpec = (index: number): object => ({ issuer: { url: `https://ci-${index}.example.com`, audiences: [issuerURL] }, verification: { jwks }, ...all });
const targetSpec = (index: number): object => ({ audience: `https://target-${index}.example.com`, scopes: ['read'], ...all });
const clientSpec = (index: number): object => ({
  authentication: { none: {} },
  subjects: [{ issuerRef: { name: `ci-${index % issuers}` }, subjectPattern: `repo:acme/app-${index}:environment:*`, conditions: [{ expression: `claims.repository_id == '${index}'` }] }],
  targets: [{ audience: `https://target-${index % targets}.example.com`, scopes: ['read'], default: true, claimMappings: { claims: [] } }],
});
const namespaceOf = (index: number): string => `bench-${index % namespaces}`;

/** Exchanges a token by a client. @returns `expires_in`, or the status if it is denied */
async function ask(cambio: RunningCambio, index: number): Promise<number> {
  const token = await new SignJWT({ iss: `https://ci-${index % issuers}.example.com`, sub: `repo:acme/app-${index}:environment:prod`, aud: issuerURL, repository_id: `${index}` })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  const { status, body } = await exchange(cambio.url, { client_id: `${namespaceOf(index)}/client-${index}`, subject_token: token });
  return status === 200 ? Number(body['expires_in']) : status;
}

const cluster = await startCluster();
let cambio: RunningCambio | undefined;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
try {
  await cluster.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
  await cluster.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  await cluster.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
  const config = loadKubeConfig([cluster.kubeconfig], false);
  if (config === undefined) throw new Error('no kubeconfig');
  const api = createApiServer(config, () => performance.now(), 16);
  async function make(count: number, path: (index: number) => string, body: (index: number) => object): Promise<void> {
    for (let made = 0; made < count; made += 16) {
      const answers = await Promise.all(Array.from({ length: Math.min(16, count - made) }, (_, at) => api.request({ method: 'POST', path: path(made + at), body: body(made + at), timeoutMs: 60_000 })));
      const refused = answers.find(({ status }) => status >= 300);
      if (refused !== undefined) throw new Error(JSON.stringify(refused.body));
    }
  }
  await make(namespaces, () => '/api/v1/namespaces', (index) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespaceOf(index) } }));
  await make(issuers, () => `${base}/trustedissuers`, (index) => documentOf('TrustedIssuer', `ci-${index}`, issuerSpec(index)));
  await make(targets, () => `${base}/targetservices`, (index) => documentOf('TargetService', `target-${index}`, targetSpec(index)));
  await make(clients, (index) => `${base}/namespaces/${namespaceOf(index)}/exchangeclients`, (index) => documentOf('ExchangeClient', `client-${index}`, clientSpec(index)));
  say(`${clients} ExchangeClients, ${issuers} TrustedIssuers, ${targets} TargetServices, ${namespaces} namespaces`);

  const begin = performance.now();
  const running = await startCambio(['--kubeconfig', await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio'), '--issuer', issuerURL]);
  cambio = running;
  await running.untilReady();
  say(`ready after ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  const memory = (field: string): string => `${(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1]) / 1024).toFixed(0)} MiB`;
  say(`memory when it is ready: ${memory('VmRSS')}, at most ${memory('VmHWM')}`);

  /** Milliseconds from the moment in which an edit was taken until an answer shows it. */
  async function edit(path: string, spec: object, client: number, shows: (answer: number) => boolean): Promise<number> {
    const { status, body } = await api.request({ method: 'PATCH', path: `${base}/${path}`, body: { spec }, contentType: 'application/merge-patch+json', timeoutMs: 60_000 });
    if (status !== 200) throw new Error(JSON.stringify(body));
    const start = performance.now();
    while (!shows(await ask(running, client))) await wait(1);
    return performance.now() - start;
  }
  const measured = async (what: string, run: (round: number) => Promise<number>): Promise<void> => {
    const times: number[] = [];
    for (let round = 0; round < 16; round++) times.push(await run(round));
    say(`${what}: in force after ${median(times).toFixed(0)} ms (median of ${times.length}), ${Math.max(...times).toFixed(0)} ms at most`);
  };
  await measured('an edit of a client', (round) => {
    const index = (round * 61) % clients;
    const [target] = (clientSpec(index) as { targets: object[] }).targets;
    return edit(`namespaces/${namespaceOf(index)}/exchangeclients/client-${index}`, { targets: [{ ...target, lifetimeSeconds: 100 + round }] }, index, (answer) => answer === 100 + round);
  });
  await measured(`an edit of a TargetService that ${clients / targets} clients name`, (round) => edit('targetservices/target-3', { suspend: round % 2 === 0 }, 3, (answer) => (answer === 400) === (round % 2 === 0)));
  await measured(`an edit of a TrustedIssuer that ${clients / issuers} clients name`, (round) => edit('trustedissuers/ci-3', { suspend: round % 2 === 0 }, 3, (answer) => (answer === 400) === (round % 2 === 0)));
  const latencies: number[] = [];
  for (let at = 0; at < 1000; at++) {
    const start = performance.now();
    await ask(running, Math.floor((at * clients) / 1000));
    latencies.push(performance.now() - start);
  }
  say(`an exchange, one after the other and each by another client: ${median(latencies).toFixed(1)} ms (median), with signing the subject token`);
  say(`memory at the end: ${memory('VmRSS')}, at most ${memory('VmHWM')}`);
  await api.close();
} finally {
  await cambio?.stop();
  await cluster.stop();
}
