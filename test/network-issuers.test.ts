// Issuers on the network, from mint to use: a real `cambio serve` on a directory, and issuers of this machine with a private authority.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';
import { Agent, request as send } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { refetchCooldown } from '../src/keys/key-schedule.ts';
import { startMain, type Ended } from './commands/run-main.ts';
import { endless, json, startIssuer, type IssuerServer } from './keys/issuer-server.ts';

const issuerURL = 'http://127.0.0.1:8080';
const discoveryPath = '/.well-known/openid-configuration';

type Key = { kid: string; privateKey: CryptoKey; jwk: JWK };

async function makeKey(kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

const mint = (iss: string, { kid, privateKey }: Pick<Key, 'kid' | 'privateKey'>, sub = 'repo:acme/payments'): Promise<string> =>
  new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(iss).setSubject(sub).setAudience(issuerURL).setIssuedAt().setExpirationTime('10m').sign(privateKey);

type Line = Readonly<Record<string, unknown>>;
type Serving = { url: string; log: Line[]; end: () => Promise<Ended> };

async function serve(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Serving> {
  const { child, ended } = startMain(['serve', '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', '--issuer', issuerURL, ...args], env);
  if (child.stderr === null) throw new Error('stderr is not piped');
  const log: Line[] = [];
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => log.push(JSON.parse(line) as Line));
  const find = (): Line | undefined => log.find(({ msg }) => msg === 'serving');
  await Promise.race([vi.waitFor(() => expect(find()).toBeDefined(), bound), ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
  await vi.waitFor(async () => expect((await fetch(`${String(find()?.['admin'])}/readyz`)).status).toBe(200), bound);
  return {
    url: String(find()?.['listen']),
    log,
    end: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

const bound = { timeout: 15_000, interval: 20 };

type Answer = { status: number; body: Record<string, unknown> };

async function exchange(url: string, subject_token: string, dispatcher?: Agent): Promise<Answer> {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: 'payments/deployer',
    subject_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: 'https://deploy.example.com',
  }).toString();
  const response = await send(`${url}/token`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body, ...(dispatcher && { dispatcher }) });
  return { status: response.statusCode, body: (await response.body.json()) as Record<string, unknown> };
}

type IssuerSpec = { issuer: { url: string; discoveryURL?: string; certificateAuthority?: string }; verification: object; allowPrivateAddresses?: boolean };

/** Writes a TrustedIssuer each, and a client that refers to all of them. */
async function writeManifests(dir: string, specs: Readonly<Record<string, IssuerSpec>>): Promise<void> {
  const issuers = Object.entries(specs).map(([name, { issuer, ...spec }]) => ({
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'TrustedIssuer',
    metadata: { name },
    spec: { issuer: { audiences: [issuerURL], ...issuer }, ...spec },
  }));
  const client = {
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'ExchangeClient',
    metadata: { name: 'deployer', namespace: 'payments' },
    spec: {
      authentication: { none: {} },
      subjects: Object.keys(specs).map((name) => ({ issuerRef: { name }, subject: 'repo:acme/payments' })),
      targets: [{ audience: 'https://deploy.example.com' }],
    },
  };
  await writeFile(join(dir, 'manifests.yaml'), [...issuers, client].map((document) => stringify(document)).join('---\n'));
}

describe('cambio serve', () => {
  let dir: string;
  let cambio: Serving;
  let ci: IssuerServer;
  let silent: IssuerServer;
  let hostile: IssuerServer;
  const keys: Record<string, Key> = {};
  /** What the CI system publishes now. */
  let published: JWK[] = [];

  const key = (kid: string): Key => keys[kid] ?? expect.fail(`there is no key ${kid}`);
  const asked = (path: string): number => ci.asked.filter((other) => other === path).length;
  const reasonOf = (name: string): unknown => cambio.log.findLast(({ issuer }) => issuer === name)?.['reason'];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cambio-network-'));
    for (const kid of ['first', 'second', 'third']) keys[kid] = await makeKey(kid);
    published = [key('first').jwk];
    ci = await startIssuer((url) => ({
      [discoveryPath]: json({ issuer: url, jwks_uri: `${url}/jwks` }),
      '/mirror/of-another': json({ issuer: 'https://mirrored.example.com', jwks_uri: `${url}/jwks-of-mirrored` }),
      '/jwks': (request, response) => json({ keys: published })(request, response),
      '/jwks-of-mirrored': json({ keys: [key('second').jwk, { kty: 'unknown' }] }),
      '/jwks-alone': json({ keys: [key('third').jwk] }),
    }));
    silent = await startIssuer({ [discoveryPath]: () => undefined });
    hostile = await startIssuer((url) => ({
      '/other/.well-known/openid-configuration': json({ issuer: 'https://other.example.com', jwks_uri: `${url}/jwks` }),
      '/redirect/.well-known/openid-configuration': (_request, response) => response.writeHead(302, { location: `${url}/other${discoveryPath}` }).end(),
      '/huge': endless,
      '/to-metadata/.well-known/openid-configuration': json({ issuer: `${url}/to-metadata`, jwks_uri: 'https://169.254.169.254/jwks' }),
      '/weak': json({ keys: [{ kty: 'oct', k: 'AAAA' }] }),
    }));
    const ofCI = { certificateAuthority: ci.certificateAuthority };
    const ofHostile = { certificateAuthority: hostile.certificateAuthority };
    const discovery = { verification: { discovery: {} }, allowPrivateAddresses: true };
    await writeManifests(dir, {
      ci: { issuer: { url: ci.url, ...ofCI }, ...discovery },
      mirrored: { issuer: { url: 'https://mirrored.example.com', discoveryURL: `${ci.url}/mirror/of-another`, ...ofCI }, ...discovery },
      'by-url': { issuer: { url: 'https://by-url.example.com', ...ofCI }, verification: { jwksURL: `${ci.url}/jwks-alone` }, allowPrivateAddresses: true },
      silent: { issuer: { url: silent.url, certificateAuthority: silent.certificateAuthority }, ...discovery },
      'other-issuer': { issuer: { url: `${hostile.url}/other`, ...ofHostile }, ...discovery },
      redirecting: { issuer: { url: `${hostile.url}/redirect`, ...ofHostile }, ...discovery },
      huge: { issuer: { url: `${hostile.url}/x`, ...ofHostile }, verification: { jwksURL: `${hostile.url}/huge` }, allowPrivateAddresses: true },
      weak: { issuer: { url: `${hostile.url}/y`, ...ofHostile }, verification: { jwksURL: `${hostile.url}/weak` }, allowPrivateAddresses: true },
      'to-metadata': { issuer: { url: 'https://to-metadata.example.com' }, verification: { jwksURL: 'https://169.254.169.254/latest/meta-data' } },
      'to-loopback': { issuer: { url: hostile.url.replace('127.0.0.1', 'localhost') }, verification: { discovery: {} } },
      'other-authority': { issuer: { url: `${hostile.url}/z`, ...ofCI }, ...discovery },
    });
    cambio = await serve(['--config-dir', dir]);
  });

  afterAll(async () => {
    await cambio.end();
    await Promise.all([ci, silent, hostile].map((server) => server.close()));
    await rm(dir, { recursive: true, force: true });
  });

  /** Exchanges a token, and verifies what is issued as a stranger does. */
  async function issuedFor(token: string): Promise<unknown> {
    const { status, body } = await exchange(cambio.url, token);
    if (status !== 200) return [status, body['error']];
    const { payload } = await jwtVerify(String(body['access_token']), createRemoteJWKSet(new URL(`${cambio.url}/jwks`)), { issuer: issuerURL, audience: 'https://deploy.example.com' });
    return payload.sub;
  }

  test.each([
    ['discovery', () => ci.url, 'first', 'ci:repo:acme/payments'],
    ['discoveryURL', () => 'https://mirrored.example.com', 'second', 'mirrored:repo:acme/payments'],
    ['jwksURL', () => 'https://by-url.example.com', 'third', 'by-url:repo:acme/payments'],
  ])('a token by %s', async (_way, iss, kid, sub) => {
    expect(await issuedFor(await mint(iss(), key(kid)))).toBe(sub);
  });

  test.each([
    ['other-issuer', 'IssuerMismatch'],
    ['redirecting', 'FetchFailed'],
    ['huge', 'FetchFailed'],
    ['weak', 'NoUsableKeys'],
    ['to-metadata', 'AddressRefused'],
    ['to-loopback', 'AddressRefused'],
    ['other-authority', 'FetchFailed'],
  ])('the issuer %s is refused: %s', async (name, reason) => {
    await vi.waitFor(() => expect(reasonOf(name)).toBe(reason), bound);
  });

  test('an issuer that is silent: its request ends, and those of others do not wait for it', async () => {
    let ended = false;
    const waiting = mint(silent.url, key('first'))
      .then(issuedFor)
      .finally(() => (ended = true));
    const token = await mint(ci.url, key('first'));
    expect(await Promise.all(Array.from({ length: 20 }, () => issuedFor(token)))).toEqual(Array.from({ length: 20 }, () => 'ci:repo:acme/payments'));
    // It may have been given up by now, by a fetch that began when Cambio did.
    expect([ended, reasonOf('silent')]).not.toEqual([true, undefined]);
    expect(await waiting).toEqual([503, 'temporarily_unavailable']);
    await vi.waitFor(() => expect(reasonOf('silent')).toBe('FetchFailed'), bound);
  });

  test('an iss that is no TrustedIssuer: no connection is made', async () => {
    const evil = await startIssuer((url) => ({ [discoveryPath]: json({ issuer: url, jwks_uri: `${url}/jwks` }), '/jwks': json({ keys: published }) }));
    expect(await issuedFor(await mint(evil.url, key('first')))).toEqual([400, 'invalid_request']);
    expect(evil.connections()).toBe(0);
    await evil.close();
  });

  test('1,000 tokens with random kids from 50 connections: one refetch in a cooldown', async () => {
    const before = asked('/jwks');
    const { privateKey } = key('third');
    const tokens = await Promise.all(Array.from({ length: 1000 }, (_, index) => mint(ci.url, { kid: `random-${index}`, privateKey })));
    const agent = new Agent({ connections: 50 });
    const start = performance.now();
    const answers = await Promise.all(tokens.map((token) => exchange(cambio.url, token, agent)));
    const cooldowns = Math.ceil((performance.now() - start) / refetchCooldown);
    await agent.close();
    // Of those that waited for the refetch a bounded number was let in; the others are to come again.
    expect(new Set(answers.map(({ status }) => status)).isSubsetOf(new Set([400, 503]))).toBe(true);
    expect(answers.filter(({ status }) => status === 400).length).toBeGreaterThan(500);
    expect(asked('/jwks') - before).toBeGreaterThan(0);
    expect(asked('/jwks') - before).toBeLessThanOrEqual(cooldowns);
    expect(await issuedFor(await mint(ci.url, key('first')))).toBe('ci:repo:acme/payments');
  });

  test('at its end nothing is left of it, and there was no bug', async () => {
    const { code, stderr } = await cambio.end();
    expect([code, stderr.includes('a bug')]).toEqual([0, false]);
    await Promise.all([ci, silent, hostile].map((server) => server.untilQuiet()));
  });
});

describe('the rotation of an issuer’s key', () => {
  test('is followed: the new one is taken at once, and the old one is refused after the refresh', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'cambio-rotation-'));
    const [old, fresh] = [await makeKey('old'), await makeKey('fresh')];
    let published = [old.jwk];
    const ci = await startIssuer((url) => ({ [discoveryPath]: json({ issuer: url, jwks_uri: `${url}/jwks` }), '/jwks': (request, response) => json({ keys: published })(request, response) }));
    await writeManifests(dir, { ci: { issuer: { url: ci.url, certificateAuthority: ci.certificateAuthority }, verification: { discovery: {} }, allowPrivateAddresses: true } });
    const cambio = await serve(['--config-dir', dir]);
    const statusOf = async (key: Key): Promise<number> => (await exchange(cambio.url, await mint(ci.url, key))).status;

    expect(await statusOf(old)).toBe(200);
    published = [fresh.jwk];
    // Until anything is fetched, what was published before counts.
    expect(await statusOf(old)).toBe(200);
    expect(await statusOf(fresh)).toBe(200);
    expect(await statusOf(old)).toBe(400);

    expect((await cambio.end()).code).toBe(0);
    await ci.close();
    await rm(dir, { recursive: true, force: true });
  });
});

describe('through a proxy', () => {
  test('keys come by it from the hosts that are allowed, and no other host is asked for', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'cambio-proxy-'));
    const key = await makeKey('ci');
    const ci = await startIssuer({ '/jwks': json({ keys: [key.jwk] }) });
    const { port } = new URL(ci.url);
    const asked: string[] = [];
    const proxy = createServer().on('connect', (request, socket: Socket) => {
      asked.push(request.url ?? '');
      const upstream = connect(Number(port), '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
      for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) from.on('error', () => undefined).once('close', () => to.destroy()).pipe(to);
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const of = (host: string) => ({
      issuer: { url: `https://${host}`, certificateAuthority: ci.certificateAuthority },
      verification: { jwksURL: `https://${host}:${port}/jwks` },
      allowPrivateAddresses: true,
    });
    await writeManifests(dir, { ci: of('127.0.0.1'), unheard: of('unheard.example.com') });
    const cambio = await serve(['--config-dir', dir, '--allowed-issuer-hosts', '127.0.0.1'], { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });

    expect((await exchange(cambio.url, await mint('https://127.0.0.1', key))).status).toBe(200);
    await vi.waitFor(() => expect(cambio.log.find(({ issuer }) => issuer === 'unheard')).toMatchObject({ reason: 'AddressRefused', message: expect.stringContaining('is not among --allowed-issuer-hosts') as string }), bound);
    expect(new Set(asked)).toEqual(new Set([`127.0.0.1:${port}`]));

    expect((await cambio.end()).code).toBe(0);
    proxy.close();
    await ci.close();
    await rm(dir, { recursive: true, force: true });
  });
});
