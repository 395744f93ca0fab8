// `cambio serve` from its start to its end: one token from mint to use, and what keeps it from starting.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runMain, startMain, type Ended } from './run-main.ts';

const issuerURL = 'http://127.0.0.1:8080';
const anywhere = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--issuer', issuerURL];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-serve-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Served = { url: string; admin: string; end: (signal: NodeJS.Signals) => Promise<Ended> };

/** Starts it on free ports; resolves when it is ready. */
async function serve(args: readonly string[]): Promise<Served> {
  const { child, ended } = startMain(['serve', ...anywhere, ...args]);
  if (child.stderr === null) throw new Error('stderr is not piped');
  const lines = createInterface({ input: child.stderr });
  const serving = new Promise<{ listen: string; admin: string }>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('"msg":"serving"')) resolve(JSON.parse(line) as { listen: string; admin: string });
    });
    void ended.then(({ code, stderr }) => reject(new Error(`it ended with ${code}: ${stderr}`)));
  });
  const { listen, admin } = await serving;
  await vi.waitFor(async () => expect((await fetch(`${admin}/readyz`)).status).toBe(200), { timeout: 15_000, interval: 10 });
  return {
    url: listen,
    admin,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

test('a token is exchanged, verified by a stranger, and the process ends by SIGTERM', async () => {
  const ci = await generateKeyPair('ES256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(ci.publicKey)), kid: 'ci-1', alg: 'ES256', use: 'sig' }] });
  await writeFile(
    join(dir, 'all.yaml'),
    `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ci}
spec:
  issuer: {url: https://ci.example.com, audiences: [${issuerURL}]}
  verification: {jwks: '${jwks}'}
---
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: deployer, namespace: payments}
spec:
  authentication: {none: {}}
  subjects:
  - issuerRef: {name: ci}
    subject: repo:acme/payments
  targets:
  - audience: https://deploy.example.com
    scopes: [deploy, read]
    lifetimeSeconds: 300
`,
  );
  const served = await serve(['--config-dir', dir]);
  const subjectToken = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'ci-1' })
    .setIssuer('https://ci.example.com')
    .setSubject('repo:acme/payments')
    .setAudience(issuerURL)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(ci.privateKey);
  const answer = await fetch(`${served.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'payments/deployer',
      subject_token: subjectToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: 'https://deploy.example.com',
      scope: 'deploy',
    }),
  });
  const body = (await answer.json()) as Record<string, unknown>;
  expect(body).toEqual({
    access_token: expect.any(String),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 300,
    scope: 'deploy',
  });
  const keys = createRemoteJWKSet(new URL(`${served.url}/jwks`));
  const { payload } = await jwtVerify(body['access_token'] as string, keys, { issuer: issuerURL, audience: 'https://deploy.example.com' });
  expect(payload).toMatchObject({ sub: 'ci:repo:acme/payments', client_id: 'payments/deployer', scope: 'deploy' });

  const { code, stdout, stderr } = await served.end('SIGTERM');
  expect(code).toBe(0);
  const audited = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(audited).toMatchObject([{ outcome: 'issued', clientId: 'payments/deployer' }]);
  expect(stdout + stderr).not.toContain(subjectToken.split('.')[2]);
});

test('SIGINT ends it too', async () => {
  const served = await serve(['--config-dir', dir]);
  expect(await served.end('SIGINT')).toMatchObject({ code: 0 });
});

describe('it does not start, and says what to do', () => {
  test('without the directory', async () => {
    const missing = join(dir, 'missing');
    const { code, stdout, stderr } = await runMain(['serve', ...anywhere, '--config-dir', missing]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.split('\n').at(-2)).toBe(`cambio serve: the manifests can't be read: ENOENT: no such file or directory, scandir '${missing}'. Name a directory that is there and may be read`);
  });

  test('without a cluster and a directory', async () => {
    const { code, stderr } = await runMain(['serve', ...anywhere]);
    expect(code).toBe(1);
    expect(stderr).toContain('there is neither a kubeconfig (--kubeconfig, $KUBECONFIG) nor an in-cluster configuration; to run without a cluster use --config-dir');
  });

  test('on a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    try {
      const { code, stderr } = await runMain(['serve', ...anywhere.slice(2), '--listen', `127.0.0.1:${port}`, '--config-dir', dir]);
      expect(code).toBe(1);
      expect(stderr.split('\n').at(-2)).toBe(`cambio serve: can't listen at 127.0.0.1:${port}: another process listens there`);
    } finally {
      taken.close();
    }
  });
});
