// The whole operator on a real API server, under the rights in deploy/ and no more.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeJwt, exportJWK, generateKeyPair, importPKCS8, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectCluster, type ClusterClient } from './cluster/connect-cluster.ts';
import { startCluster, type TestCluster } from './cluster/start-cluster.ts';
import { exchange, startCambio, until, type RunningCambio } from './start-cambio.ts';

const issuer = 'https://cambio.example.com';
const ledger = 'https://ledger.example.com';
const root = join(import.meta.dirname, '..');
const provided = inject('cluster');

/** What an administrator applies, and Cambio with its own ServiceAccount. */
async function installed(cluster: ClusterClient): Promise<RunningCambio> {
  await cluster.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
  await cluster.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all'], { cwd: root });
  await cluster.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
  const kubeconfig = await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio');
  const cambio = await startCambio(['--kubeconfig', kubeconfig, '--issuer', issuer]);
  await cambio.untilReady();
  return cambio;
}

describe.skipIf(!provided.available)('the operator', () => {
  let cluster: ClusterClient;
  let cambio: RunningCambio;
  const ci = generateKeyPair('RS256');

  const apply = (manifest: object): Promise<string> => cluster.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify(manifest) });
  const ready = (...objects: string[]): Promise<string> => cluster.mustKubectl(['wait', '--for=condition=Ready', ...objects, '-n', 'cambio-system', '--timeout=60s']);
  const statusOf = async (kind: string, name: string): Promise<Record<string, { status: string; reason: string; message: string }>> => {
    const object = JSON.parse(await cluster.mustKubectl(['get', kind, name, '-n', 'cambio-system', '-o', 'json'])) as {
      status?: { conditions?: { type: string; status: string; reason: string; message: string }[] };
    };
    return Object.fromEntries((object.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  };
  const mint = async (claims: object = {}): Promise<string> =>
    new SignJWT({ iss: 'https://ci.example.com', sub: 'repo:acme/payments', aud: issuer, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'ci' })
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign((await ci).privateKey);

  beforeAll(async () => {
    if (!provided.available) return;
    cluster = connectCluster(provided.handle);
    cambio = await installed(cluster);
    const jwk = { ...(await exportJWK((await ci).publicKey)), kid: 'ci', alg: 'RS256' };
    await cluster.mustKubectl(['apply', '-f', 'examples/cluster/manifests/'], { cwd: root });
    await apply(issuerManifest('op-ci', { jwks: JSON.stringify({ keys: [jwk] }) }));
    await apply(clientManifest('op-ci-client', { subjects: [{ issuerRef: { name: 'op-ci' }, subject: 'repo:acme/payments' }] }));
    await ready('ti/in-cluster', 'ti/op-ci', 'xc/payments', 'xc/op-ci-client');
  });
  afterAll(async () => {
    await cambio?.stop();
  });

  describe('a ServiceAccount token, by TokenReview', () => {
    test('of a pod is exchanged, and what is issued verifies with the published keys', async () => {
      const token = await cluster.createToken('payments', 'api', { audiences: [issuer], pod: 'api' });
      const { status, body } = await exchange(cambio.url, { client_id: 'cambio-system/payments', subject_token: token });
      expect({ status, body }).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 300, scope: 'read' } });
      const { payload, protectedHeader } = await jwtVerify(String(body['access_token']), createRemoteJWKSet(new URL(`${cambio.url}/jwks`)), { issuer, audience: ledger, typ: 'at+jwt' });
      expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
      expect(payload).toMatchObject({
        sub: 'in-cluster:system:serviceaccount:payments:api',
        client_id: 'cambio-system/payments',
        sub_id: { format: 'iss_sub', iss: 'https://kubernetes.default.svc.cluster.local', sub: 'system:serviceaccount:payments:api' },
      });
    });

    const odd: { name: string; token: () => Promise<string>; reason: string }[] = [
      { name: 'for the API server', token: () => cluster.createToken('payments', 'api'), reason: `aud has none of the issuer's audiences: it has "https://kubernetes.default.svc.cluster.local", and they are "${issuer}"` },
      { name: 'for another service', token: () => cluster.createToken('payments', 'api', { audiences: ['https://other.example.com'] }), reason: `aud has none of the issuer's audiences: it has "https://other.example.com", and they are "${issuer}"` },
      {
        name: 'for Cambio and the API server at once',
        token: () => cluster.createToken('payments', 'api', { audiences: [issuer, 'https://kubernetes.default.svc.cluster.local'] }),
        reason: 'aud has an audience of the API server: "https://kubernetes.default.svc.cluster.local"',
      },
      { name: 'whose signature was changed', token: async () => tampered(await cluster.createToken('payments', 'api', { audiences: [issuer] })), reason: 'the signature does not verify' },
      { name: 'signed by somebody else', token: () => asCluster({}, true), reason: 'TokenReview did not authenticate it' },
      { name: 'of a ServiceAccount that does not exist', token: () => asCluster({ name: 'nobody' }), reason: 'TokenReview did not authenticate it' },
      { name: 'of an older ServiceAccount of that name', token: () => asCluster({ uid: '00000000-0000-0000-0000-000000000000' }), reason: 'TokenReview did not authenticate it' },
    ];
    test.each(odd)('$name is refused', async ({ token, reason }) => {
      const answer = await exchange(cambio.url, { client_id: 'cambio-system/payments', subject_token: await token() });
      expect({ status: answer.status, body: answer.body }).toEqual({
        status: 400,
        body: { error: 'invalid_request', error_description: 'The subject token or the actor token is invalid or not acceptable.' },
      });
      expect(await cambio.auditOf(answer)).toMatchObject({ outcome: 'denied', check: 'subject-token', reason: `subject token: in-cluster: ${reason}` });
    });

    const others = [
      { name: 'of another ServiceAccount', namespace: 'payments', account: 'other' },
      { name: 'of the same name in another namespace', namespace: 'elsewhere', account: 'api' },
    ];
    test.each(others)('$name is refused', async ({ namespace, account }) => {
      await cluster.kubectl(['create', 'namespace', namespace]);
      await cluster.mustKubectl(['create', 'serviceaccount', account, '-n', namespace]);
      const token = await cluster.createToken(namespace, account, { audiences: [issuer] });
      const answer = await exchange(cambio.url, { client_id: 'cambio-system/payments', subject_token: token });
      expect(answer.status).toBe(400);
      expect(await cambio.auditOf(answer)).toMatchObject({ check: 'subject', reason: `no entry of subjects matches system:serviceaccount:${namespace}:${account} of TrustedIssuer in-cluster` });
    });

    /** A token with the cluster's own claims, signed with the cluster's key or, forged, with another. */
    async function asCluster(account: { name?: string; uid?: string }, forged = false): Promise<string> {
      const real = decodeJwt(await cluster.createToken('payments', 'api', { audiences: [issuer] }));
      const bound = real['kubernetes.io'] as { serviceaccount: object };
      const serviceaccount = { ...bound.serviceaccount, ...account };
      const sub = `system:serviceaccount:payments:${account.name ?? 'api'}`;
      const key = forged ? (await ci).privateKey : await importPKCS8(await readFile(cluster.serviceAccountKeyFile, 'utf8'), 'RS256');
      return new SignJWT({ ...real, sub, 'kubernetes.io': { ...bound, serviceaccount } }).setProtectedHeader({ alg: 'RS256' }).sign(key);
    }
  });

  test('a token of a CI system, by the keys in the manifest, is exchanged', async () => {
    const { status, body } = await exchange(cambio.url, { client_id: 'cambio-system/op-ci-client', subject_token: await mint() });
    expect(status).toBe(200);
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ iss: issuer, sub: 'op-ci:repo:acme/payments', aud: ledger });
  });

  describe('what kubectl does is in force at once', () => {
    const ask = async (name: string): Promise<[number, unknown]> => {
      const { status, body } = await exchange(cambio.url, { client_id: `cambio-system/${name}`, subject_token: await mint() });
      return [status, body['expires_in'] ?? body['error']];
    };
    const becomes = (name: string, wanted: [number, unknown]): Promise<void> =>
      until(async () => JSON.stringify(await ask(name)) === JSON.stringify(wanted), `${name} answers ${wanted.join(' ')}`);

    test('make, edit, suspend, resume, delete, make again', async () => {
      const entry = { issuerRef: { name: 'op-ci' }, subject: 'repo:acme/payments' };
      const make = (more: object): Promise<string> => apply(clientManifest('op-edited', { subjects: [entry], ...more }));
      expect(await ask('op-edited')).toEqual([401, 'invalid_client']);
      await make({});
      await becomes('op-edited', [200, 300]);
      await make({ targets: [{ audience: ledger, lifetimeSeconds: 120, default: true }] });
      await becomes('op-edited', [200, 120]);
      await make({ subjects: [{ ...entry, subject: 'repo:acme/other' }] });
      await becomes('op-edited', [400, 'invalid_request']);
      await make({ suspend: true });
      await becomes('op-edited', [401, 'invalid_client']);
      await make({ suspend: false });
      await becomes('op-edited', [200, 300]);
      await cluster.mustKubectl(['delete', 'xc', 'op-edited', '-n', 'cambio-system']);
      await becomes('op-edited', [401, 'invalid_client']);
      await make({});
      await becomes('op-edited', [200, 300]);
    });

    test('an issuer that is suspended takes its tokens along, and a client of another one goes on', async () => {
      const spec = JSON.parse(await cluster.mustKubectl(['get', 'ti', 'op-ci', '-o', 'json'])) as { spec: { verification: object } };
      await apply(issuerManifest('op-flapping', spec.spec.verification, { issuer: { url: 'https://ci.example.com', audiences: [issuer] } }));
      await apply(clientManifest('op-flapping', { subjects: [{ issuerRef: { name: 'op-flapping' }, subject: 'repo:acme/payments' }] }));
      await becomes('op-flapping', [200, 300]);
      await cluster.mustKubectl(['patch', 'ti', 'op-flapping', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
      await becomes('op-flapping', [400, 'invalid_request']);
      expect((await exchange(cambio.url, { client_id: 'cambio-system/op-ci-client', subject_token: await mint() })).status).toBe(200);
      await until(async () => (await statusOf('xc', 'op-flapping'))['Ready']?.status === 'False', 'its status says so');
      expect((await statusOf('xc', 'op-flapping'))['Ready']).toMatchObject({ status: 'False', reason: 'NothingLoaded' });
      await cluster.mustKubectl(['delete', 'ti/op-flapping', 'xc/op-flapping', '-n', 'cambio-system']);
    });
  });

  describe('a mistake keeps its own object out, says why, and touches nothing else', () => {
    const good = clientManifest('op-typo', { subjects: [{ issuerRef: { name: 'op-ci' }, subject: 'repo:acme/payments' }] }) as { spec: Record<string, unknown> };
    const [target] = good.spec['targets'] as object[];
    const typos: { name: string; spec: object; message: string }[] = [
      { name: 'at the top of spec', spec: { ...good.spec, suspended: true }, message: 'spec.suspended: unknown field; did you mean suspend?' },
      { name: 'in a target', spec: { ...good.spec, targets: [{ ...target, lifetimeSecond: 60 }] }, message: 'spec.targets[0].lifetimeSecond: unknown field; did you mean lifetimeSeconds?' },
      { name: 'in a subject', spec: { ...good.spec, subjects: [{ issuerRef: { name: 'op-ci' }, subject: 'repo:acme/payments', condition: [] }] }, message: 'spec.subjects[0].condition: unknown field' },
      { name: 'in a reference', spec: { ...good.spec, subjects: [{ issuerRef: { name: 'op-ci', nmae: 'x' }, subject: 'repo:acme/payments' }] }, message: 'spec.subjects[0].issuerRef.nmae: unknown field; did you mean name?' },
      { name: 'in a ServiceAccount', spec: { ...good.spec, subjects: [{ issuerRef: { name: 'in-cluster' }, serviceAccounts: [{ name: 'api', uuid: 'x' }] }] }, message: 'spec.subjects[0].serviceAccounts[0].uuid: unknown field; did you mean uid?' },
      { name: 'in the authentication', spec: { ...good.spec, authentication: { none: { really: true } } }, message: 'spec.authentication.none.really: unknown field' },
    ];
    test.each(typos)('a typo $name, from a client that does not ask for strict validation', async ({ spec, message }) => {
      const text = JSON.stringify({ ...good, spec });
      await cluster.mustKubectl(['replace', '--force', '--validate=false', '-f', '-'], { stdin: text });
      await until(async () => (await statusOf('xc', 'op-typo'))['Accepted'] !== undefined, 'the status is there');
      expect((await statusOf('xc', 'op-typo'))['Accepted']).toMatchObject({ status: 'False', reason: 'UnknownField', message: expect.stringContaining(message) as string });
      const { status } = await exchange(cambio.url, { client_id: 'cambio-system/op-typo', subject_token: await mint() });
      expect(status).toBe(401);
      await cluster.mustKubectl(['delete', 'xc', 'op-typo', '-n', 'cambio-system']);
    });

    test('a suspend beside spec, where the API server would drop it, is seen too', async () => {
      await cluster.mustKubectl(['create', '--validate=false', '-f', '-'], { stdin: JSON.stringify({ ...good, suspend: true }) });
      await until(async () => (await statusOf('xc', 'op-typo'))['Accepted'] !== undefined, 'the status is there');
      expect((await statusOf('xc', 'op-typo'))['Accepted']).toMatchObject({ status: 'False', reason: 'UnknownField' });
      await cluster.mustKubectl(['delete', 'xc', 'op-typo', '-n', 'cambio-system']);
    });

    test('to an ExchangeClient outside the trusted namespaces nothing is granted that no other object grants', async () => {
      await cluster.kubectl(['create', 'namespace', 'tenant']);
      const manifest = { ...good, metadata: { name: 'op-tenant', namespace: 'tenant' } };
      await apply(manifest);
      await until(async () => (await cluster.mustKubectl(['get', 'xc', 'op-tenant', '-n', 'tenant', '-o', 'wide'])).includes('NothingLoaded'), 'its status says so');
      const answer = await exchange(cambio.url, { client_id: 'tenant/op-tenant', subject_token: await mint() });
      expect(answer.status).toBe(400);
      expect(await cambio.auditOf(answer)).toMatchObject({ check: 'subject-issuer', reason: expect.stringContaining('IssuerNotPermitted') as string });
    });

    test('the API server refuses what the schema can tell, in words', async () => {
      const two = { ...good, spec: { ...good.spec, authentication: {} } };
      const { code, stderr } = await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(two) });
      expect(code).toBe(1);
      expect(stderr).toContain('exactly one of none must be set');
    });
  });

  test('the quickstart\'s manifests are good for kubectl as well', async () => {
    await cluster.kubectl(['create', 'namespace', 'payments']);
    const output = await cluster.mustKubectl(['apply', '--dry-run=server', '-f', 'examples/quickstart/manifests/'], { cwd: root });
    expect(output).toContain('exchangeclient.cambio.dev/deployer created');
  });

  test('the log has no token in it', () => {
    expect(cambio.log.filter((line) => line.includes('eyJ'))).toEqual([]);
    expect(cambio.audit.filter((line) => JSON.stringify(line).includes('eyJ'))).toEqual([]);
  });

  test('the rights in deploy/ were enough: nothing was forbidden', () => {
    expect(cambio.log.filter((line) => /forbidden|\b403\b/i.test(line))).toEqual([]);
  });

  test('SIGTERM ends it with 0', async () => {
    expect(await cambio.stop()).toBe(0);
  });
});

describe.skipIf(!provided.available)('a cluster whose API server goes away', () => {
  let cluster: TestCluster;
  let cambio: RunningCambio;
  beforeAll(async () => {
    cluster = await startCluster();
    cambio = await installed(cluster);
    await cluster.mustKubectl(['apply', '-f', 'examples/cluster/manifests/'], { cwd: root });
    await cluster.mustKubectl(['wait', '--for=condition=Ready', 'ti/in-cluster', 'xc/payments', '-n', 'cambio-system']);
  });
  afterAll(async () => {
    await cambio?.stop();
    await cluster?.stop();
  });

  test('TokenReview answers 503 with Retry-After, readiness stays green, and all is well when it is back', async () => {
    const [first, second] = [await cluster.createToken('payments', 'api', { audiences: [issuer] }), await cluster.createToken('payments', 'api', { audiences: [issuer] })];
    const ask = (subject_token: string) => exchange(cambio.url, { client_id: 'cambio-system/payments', subject_token });
    expect((await ask(first)).status).toBe(200);
    await cluster.stopApiServer();
    const down = await ask(second);
    expect([down.status, down.body['error'], down.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '5']);
    expect((await fetch(`${cambio.adminUrl}/readyz`)).status).toBe(200);
    await until(async () => (await (await fetch(`${cambio.adminUrl}/readyz?verbose`)).text()).includes('[-] manifests'), '/readyz?verbose says so');
    await cluster.startApiServer();
    await until(async () => (await ask(second)).status === 200, 'the token is exchanged');
    await until(async () => (await (await fetch(`${cambio.adminUrl}/readyz?verbose`)).text()).includes('[+] manifests'), 'the watches are back');
    await cluster.mustKubectl(['delete', 'xc', 'payments', '-n', 'cambio-system']);
    await until(async () => (await ask(second)).status === 401, 'the deletion is in force');
  });
});

function issuerManifest(name: string, verification: object, more: object = {}): object {
  return {
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'TrustedIssuer',
    metadata: { name },
    spec: { issuer: { url: 'https://ci.example.com', audiences: [issuer] }, verification, ...more },
  };
}

function clientManifest(name: string, more: object): object {
  return {
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'ExchangeClient',
    metadata: { name, namespace: 'cambio-system' },
    spec: { authentication: { none: {} }, targets: [{ audience: ledger, lifetimeSeconds: 300, default: true }], ...more },
  };
}

const tampered = (token: string): string => `${token.slice(0, -8)}${token.slice(-8) === 'AAAAAAAA' ? 'BBBBBBBB' : 'AAAAAAAA'}`;
