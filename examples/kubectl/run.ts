// A demo on two real API servers: a pipeline and a ServiceAccount of another cluster use kubectl, by tokens that Cambio issues.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { findFreePort, startCluster, type TestCluster } from '../../test/cluster/start-cluster.ts';
import { makeAuthority } from '../../test/make-authority.ts';
import { startCambio, until, type RunningCambio } from '../../test/start-cambio.ts';

const here = import.meta.dirname;
const workDir = await mkdtemp(join(tmpdir(), 'cambio-kubectl-'));
const file = (name: string): string => join(workDir, name);
const issuer = `https://127.0.0.1:${await findFreePort()}`;
const pipeline = 'repo:acme/payments:environment:prod';
const ci = await generateKeyPair('ES256');
/** Variables of the shell that the commands below are typed into. */
const shell: Record<string, string> = {};
let build: TestCluster | undefined;
let prod: TestCluster | undefined;
let cambio: RunningCambio | undefined;

try {
  await prepare();

  step('Cambio, by https, with a certificate of an authority that only this demo knows');
  const flags = ['--issuer', issuer, '--listen', new URL(issuer).host, '--config-dir', 'manifests', '--tls-cert-file', 'tls.crt', '--tls-key-file', 'tls.key'];
  say(`$ cambio serve ${flags.join(' ')}`);
  cambio = await startCambio(flags.map((flag) => (['manifests', 'tls.crt', 'tls.key'].includes(flag) ? file(flag) : flag)));
  await cambio.untilReady();

  step('The cluster `prod`: its API server is told to believe Cambio (kube-apiserver --authentication-config=…)');
  const configuration = (await readFile(join(here, 'authentication-configuration.yaml'), 'utf8')).replace('https://cambio.example.com ', `${issuer} `);
  show(configuration);
  const authority = await readFile(file('ca.crt'), 'utf8');
  prod = await startCluster({ authenticationConfiguration: configuration.replace(/ {6}-----BEGIN[^]*CERTIFICATE-----\n/, indent(authority, 6)) });
  await prod.mustKubectl(['config', 'set-cluster', 'prod', `--server=${prod.server}`, `--certificate-authority=${prod.caFile}`, '--embed-certs=true'], { kubeconfig: file('prod.kubeconfig') });
  await prod.mustKubectl(['config', 'set-context', 'prod', '--cluster=prod'], { kubeconfig: file('prod.kubeconfig') });
  await prod.mustKubectl(['config', 'use-context', 'prod'], { kubeconfig: file('prod.kubeconfig') });
  say('… and to let two of those whom Cambio vouches for look at pods, and deploy (examples/kubectl/rbac.yaml):');
  await type(`kubectl --kubeconfig admin.kubeconfig apply -f ${join(here, 'rbac.yaml')}`, { shown: 'kubectl --kubeconfig admin.kubeconfig apply -f rbac.yaml', needs: { 'admin.kubeconfig': prod.kubeconfig } });
  await prod.mustKubectl(['create', 'serviceaccount', 'default', '-n', 'payments']);
  await prod.mustKubectl(['run', 'api', '-n', 'payments', '--image=registry.example.com/api']);

  step('A pipeline. Its CI system gave it an ID token, made for Cambio:');
  shell['ID_TOKEN'] = await mintAsCI(pipeline);
  showClaims(shell['ID_TOKEN']);
  say('By that alone nobody gets into the cluster. (It knows where the cluster is, and has no credentials for it.)');
  shell['KUBECONFIG'] = file('prod.kubeconfig');
  await type('kubectl --token "$ID_TOKEN" auth whoami', { fails: true });

  step('It exchanges it at Cambio:');
  await exchange('ID_TOKEN');
  showClaims(shell['TOKEN'] ?? '');

  step('And it is in:');
  await type('kubectl --token "$TOKEN" auth whoami');
  await type('kubectl --token "$TOKEN" get pods -n payments');
  say('What it was not granted, it may not:');
  await type('kubectl --token "$TOKEN" get secrets -n payments', { fails: true });

  step('A workload of another cluster, `build`: its ServiceAccount token, made for Cambio (in a pod: a projected volume)');
  if (build === undefined) throw new Error('there is no cluster build');
  await type(`SA_TOKEN=$(kubectl --kubeconfig build.kubeconfig create token runner -n ci --audience ${issuer})`, { needs: { 'build.kubeconfig': build.kubeconfig } });
  shell['SA_TOKEN'] = await build.createToken('ci', 'runner', { audiences: [issuer] });
  await exchange('SA_TOKEN');
  await type('kubectl --token "$TOKEN" auth whoami');
  await type('kubectl --token "$TOKEN" get pods -n payments');

  step('The pipeline of a stranger gets nothing, and the audit log says why:');
  shell['ID_TOKEN'] = await mintAsCI('repo:mallory/payments:environment:prod');
  await exchange('ID_TOKEN', 400);

  step('An edit ends it: in force within a second; what was issued before is good for its ten minutes at most');
  await type("echo '  suspend: true' >> manifests/deployer.yaml");
  const running = cambio;
  await until(() => running.log.some((line) => line.includes('Suspended')), 'the edit is in force');
  shell['ID_TOKEN'] = await mintAsCI(pipeline);
  await exchange('ID_TOKEN', 401);
} finally {
  await cambio?.stop();
  await Promise.all([build?.stop(), prod?.stop()]);
  await rm(workDir, { recursive: true, force: true });
}

/** The cluster `build`, and everything that Cambio is to be started on. */
async function prepare(): Promise<void> {
  step('Two throw-away clusters (etcd and kube-apiserver on loopback) and a CI system are made');
  build = await startCluster();
  await build.mustKubectl(['create', 'namespace', 'ci']);
  await build.mustKubectl(['create', 'serviceaccount', 'runner', '-n', 'ci']);
  const keys = {
    'demo-ci': JSON.stringify({ keys: [{ ...(await exportJWK(ci.publicKey)), kid: 'demo', alg: 'ES256', use: 'sig' }] }),
    build: await build.mustKubectl(['get', '--raw', '/openid/v1/jwks']),
  };
  await cp(join(here, 'manifests'), file('manifests'), { recursive: true });
  const [first = '', second = ''] = (await readFile(file('manifests/issuers.yaml'), 'utf8')).replaceAll('https://cambio.example.com', issuer).split('---\n');
  const withKeys = (text: string, jwks: string): string => text.replace(/jwks: \|\n( {6}.*\n)+/, () => `jwks: '${jwks}'\n`);
  await writeFile(file('manifests/issuers.yaml'), `${withKeys(first, keys['demo-ci'])}---\n${withKeys(second, keys.build)}`);
  say('The public keys of both stand in the manifests that Cambio reads: a copy of examples/kubectl/manifests');
  const authority = makeAuthority();
  const { cert, key } = authority.certify();
  for (const [name, text] of [['ca.crt', authority.cert], ['tls.crt', cert], ['tls.key', key]] as const) await writeFile(file(name), text, { mode: 0o600 });
}

/** Exchanges the token in a variable by curl, and keeps what is issued in $TOKEN. */
async function exchange(variable: 'ID_TOKEN' | 'SA_TOKEN', expected = 200): Promise<void> {
  const parameters = [
    '-d grant_type=urn:ietf:params:oauth:grant-type:token-exchange',
    '-d client_id=payments/deployer',
    '-d subject_token_type=urn:ietf:params:oauth:token-type:jwt',
    `-d subject_token="$${variable}"`,
    '-d audience=kubernetes-prod',
  ];
  const before = cambio?.audit.length ?? 0;
  const command = [`curl -s --cacert ca.crt ${issuer}/token`, ...parameters].join(' \\\n      ');
  const output = await type(command, { quiet: true, ...(before > 0 && { shown: `curl … -d subject_token="$${variable}"    # and the rest as above` }) });
  const body = JSON.parse(output) as Record<string, string>;
  const { access_token: token } = body;
  say(JSON.stringify({ ...body, ...(token !== undefined && { access_token: `${token.slice(0, 24)}…` }) }));
  await until(() => (cambio?.audit.length ?? 0) > before, 'the audit line is there');
  const { outcome, check, reason } = cambio?.audit.at(-1) ?? {};
  if ((expected === 200) !== (token !== undefined)) throw new Error(`expected ${expected}: ${JSON.stringify({ body, outcome, check, reason })}`);
  if (token === undefined) say(`audit: ${JSON.stringify({ outcome, check, reason })}`);
  else shell['TOKEN'] = token;
}

/** Shows a command and what it says, as if somebody had typed it in the demo's folder. */
async function type(command: string, { shown = command, fails = false, quiet = false, needs = {} }: { shown?: string; fails?: boolean; quiet?: boolean; needs?: Record<string, string> } = {}): Promise<string> {
  for (const [name, path] of Object.entries(needs)) await cp(path, file(name));
  const path = `${dirname(prod?.kubectlPath ?? '')}:${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, ...shell, PATH: path, KUBECACHEDIR: file('kubectl-cache'), KUBERC: 'off' };
  process.stdout.write(`\n  $ ${shown}\n`);
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve, reject) => {
    execFile('sh', ['-c', command], { cwd: workDir, env }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
  if ((code !== 0) !== fails) throw new Error(`it ended with ${code}: ${output}`);
  if (!quiet) show(output);
  return output;
}

function mintAsCI(sub: string): Promise<string> {
  return new SignJWT({ ref: 'refs/heads/main' })
    .setProtectedHeader({ alg: 'ES256', kid: 'demo' })
    .setIssuer('https://ci.example.com')
    .setSubject(sub)
    .setAudience(issuer)
    .setIssuedAt()
    .setExpirationTime('15m')
    .sign(ci.privateKey);
}

function showClaims(token: string): void {
  for (const [name, value] of Object.entries(decodeJwt(token))) say(`${name.padEnd(10)} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}

function indent(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(by));
}

function show(text: string): void {
  if (text.trim() !== '') process.stdout.write(`${indent(text.trimEnd(), 2)}\n`);
}

function step(text: string): void {
  process.stdout.write(`\n── ${text}\n`);
}

function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}
