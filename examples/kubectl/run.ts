// A demo on three real API servers: a pipeline and a ServiceAccount of another cluster use kubectl, by tokens that Cambio issues.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { parse, stringify } from 'yaml';
import { findFreePort, startCluster, type StartOptions, type TestCluster } from '../../test/cluster/start-cluster.ts';
import { makeAuthority } from '../../test/make-authority.ts';
import { startCambio, until, type RunningCambio } from '../../test/start-cambio.ts';

const here = import.meta.dirname;
const workDir = await mkdtemp(join(tmpdir(), 'cambio-kubectl-'));
const file = (name: string): string => join(workDir, name);
const issuer = `https://127.0.0.1:${await findFreePort()}`;
const pipeline = 'repo:acme/payments:environment:prod';
const ci = await generateKeyPair('ES256');
/** Variables of the shell that the commands below are typed into. */
const shell: Record<string, string> = { KUBECONFIG: file('admin.kubeconfig') };
const clusters: Record<string, TestCluster> = {};
let cambio: RunningCambio | undefined;

try {
  step('Two throw-away clusters (etcd and kube-apiserver on loopback): Cambio runs in `home`, a workload in `build`');
  const [home, build] = await Promise.all([start('home'), start('build')]);
  await writeFile(file('admin.kubeconfig'), await kubeconfig(clusters, true), { mode: 0o600 });
  await prepareFiles();
  await build.mustKubectl(['create', 'namespace', 'ci']);
  await build.mustKubectl(['create', 'serviceaccount', 'runner', '-n', 'ci']);
  say('Commands without --kubeconfig are an administrator\'s, who has a context for each cluster.');

  step('An administrator installs Cambio in `home`');
  await type('kubectl --context home apply -f crds/ && kubectl --context home apply -k deploy/', { quiet: true });

  step('`build` gets a ServiceAccount that may read its public keys and nothing else; a token of it is put beside Cambio');
  await type('kubectl --context build create namespace cambio-access');
  await type('kubectl --context build -n cambio-access create serviceaccount cambio');
  await type('kubectl --context build create clusterrolebinding cambio-keys \\\n      --clusterrole=system:service-account-issuer-discovery --serviceaccount=cambio-access:cambio');
  await type('kubectl --context build -n cambio-access create token cambio --duration=720h > token');
  await type("kubectl --context build config view --minify --raw \\\n      -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d > build-ca.crt");
  await type(`kubectl --context home -n cambio-system create secret generic build \\\n      --from-literal=server=${build.server} --from-file=ca.crt=build-ca.crt --from-file=token`);
  await type('kubectl --context home -n cambio-system label secret build cambio.dev/remote-cluster=true');

  step('Whom Cambio believes, and who gets what (examples/kubectl/manifests, with the URL and the CI system\'s key of this demo)');
  show((await readFile(file('manifests/issuers.yaml'), 'utf8')).split('---\n')[1] ?? '');
  await home.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all']);
  await type('kubectl --context home apply -f manifests/');

  step('Cambio starts: https, by a certificate of an authority that only this demo knows; in `home` it has the rights of its ServiceAccount');
  await cp(await home.kubeconfigForServiceAccount('cambio-system', 'cambio'), file('cambio.kubeconfig'));
  const flags = ['--issuer', issuer, '--listen', new URL(issuer).host, '--kubeconfig', 'cambio.kubeconfig', '--tls-cert-file', 'tls.crt', '--tls-key-file', 'tls.key'];
  say(`$ cambio serve ${flags.join(' ')}`);
  cambio = await startCambio(flags.map((flag) => (['cambio.kubeconfig', 'tls.crt', 'tls.key'].includes(flag) ? file(flag) : flag)));
  await cambio.untilReady();
  await type('kubectl --context home -n cambio-system wait --for=condition=Ready ti/demo-ci ti/build xc/deployer');
  await type('kubectl --context home get ti');

  step('A third cluster, `prod`: its API server is told to believe Cambio (kube-apiserver --authentication-config=…)');
  const configuration = (await readFile(join(here, 'authentication-configuration.yaml'), 'utf8')).replace('https://cambio.example.com ', `${issuer} `);
  show(configuration);
  const authority = await readFile(file('cambio-ca.crt'), 'utf8');
  const prod = await start('prod', { authenticationConfiguration: configuration.replace(/ {6}-----BEGIN[^]*CERTIFICATE-----\n/, indent(authority, 6)) });
  await writeFile(file('admin.kubeconfig'), await kubeconfig(clusters, true), { mode: 0o600 });
  say('… and to let two of those whom Cambio vouches for look at pods, and deploy (examples/kubectl/rbac.yaml):');
  await type('kubectl --context prod apply -f rbac.yaml');
  await prod.mustKubectl(['create', 'serviceaccount', 'default', '-n', 'payments']);
  await prod.mustKubectl(['run', 'api', '-n', 'payments', '--image=registry.example.com/api']);

  step('A pipeline. Its CI system gave it an ID token, made for Cambio:');
  shell['ID_TOKEN'] = await mintAsCI(pipeline);
  showClaims(shell['ID_TOKEN']);
  say('By that alone nobody gets into the cluster. (prod.kubeconfig says where it is, and has no credentials for it.)');
  await type('kubectl --kubeconfig prod.kubeconfig --token "$ID_TOKEN" auth whoami', { fails: true });

  step('It exchanges it at Cambio:');
  await exchange('ID_TOKEN');
  showClaims(shell['TOKEN'] ?? '');

  step('And it is in:');
  await type('kubectl --kubeconfig prod.kubeconfig --token "$TOKEN" auth whoami');
  await type('kubectl --kubeconfig prod.kubeconfig --token "$TOKEN" get pods -n payments');
  say('What it was not granted, it may not:');
  await type('kubectl --kubeconfig prod.kubeconfig --token "$TOKEN" get secrets -n payments', { fails: true });

  step('A workload of another cluster, `build`: its ServiceAccount token, made for Cambio (in a pod: a projected volume)');
  await type(`SA_TOKEN=$(kubectl --context build create token runner -n ci --audience ${issuer})`);
  shell['SA_TOKEN'] = await build.createToken('ci', 'runner', { audiences: [issuer] });
  await exchange('SA_TOKEN');
  await type('kubectl --kubeconfig prod.kubeconfig --token "$TOKEN" auth whoami');
  await type('kubectl --kubeconfig prod.kubeconfig --token "$TOKEN" get pods -n payments');

  step('The pipeline of a stranger gets nothing, and the audit log says why:');
  shell['ID_TOKEN'] = await mintAsCI('repo:mallory/payments:environment:prod');
  await exchange('ID_TOKEN', 400);

  step('An edit ends it: in force within a second; what was issued before is good for its ten minutes at most');
  await type("kubectl --context home -n cambio-system patch xc deployer --type merge -p '{\"spec\": {\"suspend\": true}}'");
  await type('kubectl --context home -n cambio-system wait --for=condition=Ready=false xc/deployer');
  shell['ID_TOKEN'] = await mintAsCI(pipeline);
  await exchange('ID_TOKEN', 401);
} finally {
  await cambio?.stop();
  await Promise.all(Object.values(clusters).map((cluster) => cluster.stop()));
  await rm(workDir, { recursive: true, force: true });
}

/** Everything that the commands read: manifests, and a certificate for Cambio. */
async function prepareFiles(): Promise<void> {
  for (const name of ['crds', 'deploy']) await cp(join(here, '../..', name), file(name), { recursive: true });
  for (const name of ['manifests', 'rbac.yaml']) await cp(join(here, name), file(name), { recursive: true });
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(ci.publicKey)), kid: 'demo', alg: 'ES256', use: 'sig' }] });
  const issuers = (await readFile(file('manifests/issuers.yaml'), 'utf8')).replaceAll('https://cambio.example.com', issuer);
  await writeFile(file('manifests/issuers.yaml'), issuers.replace(/jwks: \|\n( {6}.*\n)+/, () => `jwks: '${keys}'\n`));
  const authority = makeAuthority();
  const { cert, key } = authority.certify();
  for (const [name, text] of [['cambio-ca.crt', authority.cert], ['tls.crt', cert], ['tls.key', key]] as const) await writeFile(file(name), text, { mode: 0o600 });
}

/** Starts a cluster; NAME.kubeconfig says where it is, and no more. */
async function start(name: string, options: StartOptions = {}): Promise<TestCluster> {
  const started = await startCluster(options);
  clusters[name] = started;
  await writeFile(file(`${name}.kubeconfig`), await kubeconfig({ [name]: started }, false));
  return started;
}

/** A kubeconfig with a context for each cluster, with or without the administrator's credential. */
async function kubeconfig(of: Record<string, TestCluster>, withUser: boolean): Promise<string> {
  const read = async ([name, { kubeconfig: path }]: [string, TestCluster]): Promise<{ name: string; cluster: unknown; user: unknown }> => {
    const own = parse(await readFile(path, 'utf8')) as { clusters: { cluster: unknown }[]; users: { user: unknown }[] };
    return { name, cluster: own.clusters[0]?.cluster, user: own.users[0]?.user };
  };
  const entries = await Promise.all(Object.entries(of).map(read));
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: entries.map(({ name, cluster }) => ({ name, cluster })),
    users: withUser ? entries.map(({ name, user }) => ({ name, user })) : [],
    contexts: entries.map(({ name }) => ({ name, context: { cluster: name, ...(withUser && { user: name }) } })),
    'current-context': entries[0]?.name,
  });
}

/** Exchanges the token in a variable by curl, and keeps what is issued in $TOKEN. */
async function exchange(variable: 'ID_TOKEN' | 'SA_TOKEN', expected = 200): Promise<void> {
  const parameters = [
    '-d grant_type=urn:ietf:params:oauth:grant-type:token-exchange',
    '-d client_id=cambio-system/deployer',
    '-d subject_token_type=urn:ietf:params:oauth:token-type:jwt',
    `-d subject_token="$${variable}"`,
    '-d audience=kubernetes-prod',
  ];
  const before = cambio?.audit.length ?? 0;
  const command = [`curl -s --cacert cambio-ca.crt ${issuer}/token`, ...parameters].join(' \\\n      ');
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
async function type(command: string, { shown = command, fails = false, quiet = false }: { shown?: string; fails?: boolean; quiet?: boolean } = {}): Promise<string> {
  const path = `${dirname(Object.values(clusters)[0]?.kubectlPath ?? '')}:${process.env['PATH'] ?? ''}`;
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
