// `cambio serve` from its start to its end: one token from mint to use, and what keeps it from starting.
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { Agent, fetch as fetchThrough } from 'undici';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeAuthority } from '../make-authority.ts';
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

/** Writes an issuer, and a client whose pipeline may have a token of it exchanged. */
async function writeManifests(url: string, verification: string): Promise<void> {
  await writeFile(
    join(dir, 'all.yaml'),
    `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ci}
spec:
  issuer: {url: "${url}", audiences: [${issuerURL}]}
  verification: ${verification}
---
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: deployer, namespace: payments}
spec:
  authentication: {none: {}}
  subjects: [{issuerRef: {name: ci}, subject: repo:acme/payments}]
  targets: [{audience: https://deploy.example.com, scopes: [deploy, read], lifetimeSeconds: 300}]
`,
  );
}

test('a token is exchanged, verified by a stranger, and the process ends by SIGTERM', async () => {
  const ci = await generateKeyPair('ES256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(ci.publicKey)), kid: 'ci-1', alg: 'ES256', use: 'sig' }] });
  await writeManifests('https://ci.example.com', `{jwks: '${jwks}'}`);
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

test('a directory without a manifest is served, and told of', async () => {
  const empty = join(dir, 'empty');
  await mkdir(empty);
  const { end } = await serve(['--config-dir', empty]);
  expect((await end('SIGTERM')).stderr).toContain(`there is no object of Cambio's kinds in ${empty}`);
});

test('an issuer without keys is told of by the probe, and the log ends on what is in force when they have come', async () => {
  const { publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'ci-1', alg: 'ES256', use: 'sig' };
  let isUp = false;
  const issuer = createHttpServer(({ url }, response) => {
    const body = url === '/jwks' ? { keys: [jwk] } : { issuer: issuerOf(), jwks_uri: `${issuerOf()}/jwks` };
    response.writeHead(isUp ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  const issuerOf = (): string => `http://127.0.0.1:${(issuer.address() as { port: number }).port}`;
  await once(issuer, 'listening');
  try {
    await writeManifests(issuerOf(), '{discovery: {}}\n  allowPrivateAddresses: true');
    const { admin, end } = await serve(['--config-dir', dir]);
    const told = async (): Promise<string> => (await fetch(`${admin}/readyz?verbose`)).text();
    const bound = { timeout: 15_000, interval: 20 };
    const why = `${issuerOf()}/.well-known/openid-configuration: answered with 404`;
    await vi.waitFor(async () => expect(await told()).toContain(`\n[-] issuer-keys: ci: FetchFailed: ${why} (readiness does not depend on it)\nok\n`), bound);
    isUp = true;
    await vi.waitFor(async () => expect(await told()).toContain('[+] issuer-keys ok\n'), bound);
    const { stderr } = await end('SIGTERM');
    const lines = stderr.trimEnd().split('\n').map((line) => JSON.parse(line) as { level: number; msg: string; issuer?: string; object?: { name: string }; reason?: string; message?: string });
    expect(lines.filter(({ object, msg }) => object !== undefined || msg.startsWith('the keys of')).map(({ level, msg, object, reason, message }) => [level, object?.name, msg, reason, message])).toEqual([
      [30, 'ci', 'waits for keys', undefined, 'its keys have not been fetched yet'],
      [30, 'deployer', 'waits for keys', undefined, 'spec.subjects[0].issuerRef: TrustedIssuer ci has no usable keys now; its own status says why'],
      [40, undefined, 'the keys of an issuer can not be had', 'FetchFailed', why],
      [30, undefined, 'the keys of an issuer are known', undefined, undefined],
      [30, 'ci', 'in force', undefined, undefined],
      [30, 'deployer', 'in force', undefined, undefined],
    ]);
  } finally {
    issuer.close();
    issuer.closeAllConnections();
  }
});

test('SIGINT ends it too', async () => {
  const served = await serve(['--config-dir', dir]);
  expect(await served.end('SIGINT')).toMatchObject({ code: 0 });
});

describe('over TLS', () => {
  const authority = makeAuthority();
  const [first, second] = [authority.certify({ hosts: ['127.0.0.1', 'first.example.com'] }), authority.certify({ hosts: ['127.0.0.1', 'second.example.com'] })];
  const files = (): string[] => ['--tls-cert-file', join(dir, 'tls.crt'), '--tls-key-file', join(dir, 'tls.key')];
  const write = async ({ cert, key }: { cert?: string; key?: string }): Promise<void> => {
    if (cert !== undefined) await writeFile(join(dir, 'tls.crt'), cert);
    if (key !== undefined) await writeFile(join(dir, 'tls.key'), key);
  };
  /** Which certificate a new connection is shown. */
  const shown = async (url: string): Promise<string | undefined> => {
    const socket = connectTls({ port: Number(new URL(url).port), host: '127.0.0.1', ca: authority.cert });
    await once(socket, 'secureConnect');
    const { subjectaltname } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };
  const bound = { timeout: 15_000, interval: 20 };

  test('the certificate is exchanged when its files are; a broken pair leaves it, and is told of', async () => {
    await write(first);
    const { url, admin, end } = await serve(['--config-dir', dir, ...files()]);
    const told = async (): Promise<string> => (await fetch(`${admin}/readyz?verbose`)).text();
    expect(url).toMatch(/^https:/);
    const agent = new Agent({ connect: { ca: authority.cert } });
    expect(await (await fetchThrough(`${url}/.well-known/openid-configuration`, { dispatcher: agent })).json()).toMatchObject({ issuer: issuerURL });
    await agent.close();
    expect(await shown(url)).toContain('first.example.com');
    expect(await told()).toContain('[+] certificate ok\n');

    await write({ key: second.key });
    await vi.waitFor(async () => expect(await told()).toContain(`[-] certificate: the key ${dir}/tls.key is not that of the certificate ${dir}/tls.crt; the one before is still in use (readiness does not depend on it)\nok\n`), bound);
    expect(await shown(url)).toContain('first.example.com');

    await write(second);
    await vi.waitFor(async () => expect(await shown(url)).toContain('second.example.com'), bound);
    await vi.waitFor(async () => expect(await told()).toContain('[+] certificate ok\n'), bound);

    const { code, stderr } = await end('SIGTERM');
    expect(code).toBe(0);
    expect(stderr.match(/the certificate of the public port|is not that of the certificate|the certificate was exchanged|are good again/g)).toEqual(['the certificate of the public port', 'is not that of the certificate', 'are good again', 'the certificate was exchanged']);
    expect(stderr).not.toContain(second.key.split('\n')[1]);
  });

  test('an expired certificate is used, and told of', async () => {
    await write(authority.certify({ notAfter: '20200101000000Z' }));
    const { admin, end } = await serve(['--config-dir', dir, ...files()]);
    expect(await (await fetch(`${admin}/readyz?verbose`)).text()).toContain('[-] certificate: the certificate in use expired at 2020-01-01T00:00:00.000Z');
    expect((await end('SIGTERM')).stderr).toContain('the certificate of the public port: the certificate in use expired at 2020-01-01T00:00:00.000Z');
  });

  test('without a certificate there is nothing to tell of', async () => {
    const { admin, end } = await serve(['--config-dir', dir]);
    expect(await (await fetch(`${admin}/readyz?verbose`)).text()).not.toContain('certificate');
    await end('SIGTERM');
  });

  test.for<[string, { cert?: string; key?: string }, string]>([
    ['there is no key', { cert: first.cert }, "the key DIR/tls.key can't be read: ENOENT: no such file or directory, stat 'DIR/tls.key'"],
    ['the key is another one', { cert: first.cert, key: second.key }, 'the key DIR/tls.key is not that of the certificate DIR/tls.crt'],
  ])('it does not start if %s', async ([, pair, message]) => {
    await write(pair);
    const { code, stdout, stderr } = await runMain(['serve', ...anywhere, '--config-dir', dir, ...files()]);
    expect([code, stdout, stderr.split('\n').at(-2)]).toEqual([1, '', `cambio serve: ${message.replaceAll('DIR', dir)}`]);
  });
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

  test('without the kubeconfig', async () => {
    const missing = join(dir, 'missing');
    const { code, stderr } = await runMain(['serve', ...anywhere, '--kubeconfig', missing]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `cambio serve: the kubeconfig ${missing} is not there. Name another one by --kubeconfig or $KUBECONFIG\n` });
  });

  test('where its keys can not be kept', async () => {
    const taken = join(dir, 'keys');
    await writeFile(taken, '');
    const { code, stderr } = await runMain(['serve', ...anywhere, '--config-dir', dir, '--signing-keys-dir', taken]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `cambio serve: the signing keys can't be kept in ${taken}: ENOTDIR: not a directory, stat '${join(taken, 'signing-keys.json')}'. Name a directory that may be written, by --signing-keys-dir\n` });
  });

  test('on a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    try {
      const { code, stderr } = await runMain(['serve', ...anywhere.slice(2), '--listen', `127.0.0.1:${port}`, '--config-dir', dir]);
      expect(code).toBe(1);
      expect(stderr.split('\n').at(-2)).toBe(`cambio serve: can't listen at 127.0.0.1:${port}: another process listens there; end it, or name another address by --listen or --admin-listen`);
    } finally {
      taken.close();
    }
  });
});
