// What Cambio is for: a real API server that trusts it as an issuer lets in whom Cambio vouches for, and nobody else.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { connectCluster, type ClusterClient, type KubectlResult } from './cluster/connect-cluster.ts';
import { findFreePort, startCluster, type TestCluster } from './cluster/start-cluster.ts';
import { makeAuthority } from './make-authority.ts';
import { exchange, fetchTrusting, startCambio, type RunningCambio } from './start-cambio.ts';

const provided = inject('cluster');
const root = join(import.meta.dirname, '..');
const example = join(root, 'examples/kubectl');
const pipeline = 'repo:acme/payments:environment:prod';

describe.skipIf(!provided.available)('an API server that trusts Cambio', () => {
  const authority = makeAuthority();
  const send = fetchTrusting(authority.cert);
  let dir: string;
  let build: ClusterClient;
  let home: TestCluster;
  let prod: TestCluster;
  /**
   * One in the cluster `home`, that fetches the keys of `build` and is reached by the name in its issuer URL; and one without
   * a cluster, with the keys in its manifests, whose name nobody can reach: it signs RS256.
   */
  let byName: RunningCambio & { issuer: string };
  let byDiscoveryURL: RunningCambio & { issuer: string };
  let mint: (claims: { aud: string; sub?: string }) => Promise<string>;

  beforeAll(async () => {
    if (!provided.available) return;
    build = connectCluster(provided.handle);
    dir = await mkdtemp(join(tmpdir(), 'cambio-kubectl-'));
    const ci = await generateKeyPair('RS256');
    mint = ({ aud, sub = pipeline }) =>
      new SignJWT({ iss: 'https://ci.example.com', sub, aud }).setProtectedHeader({ alg: 'RS256' }).setIssuedAt().setExpirationTime('10m').sign(ci.privateKey);
    const jwks = { ci: JSON.stringify({ keys: [await exportJWK(ci.publicKey)] }), build: await build.mustKubectl(['get', '--raw', '/openid/v1/jwks']) };

    const start = async (issuer: string, port: number, ...args: string[]): Promise<RunningCambio & { issuer: string }> => {
      const { cert, key } = authority.certify();
      const [certFile, keyFile] = [join(dir, `${port}.crt`), join(dir, `${port}.key`)];
      await writeFile(certFile, cert);
      await writeFile(keyFile, key);
      const cambio = await startCambio(['--issuer', issuer, '--listen', `127.0.0.1:${port}`, '--tls-cert-file', certFile, '--tls-key-file', keyFile, ...args]);
      await cambio.untilReady();
      return { ...cambio, issuer };
    };
    const [first, second] = [await findFreePort(), await findFreePort()];
    const issuers = [`https://127.0.0.1:${first}`, 'https://cambio.example.com/b'] as const;
    home = await startCluster();
    await home.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
    await home.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    await home.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
    await connect(home, build);
    await home.mustKubectl(['apply', '-f', await writeManifests(join(dir, 'home'), issuers[0], { ci: jwks.ci })]);
    byName = await start(issuers[0], first, '--kubeconfig', await home.kubeconfigForServiceAccount('cambio-system', 'cambio'));
    await home.mustKubectl(['wait', '--for=condition=Ready', 'ti/build', 'xc/deployer', '-n', 'cambio-system', '--timeout=60s']);
    const alone = ['--config-dir', await writeManifests(join(dir, 'alone'), issuers[1], jwks), '--jwks-uri', `https://127.0.0.1:${second}/b/jwks`];
    byDiscoveryURL = await start(issuers[1], second, ...alone, '--default-signing-algorithm', 'RS256');

    const configuration = parse(await readFile(join(example, 'authentication-configuration.yaml'), 'utf8')) as { jwt: { issuer: object }[] };
    const trust = (issuer: object): object => ({ ...configuration.jwt[0], issuer: { ...configuration.jwt[0]?.issuer, certificateAuthority: authority.cert, ...issuer } });
    prod = await startCluster({
      authenticationConfiguration: stringify({
        ...configuration,
        jwt: [trust({ url: byName.issuer }), trust({ url: byDiscoveryURL.issuer, discoveryURL: `${byDiscoveryURL.url}/b/.well-known/openid-configuration` })],
      }),
    });
    await prod.mustKubectl(['apply', '-f', join(example, 'rbac.yaml')]);
    await prod.mustKubectl(['create', 'serviceaccount', 'default', '-n', 'payments']);
    await prod.mustKubectl(['run', 'api', '-n', 'payments', '--image=api']);
    await build.kubectl(['create', 'namespace', 'ci']);
    for (const name of ['runner', 'other']) await build.kubectl(['create', 'serviceaccount', name, '-n', 'ci']);
  });
  afterAll(async () => {
    await Promise.all([byName?.stop(), byDiscoveryURL?.stop()]);
    await Promise.all([home?.stop(), prod?.stop()]);
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  const baseOf = ({ url, issuer }: { url: string; issuer: string }): string => url + new URL(issuer).pathname.replace(/\/$/, '');
  const issue = async (cambio: typeof byName, members: Record<string, string>): Promise<string> => {
    const { status, body } = await exchange(baseOf(cambio), { client_id: 'cambio-system/deployer', ...members }, send);
    expect({ status, body }).toMatchObject({ status: 200 });
    return String(body['access_token']);
  };
  /** kubectl as a pipeline has it: the cluster's address and a token. */
  const as = async (token: string, ...args: string[]): Promise<KubectlResult> => prod.kubectl(args, { kubeconfig: await prod.kubeconfigWithToken('stranger', token) });
  const whoami = async (token: string): Promise<unknown> => {
    const { code, stdout, stderr } = await as(token, 'auth', 'whoami', '-o', 'json');
    return code === 0 ? (JSON.parse(stdout) as { status: { userInfo: object } }).status.userInfo : stderr;
  };

  const identity = (user: string, extra: object = {}): object => ({
    username: `cambio:${user}`,
    groups: ['system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)], 'cambio.dev/client-id': ['cambio-system/deployer'], ...extra },
  });

  describe.each([
    ['by the name in its issuer URL', () => byName, 'ES256'],
    ['by a discoveryURL, with an issuer that has a path', () => byDiscoveryURL, 'RS256'],
  ] as const)('%s', (_name, cambio, alg) => {
    test.each(['access_token', 'jwt', 'id_token'])('a pipeline gets in by a token of type %s', async (type) => {
      const token = await issue(cambio(), { subject_token: await mint({ aud: cambio().issuer }), requested_token_type: `urn:ietf:params:oauth:token-type:${type}` });
      expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: type === 'access_token' ? 'at+jwt' : 'JWT' });
      const { jti } = decodeJwt(token);
      expect(await whoami(token)).toEqual(identity(`demo-ci:${pipeline}`, { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] }));
    });

    test('a ServiceAccount of another cluster gets in', async () => {
      const subject_token = await build.createToken('ci', 'runner', { audiences: [cambio().issuer] });
      expect(await whoami(await issue(cambio(), { subject_token }))).toEqual(identity('build:system:serviceaccount:ci:runner'));
    });
  });

  describe('may do what RBAC says of their name, and no more', () => {
    const subjects = [
      { name: `demo-ci:${pipeline}`, subject: () => mint({ aud: byName.issuer }) },
      { name: 'build:system:serviceaccount:ci:runner', subject: () => build.createToken('ci', 'runner', { audiences: [byName.issuer] }) },
    ];
    test.each(subjects)('$name', async ({ name, subject }) => {
      const token = await issue(byName, { subject_token: await subject() });
      expect(await as(token, 'get', 'pods', '-n', 'payments', '-o', 'name')).toEqual({ code: 0, stdout: 'pod/api\n', stderr: '' });
      const forbidden = (what: string, where: string): object => ({ code: 1, stderr: expect.stringContaining(`User "cambio:${name}" cannot ${what} in API group "" ${where}`) as string });
      expect(await as(token, 'get', 'secrets', '-n', 'payments')).toMatchObject(forbidden('list resource "secrets"', 'in the namespace "payments"'));
      expect(await as(token, 'get', 'pods', '-n', 'kube-system')).toMatchObject(forbidden('list resource "pods"', 'in the namespace "kube-system"'));
      expect(await as(token, 'delete', 'pod', 'api', '-n', 'payments')).toMatchObject(forbidden('delete resource "pods"', 'in the namespace "payments"'));
    });
  });

  test('kubectl itself fetches a token, by a credential plugin in its kubeconfig', async () => {
    const [kubeconfig, caFile, tokenFile] = [join(dir, 'exec.kubeconfig'), join(dir, 'ca.crt'), join(dir, 'token')];
    await writeFile(caFile, authority.cert);
    await writeFile(tokenFile, await mint({ aud: byName.issuer }));
    const env = Object.entries({ ISSUER: byName.issuer, SUBJECT_TOKEN_FILE: tokenFile, CURL_CA_BUNDLE: caFile }).map(([name, value]) => ({ name, value }));
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Never', command: join(example, 'credential.sh'), env };
    const config = parse(await readFile(await prod.kubeconfigWithToken('exec', 'none'), 'utf8')) as object;
    await writeFile(kubeconfig, stringify({ ...config, users: [{ name: 'exec', user: { exec } }] }));
    expect(await prod.kubectl(['get', 'pods', '-n', 'payments', '-o', 'name'], { kubeconfig })).toEqual({ code: 0, stdout: 'pod/api\n', stderr: '' });
    await writeFile(tokenFile, await mint({ aud: byName.issuer, sub: 'repo:mallory/payments:environment:prod' }));
    expect(await prod.kubectl(['get', 'pods', '-n', 'payments'], { kubeconfig })).toMatchObject({ code: 1, stderr: expect.stringContaining('The subject token or the actor token is invalid or not acceptable.') as string });
  });

  describe('who is not let in', () => {
    const strangers: { name: string; token: () => Promise<string> }[] = [
      { name: 'the pipeline by its own token', token: () => mint({ aud: byName.issuer }) },
      { name: 'the pipeline by its own token, made for the API server', token: () => mint({ aud: 'kubernetes-prod' }) },
      { name: 'the ServiceAccount by its own token', token: () => build.createToken('ci', 'runner', { audiences: ['kubernetes-prod'] }) },
      { name: 'who has a token for another cluster', token: async () => issue(byName, { subject_token: await mint({ aud: byName.issuer }), audience: 'kubernetes-staging' }) },
      { name: 'who makes the claims of a token larger', token: async () => forge(await issue(byName, { subject_token: await mint({ aud: byName.issuer }) })) },
    ];
    test.each(strangers)('$name', async ({ token }) => {
      expect(await whoami(await token())).toContain('You must be logged in to the server');
    });

    test.each([
      { name: 'another pipeline', subject: () => mint({ aud: byName.issuer, sub: 'repo:mallory/payments:environment:prod' }) },
      { name: 'another ServiceAccount', subject: () => build.createToken('ci', 'other', { audiences: [byName.issuer] }) },
      { name: 'a token that was made for the other Cambio', subject: () => mint({ aud: byDiscoveryURL.issuer }) },
    ])('$name gets no token', async ({ subject }) => {
      expect(await exchange(byName.url, { client_id: 'cambio-system/deployer', subject_token: await subject() }, send)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    });
  });
});

/** The same token with another subject, and the signature as it was. */
function forge(token: string): string {
  const [header, payload, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object;
  return [header, Buffer.from(JSON.stringify({ ...claims, sub: 'system:admin' })).toString('base64url'), signature].join('.');
}

/** Gives Cambio in `home` a credential for the other cluster, that may read its public keys and nothing else. */
async function connect(home: ClusterClient, other: ClusterClient): Promise<void> {
  await other.kubectl(['create', 'namespace', 'cambio-access']);
  await other.kubectl(['create', 'serviceaccount', 'cambio', '-n', 'cambio-access']);
  await other.kubectl(['create', 'clusterrolebinding', 'cambio-keys', '--clusterrole=system:service-account-issuer-discovery', '--serviceaccount=cambio-access:cambio']);
  const values = { server: other.server, 'ca.crt': other.caData, token: await other.createToken('cambio-access', 'cambio') };
  await home.mustKubectl(['create', 'secret', 'generic', 'build', '-n', 'cambio-system', ...Object.entries(values).map(([key, value]) => `--from-literal=${key}=${value}`)]);
  await home.mustKubectl(['label', 'secret', 'build', '-n', 'cambio-system', 'cambio.dev/remote-cluster=true']);
}

/** The example's manifests in a folder, for an issuer URL, with every type of token, a second target, and the keys that are given in place of the example's. */
async function writeManifests(folder: string, issuer: string, jwks: { ci: string; build?: string }): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const file of ['issuers.yaml', 'deployer.yaml']) {
    const documents = (await readFile(join(example, 'manifests', file), 'utf8')).replaceAll('https://cambio.example.com', issuer).split('---\n').map((text) => parse(text) as { metadata: { name: string }; spec: { verification?: object; targets?: object[] } });
    for (const { metadata, spec } of documents) {
      const keys = metadata.name === 'build' ? jwks.build : jwks.ci;
      if (spec.verification !== undefined && keys !== undefined) spec.verification = { jwks: keys };
      if (spec.targets !== undefined) spec.targets = [{ ...spec.targets[0], tokenTypes: ['access_token', 'jwt', 'id_token'] }, { audience: 'kubernetes-staging' }];
    }
    await writeFile(join(folder, file), documents.map((document) => stringify(document)).join('---\n'));
  }
  return folder;
}
