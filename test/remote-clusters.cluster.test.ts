// Two clusters with one issuer URL: Cambio in the one, under the rights in deploy/, and the other connected as docs/remote-clusters.md says.
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startCluster, type TestCluster } from './cluster/start-cluster.ts';
import { exchange, startCambio, until, type Answer, type RunningCambio } from './start-cambio.ts';

const issuer = 'https://cambio.example.com';
const url = 'https://kubernetes.default.svc.cluster.local';
const ledger = 'https://ledger.example.com';
const root = join(import.meta.dirname, '..');
const example = (name: string): string => join('examples/two-clusters', name);
const refusal = { error: 'invalid_request', error_description: 'The subject token or the actor token is invalid or not acceptable.' };

describe.skipIf(!inject('cluster').available)('two clusters with one issuer URL', () => {
  let home: TestCluster;
  let west: TestCluster;
  let cambio: RunningCambio;
  /** Every token that was made, by the cluster that signed it. */
  const made = new Map<TestCluster, string[]>();

  beforeAll(async () => {
    [home, west] = await Promise.all([startCluster({ auditRequests: true }), startCluster({ auditRequests: true })]);
    for (const cluster of [home, west]) {
      made.set(cluster, []);
      await cluster.mustKubectl(['create', 'namespace', 'billing']);
      await cluster.mustKubectl(['create', 'serviceaccount', 'api', '-n', 'billing']);
      await cluster.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify(pod) });
    }
    await home.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
    await home.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all'], { cwd: root });
    await home.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
    await west.mustKubectl(['apply', '-f', example('other-cluster.yaml')], { cwd: root });
    await connect('west', 'cambio');
    await home.mustKubectl(['apply', '-f', example('manifests')], { cwd: root });
    await apply(issuerManifest('home-keys', { kubernetesDiscovery: {} }, {}), issuerManifest('west-keys', { kubernetesDiscovery: { cluster: { secretRef: { name: 'west' } } } }));
    await apply(clientManifest('by-keys', ['home-keys', 'west-keys']));
    const kubeconfig = await home.kubeconfigForServiceAccount('cambio-system', 'cambio');
    cambio = await startCambio(['--kubeconfig', kubeconfig, '--issuer', issuer, '--token-review-cache', '0s']);
    await cambio.untilReady();
    await ready('ti/in-cluster', 'ti/west', 'ti/home-keys', 'ti/west-keys', 'xc/billing', 'xc/by-keys');
  });
  afterAll(async () => {
    await cambio?.stop();
    await Promise.all([home?.stop(), west?.stop()]);
  });

  /** Steps 2 and 3 of the page: a token of a ServiceAccount in the other cluster, and the Secret beside Cambio. */
  async function connect(name: string, account: string, more: Record<string, string> = {}): Promise<void> {
    const values = { server: west.server, 'ca.crt': west.caData, token: await west.createToken('cambio-access', account), ...more };
    const literals = Object.entries(values).map(([key, value]) => `--from-literal=${key}=${value}`);
    await home.mustKubectl(['create', 'secret', 'generic', name, '-n', 'cambio-system', ...literals]);
    await label(name, 'cambio.dev/remote-cluster=true');
  }

  const label = (secret: string, value: string): Promise<string> => home.mustKubectl(['label', 'secret', secret, '-n', 'cambio-system', value]);
  const setSecret = (stringData: Record<string, string>): Promise<string> => home.mustKubectl(['patch', 'secret', 'west', '-n', 'cambio-system', '-p', JSON.stringify({ stringData })]);
  const renewToken = (): Promise<unknown> => promisify(execFile)('sh', ['-c', renewal], { env: { ...process.env, KUBECTL: home.kubectlPath, HOME_CONFIG: home.kubeconfig, WEST_CONFIG: west.kubeconfig } });
  const apply = (...items: object[]): Promise<string> => home.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const ready = (...objects: string[]): Promise<string> => home.mustKubectl(['wait', '--for=condition=Ready', ...objects, '-n', 'cambio-system', '--timeout=60s']);

  /** The conditions of a TrustedIssuer: `Type=Status Reason`, and the message of one. */
  async function statusOf(name: string): Promise<{ conditions: string[]; messageOf: (type: string) => string | undefined }> {
    const object = JSON.parse(await home.mustKubectl(['get', 'ti', name, '-o', 'json'])) as { status?: { conditions?: { type: string; status: string; reason: string; message: string }[] } };
    const conditions = object.status?.conditions ?? [];
    return {
      conditions: conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`).toSorted(),
      messageOf: (type) => conditions.find((condition) => condition.type === type)?.message,
    };
  }
  /** The keys of a TrustedIssuer can't be had, and the log says why. (Its status does, too, but less often the more often that changes.) */
  const logSays = (name: string, why: RegExp, from = 0): Promise<void> =>
    until(() => cambio.log.slice(from).some((line) => line.includes(`"issuer":"${name}"`) && why.test(String((JSON.parse(line) as { message?: unknown }).message))), `the log says ${why.source}`);
  const becomes = (name: string, condition: string): Promise<void> => until(async () => (await statusOf(name)).conditions.includes(condition), `${name} is ${condition}`);

  async function token(cluster: TestCluster, options: { audiences?: string[]; pod?: string } = {}): Promise<string> {
    const text = await cluster.createToken('billing', 'api', { audiences: [issuer], ...options });
    made.get(cluster)?.push(text);
    return text;
  }
  const ask = (subject_token: string, client = 'billing'): Promise<Answer> => exchange(cambio.url, { client_id: `cambio-system/${client}`, subject_token });
  /** Waits until tokens of west are answered so, however they are verified. */
  const waitForWest = async (status: number): Promise<void> => {
    for (const client of ['billing', 'by-keys']) await until(async () => (await ask(await token(west), client)).status === status, `a token of west is answered with ${status}`);
  };
  const waitFor503 = (): Promise<void> => waitForWest(503);
  const waitFor200 = (): Promise<void> => waitForWest(200);
  const subjectOf = ({ body }: Answer): unknown => (typeof body['access_token'] === 'string' ? decodeJwt(body['access_token']).sub : body);

  /** The tokens that an API server was asked about. */
  async function reviewed(cluster: TestCluster): Promise<string[]> {
    const lines = (await readFile(cluster.auditLogPath ?? '', 'utf8')).split('\n').filter((line) => line.includes('"tokenreviews"'));
    return lines.map((line) => (JSON.parse(line) as { requestObject?: { spec?: { token?: string } } }).requestObject?.spec?.token ?? '');
  }

  test('kubectl get ti shows how each is verified, and with how many keys', async () => {
    const rows = (await home.mustKubectl(['get', 'ti'])).trim().split('\n').map((row) => row.split(/ {2,}/).slice(0, 5));
    expect(rows).toEqual([
      ['NAME', 'ISSUER', 'VERIFICATION', 'KEYS', 'READY'],
      ['home-keys', url, 'kubernetesDiscovery', '1', 'True'],
      ['in-cluster', url, 'tokenReview', '1', 'True'],
      ['west', url, 'tokenReview', '1', 'True'],
      ['west-keys', url, 'kubernetesDiscovery', '1', 'True'],
    ]);
  });

  describe('a token finds its own cluster', () => {
    const subject = 'system:serviceaccount:billing:api';
    test.each([
      { way: 'tokenReview', client: 'billing', subjects: [`in-cluster:${subject}`, `west:${subject}`] },
      { way: 'kubernetesDiscovery', client: 'by-keys', subjects: [`home-keys:${subject}`, `west-keys:${subject}`] },
    ])('by $way: of a ServiceAccount, and of a pod', async ({ client, subjects }) => {
      for (const options of [{}, { pod: 'api' }]) {
        const answers = [await ask(await token(home, options), client), await ask(await token(west, options), client)];
        expect(answers.map(subjectOf)).toEqual(subjects);
      }
    });

    test('which says itself of what cluster it is: what is issued does not name a subject of an issuer with a shared URL', async () => {
      const { body } = await ask(await token(west));
      expect(decodeJwt(String(body['access_token']))).not.toHaveProperty('sub_id');
    });
  });

  describe('is refused, and nobody is asked about it: a token', () => {
    test('that verifies under two TrustedIssuers', async () => {
      await apply(clientManifest('twice', ['west', 'west-keys']));
      await ready('xc/twice');
      const subjectToken = await token(west);
      const answer = await ask(subjectToken, 'twice');
      expect([answer.status, answer.body]).toEqual([400, refusal]);
      expect(await cambio.auditOf(answer)).toMatchObject({ check: 'subject-issuer', reason: 'subject token: it verifies under more than one TrustedIssuer' });
      expect([await reviewed(home), await reviewed(west)].flat()).not.toContain(subjectToken);
    });

    test.each([
      { name: 'signed by neither, with the kid of one', kid: (real: string) => decodeProtectedHeader(real).kid, reason: 'west: the signature does not verify' },
      { name: 'signed by neither, with a kid of nobody', kid: () => 'unknown', reason: 'west: no key of the issuer has its kid and fits its alg' },
      { name: 'signed by neither, without a kid', kid: () => undefined, reason: 'west: the signature does not verify' },
    ])('$name', async ({ kid, reason }) => {
      const real = await token(west);
      const { privateKey } = await generateKeyPair('RS256');
      const id = kid(real);
      const forged = await new SignJWT(decodeJwt(real)).setProtectedHeader({ alg: 'RS256', ...(id === undefined ? {} : { kid: id }) }).sign(privateKey);
      const answer = await ask(forged);
      expect([answer.status, answer.body]).toEqual([400, refusal]);
      expect(await cambio.auditOf(answer)).toMatchObject({ check: 'subject-token', reason: expect.stringContaining(reason) as unknown });
      expect([await reviewed(home), await reviewed(west)].flat()).not.toContain(forged);
    });

    test('that is for the API server of its cluster, alone or beside Cambio', async () => {
      for (const audiences of [[url], [issuer, url]]) {
        const subjectToken = await token(west, { audiences });
        expect((await ask(subjectToken)).status).toBe(400);
        expect(await reviewed(west)).not.toContain(subjectToken);
      }
    });
  });

  describe('what the Secret says is followed without a restart', () => {
    test('a token that is not accepted there, and one that is', async () => {
      await setSecret({ token: 'not-a-token' });
      await until(async () => (await ask(await token(west))).status === 503, 'tokens of west wait');
      expect(subjectOf(await ask(await token(west), 'by-keys'))).toBe('west-keys:system:serviceaccount:billing:api');
      expect((await ask(await token(home))).status).toBe(200);
      await renewToken();
      await waitFor200();
    });

    test('another server: its keys are its own', async () => {
      await setSecret({ server: 'https://127.0.0.1:1' });
      await waitFor503();
      await logSays('west', /^the API server can not be reached: /);
      expect((await ask(await token(home))).status).toBe(200);
      await setSecret({ server: west.server });
      await waitFor200();
    });

    test('a broken one, one without the label, none', async () => {
      await setSecret({ 'ca.crt': 'x' });
      await waitFor503();
      await logSays('west', /^Secret west: ca\.crt holds no certificate in PEM/);
      await setSecret({ 'ca.crt': west.caData });
      await waitFor200();

      await label('west', 'cambio.dev/remote-cluster-');
      await waitFor503();
      await logSays('west', /^there is no Secret west with the label cambio\.dev\/remote-cluster: "true" in namespace cambio-system$/);
      const answer = await ask(await token(west));
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await cambio.auditOf(answer)).toMatchObject({ outcome: 'failed', check: 'issuer-keys' });
      await label('west', 'cambio.dev/remote-cluster=true');
      await waitFor200();

      await home.mustKubectl(['delete', 'secret', 'west', '-n', 'cambio-system']);
      await waitFor503();
      for (const client of ['billing', 'by-keys']) expect((await ask(await token(home), client)).status).toBe(200);
      await connect('west', 'cambio');
      await waitFor200();
    });

    test('a TrustedIssuer that is there before its Secret says what is missing, and is ready when it is there', async () => {
      await apply(issuerManifest('early', { kubernetesDiscovery: { cluster: { secretRef: { name: 'late' } } } }));
      const message = 'there is no Secret late with the label cambio.dev/remote-cluster: "true" in namespace cambio-system';
      await until(async () => (await statusOf('early')).messageOf('KeysAvailable') === message, 'its status says so');
      expect((await statusOf('early')).conditions).toEqual(['Accepted=True Accepted', 'KeysAvailable=False FetchFailed', 'Ready=False KeysUnavailable', 'Reconciling=True KeysUnavailable']);
      await connect('late', 'cambio');
      await ready('ti/early');
      await home.mustKubectl(['delete', 'ti/early', 'secret/late', '-n', 'cambio-system']);
    });
  });

  test('an API server that keeps its keys to itself must not be asked as long as another has its URL', async () => {
    await west.mustKubectl(['create', 'serviceaccount', 'blind', '-n', 'cambio-access']);
    await west.mustKubectl(['create', 'clusterrolebinding', 'blind', '--clusterrole=cambio-token-reviews', '--serviceaccount=cambio-access:blind']);
    const everybody = await west.mustKubectl(['get', 'clusterrolebinding', 'system:service-account-issuer-discovery', '-o', 'json']);
    await west.mustKubectl(['delete', 'clusterrolebinding', 'system:service-account-issuer-discovery']);
    await connect('blind', 'blind');
    await apply(issuerManifest('blind', { tokenReview: { cluster: { secretRef: { name: 'blind' } } } }), clientManifest('blind', ['blind']));
    await becomes('blind', 'Accepted=False KeysRequired');
    expect((await statusOf('blind')).messageOf('Accepted')).toMatch(/home-keys, in-cluster, west, west-keys/);
    const subjectToken = await token(west);
    expect((await ask(subjectToken, 'blind')).status).toBe(400);
    expect(await reviewed(west)).not.toContain(subjectToken);

    await west.mustKubectl(['create', '-f', '-'], { stdin: everybody });
    await home.mustKubectl(['annotate', 'secret', 'blind', '-n', 'cambio-system', 'try=again']);
    await ready('ti/blind');
    expect(subjectOf(await ask(subjectToken, 'blind'))).toBe('blind:system:serviceaccount:billing:api');
    await home.mustKubectl(['delete', 'ti/blind']);
  });

  test('while the other cluster is away its tokens wait, and no others', async () => {
    await until(async () => (await ask(await token(west), 'by-keys')).status === 200, 'the keys of west are known');
    const [first, second, ofHome] = [await token(west), await token(west), await token(home)];
    west.pauseApiServer();
    try {
      const hung = ask(first);
      expect((await ask(ofHome)).status).toBe(200);
      expect((await ask(ofHome, 'by-keys')).status).toBe(200);
      const answer = await hung;
      expect([answer.status, answer.body['error'], answer.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '5']);
      // What was fetched before still verifies.
      expect((await ask(second, 'by-keys')).status).toBe(200);
    } finally {
      west.resumeApiServer();
    }
    await west.stopApiServer();
    expect([(await ask(second)).status, (await ask(ofHome)).status]).toEqual([503, 200]);
    await west.startApiServer();
    await until(async () => (await ask(second)).status === 200, 'tokens of west are exchanged');
  });

  test('other keys in the other cluster: its new tokens are exchanged, and its old ones no longer', async () => {
    const old = await token(west);
    expect((await ask(old, 'by-keys')).status).toBe(200);
    await west.stopApiServer();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(west.serviceAccountKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await west.startApiServer();
    // The credential for it was signed with the old key, too.
    await renewToken();
    for (const client of ['billing', 'by-keys']) {
      await until(async () => (await ask(await token(west), client)).status === 200, 'new tokens are exchanged');
      expect((await ask(old, client)).status).toBe(400);
    }
  });

  test('two clusters that sign with one key: no token of either can be told, and nobody is asked', async () => {
    await west.stopApiServer();
    await copyFile(home.serviceAccountKeyFile, west.serviceAccountKeyFile);
    await west.startApiServer();
    const before = cambio.log.length;
    await setSecret({ server: 'https://127.0.0.1:1' });
    for (const name of ['west', 'west-keys']) await logSays(name, /^the API server can not be reached: /, before);
    await renewToken();
    await setSecret({ server: west.server });
    for (const client of ['billing', 'by-keys']) await until(async () => (await ask(await token(home), client)).status === 400, 'the keys of west are known');
    await becomes('home-keys', 'KeysAvailable=True SharedKey');
    expect((await statusOf('home-keys')).messageOf('KeysAvailable')).toMatch(/^TrustedIssuer .*west.* has the same URL and a key of this one: a token that both verify is refused$/);
    for (const client of ['billing', 'by-keys']) {
      for (const cluster of [home, west]) {
        const subjectToken = await token(cluster);
        const answer = await ask(subjectToken, client);
        expect([answer.status, answer.body]).toEqual([400, refusal]);
        expect(await cambio.auditOf(answer)).toMatchObject({ check: 'subject-issuer', reason: 'subject token: it verifies under more than one TrustedIssuer' });
        expect([await reviewed(home), await reviewed(west)].flat()).not.toContain(subjectToken);
      }
    }
  });

  test('no API server was ever asked about a token of the other', async () => {
    for (const [cluster, other] of [[home, west], [west, home]] as const) {
      const asked = await reviewed(cluster);
      expect(made.get(cluster)?.filter((text) => asked.includes(text)).length).toBeGreaterThan(3);
      expect(made.get(other)?.filter((text) => asked.includes(text))).toEqual([]);
      // Nor was any other token ever shown to it, by which somebody could have been known there.
      const log = await readFile(cluster.auditLogPath ?? '', 'utf8');
      expect(made.get(other)?.filter((text) => log.includes(text.split('.')[2] ?? ''))).toEqual([]);
    }
  });

  test('the log holds no token, and nothing of the Secrets', () => {
    const written = cambio.log.join('\n');
    for (const text of [...(made.get(home) ?? []), ...(made.get(west) ?? [])]) expect(written.includes(text.split('.')[2] ?? '')).toBe(false);
    expect(written).not.toContain(west.caData.split('\n')[1]);
    expect(written).not.toContain('not-a-token');
  });
});

/** As the page has it: from the one cluster into the other, without a file. */
const renewal = `
"$KUBECTL" --kubeconfig "$WEST_CONFIG" -n cambio-access create token cambio --duration=720h |
  "$KUBECTL" --kubeconfig "$HOME_CONFIG" -n cambio-system create secret generic west --from-file=token=/dev/stdin --dry-run=client -o yaml |
  "$KUBECTL" --kubeconfig "$HOME_CONFIG" -n cambio-system patch secret west --patch-file /dev/stdin
`;

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'api', namespace: 'billing' },
  spec: { serviceAccountName: 'api', containers: [{ name: 'api', image: 'example.com/api' }] },
};

function issuerManifest(name: string, verification: object, named: object = { url }): object {
  return {
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'TrustedIssuer',
    metadata: { name },
    spec: { issuer: { ...named, audiences: [issuer] }, verification },
  };
}

function clientManifest(name: string, issuers: readonly string[]): object {
  return {
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'ExchangeClient',
    metadata: { name, namespace: 'cambio-system' },
    spec: {
      authentication: { none: {} },
      subjects: issuers.map((of) => ({ issuerRef: { name: of }, serviceAccounts: [{ namespace: 'billing', name: 'api' }] })),
      targets: [{ audience: ledger, lifetimeSeconds: 300, default: true }],
    },
  };
}
