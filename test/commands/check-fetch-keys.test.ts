// `cambio check --fetch-keys`: a token is verified with what its issuer publishes.
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mostAtOnce } from '../../src/commands/check-fetch-keys.ts';
import { deployer, runCheckWith, type Checked } from './run-check.ts';

const now = 1_800_000_000;

let dir: string;
let server: Server;
let url: string;
let mint: (kid?: string) => Promise<string>;
let asked: string[];
let answer: (path: string) => { status: number; body: unknown };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-check-keys-'));
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const other = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'ours', alg: 'ES256' };
  asked = [];
  answer = (path) => (path === '/jwks' ? { status: 200, body: { keys: [jwk] } } : { status: 200, body: { issuer: url, jwks_uri: `${url}/jwks` } });
  server = createServer(({ url: path = '' }, response) => {
    asked.push(path);
    const { status, body } = answer(path);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  mint = (kid = 'ours') =>
    new SignJWT({ iss: url, sub: 'alice', aud: 'https://cambio.example.com', iat: now, exp: now + 300 }).setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid }).sign(kid === 'ours' ? privateKey : other.privateKey);
  const manifests = `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ci}
spec:
  issuer: {url: "${url}", audiences: [https://cambio.example.com]}
  verification: {discovery: {}}
  allowPrivateAddresses: true
${deployer}`;
  await writeFile(join(dir, 'policy.yaml'), manifests);
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

async function check(token: string, ...args: string[]): Promise<Checked> {
  await writeFile(join(dir, 'token.jwt'), token);
  return runCheckWith([join(dir, 'policy.yaml'), '--token', join(dir, 'token.jwt'), '--at', String(now), '--output', 'json', ...args]);
}

const answerOf = ({ out }: Checked): object => (JSON.parse(out) as { answer: object }).answer;

test('without it nothing is asked, and the signature is supposed to be good', async () => {
  const checked = await check(await mint('stray'));
  expect(checked.code).toBe(0);
  expect(answerOf(checked)).toMatchObject({ outcome: 'granted', notes: ['signature not checked: it is supposed to be that of TrustedIssuer ci (cambio serve fetches the keys; --fetch-keys does so here)'] });
  expect(asked).toEqual([]);
});

test('a token of the issuer is granted', async () => {
  const checked = await check(await mint(), '--fetch-keys');
  expect(answerOf(checked)).toMatchObject({ outcome: 'granted', subject: 'ci:alice', notes: ['the signature is checked with the keys that ci publishes now'] });
  expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
});

test('a token of somebody else is denied', async () => {
  const checked = await check(await mint('stray'), '--fetch-keys');
  expect(checked.code).toBe(1);
  expect(answerOf(checked)).toMatchObject({ outcome: 'denied', check: 'subject-token', reason: 'subject token: ci: no key of the issuer has its kid and fits its alg', compared: [{ name: 'key', message: 'the token is signed by kid "stray", alg "ES256"; keys of TrustedIssuer ci: "ours" (ES256)' }] });
});

test('keys that can not be had', async () => {
  answer = () => ({ status: 404, body: {} });
  const { code, out, err } = await check(await mint(), '--fetch-keys');
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/^cambio check: --fetch-keys: TrustedIssuer ci: .*404/);
});

test('it is not for claims', async () => {
  expect(await runCheckWith([join(dir, 'policy.yaml'), '--fetch-keys', '--claims', 'a'])).toEqual({ code: 2, out: '', err: '--fetch-keys and --claims: claims alone have no signature that a key could verify; ask about a token, or leave one of them out\nSee cambio check --help.\n' });
});

describe('without a token all issuers are tried', () => {
  const policy = (): string => join(dir, 'policy.yaml');

  test('whose keys can be had', async () => {
    const { code, out } = await runCheckWith([policy(), '--fetch-keys']);
    expect(code).toBe(0);
    expect(out).toContain('\nFetched: the keys of ci (1)\n');
    expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('whose keys can not: a problem at its place, and the clients that wait for it', async () => {
    answer = () => ({ status: 404, body: {} });
    const { code, out } = await runCheckWith([policy(), '--fetch-keys', '--output', 'json']);
    expect(code).toBe(1);
    const message = `${url}/.well-known/openid-configuration: answered with 404`;
    expect(JSON.parse(out)).toMatchObject({
      problems: [{ severity: 'error', file: policy(), line: 6, column: 3, field: 'spec.verification', message: `its keys can't be had (FetchFailed): ${message}` }],
      objects: [
        { name: 'ci', ready: false, reason: 'KeysUnavailable: FetchFailed' },
        { name: 'cambio-system/deployer', ready: false, reason: 'KeysUnavailable: IssuerNotReady' },
      ],
      fetched: [{ issuer: 'ci', keys: 0, reason: 'FetchFailed', message }],
    });
  });

  test('that publish none', async () => {
    answer = (path) => ({ status: 200, body: path === '/jwks' ? { keys: [] } : { issuer: url, jwks_uri: `${url}/jwks` } });
    const { code, out } = await runCheckWith([policy(), '--fetch-keys']);
    expect(code).toBe(1);
    expect(out.replaceAll(/\s+/g, ' ')).toContain("its keys can't be had (NoUsableKeys): the published JWK Set has no usable key");
  });

  test('save those that are off, and those whose keys stand in the manifest or at an API server', async () => {
    const text = (await readFile(policy(), 'utf8')).replace('discovery: {}', 'kubernetesDiscovery: {}').replace('  allowPrivateAddresses: true\n', '').replace(`url: "${url}", `, '');
    await writeFile(policy(), text);
    expect((await runCheckWith([policy(), '--fetch-keys'])).code).toBe(0);
    await writeFile(policy(), text.replace('kubernetesDiscovery', 'discovery').replace('issuer: {', `issuer: {url: "${url}", `).replace('---', '  suspend: true\n---'));
    await runCheckWith([policy(), '--fetch-keys']);
    expect(asked).toEqual([]);
  });

  test('more of them than are asked at once', async () => {
    const [first = '', client = ''] = (await readFile(policy(), 'utf8')).split('---');
    const many = Array.from({ length: 2 * mostAtOnce }, (_, i) => first.replace('name: ci', `name: ci-${i}`));
    await writeFile(policy(), [first, client, ...many].join('---\n'));
    const { code, out } = await runCheckWith([policy(), '--fetch-keys', '--output', 'json']);
    expect((JSON.parse(out) as { fetched: object[] }).fetched).toHaveLength(2 * mostAtOnce + 1);
    expect(asked).toHaveLength(4 * mostAtOnce + 2);
    expect(code).toBe(0);
  });
});
