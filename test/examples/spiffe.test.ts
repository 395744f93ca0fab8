// examples/spiffe with documents as SPIRE publishes them: its OIDC discovery provider does, its bundle endpoint does not, and why.
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTPayload } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCheckWith, type Checked } from '../commands/run-check.ts';
import { examplesDir } from '../examples.ts';

/** What both of SPIRE's configurations say. */
const jwtIssuer = 'https://oidc.corp.example';

let dir: string;
let server: Server;
let address: string;
/** What the discovery provider and the bundle endpoint have: keys without `use` and with `alg`, and keys with `use: jwt-svid`. */
let keys: { provider: JWK[]; bundle: JWK[] };
/** jwt_issuer in the discovery provider's configuration. */
let providerIssuer: string | undefined;
let mint: (alg: 'ES256' | 'ES384', claims?: JWTPayload) => Promise<string>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-spiffe-'));
  const pairs = { ES256: await generateKeyPair('ES256'), ES384: await generateKeyPair('ES384') };
  const jwks = await Promise.all((['ES256', 'ES384'] as const).map(async (alg) => ({ ...(await exportJWK(pairs[alg].publicKey)), kid: `authority-${alg}` })));
  keys = {
    provider: jwks.map((jwk, index) => ({ ...jwk, alg: ['ES256', 'ES384'][index] ?? '' })),
    bundle: jwks.map((jwk) => ({ ...jwk, use: 'jwt-svid' })),
  };
  mint = (alg, claims = { iss: jwtIssuer }) =>
    new SignJWT({ sub: 'spiffe://corp.example/ns/shop/sa/api', aud: ['https://cambio.example.com'], ...claims })
      .setProtectedHeader({ alg, kid: `authority-${alg}`, typ: 'JWT' })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(pairs[alg].privateKey);
  server = createServer(({ url, headers }, response) => {
    const origin = `http://${headers.host ?? ''}`;
    const documents: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': { issuer: providerIssuer ?? origin, jwks_uri: `${origin}/keys`, authorization_endpoint: '', response_types_supported: ['id_token'], subject_types_supported: [] },
      '/keys': { keys: keys.provider },
      '/bundle': { keys: keys.bundle, spiffe_sequence: 1, spiffe_refresh_hint: 300 },
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(documents[url ?? '']));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

/** The example's manifests, with SPIRE at this machine. */
async function manifests(change: (text: string) => string): Promise<string> {
  const folder = await mkdtemp(join(dir, 'manifests-'));
  await cp(join(examplesDir, 'spiffe/manifests'), folder, { recursive: true });
  const file = join(folder, 'issuer.yaml');
  const text = change(await readFile(file, 'utf8')).replace('  # allowPrivateAddresses', '  allowPrivateAddresses');
  await writeFile(file, text);
  return folder;
}

const byDiscovery = (text: string): string => text.replace(/# discoveryURL: .*/, `discoveryURL: ${address}/.well-known/openid-configuration`);
const byBundle = (text: string): string => text.replace('discovery: {}', `jwksURL: ${address}/bundle`);

async function ask(folder: string, token: string): Promise<Checked> {
  return runCheckWith([folder, '--fetch-keys', '--token', '-', '--output', 'json'], token);
}

const answerOf = ({ out }: Checked): object => (JSON.parse(out) as { answer: object }).answer;

test.each(['ES256', 'ES384'] as const)('a JWT-SVID by %s is exchanged', async (alg) => {
  providerIssuer = jwtIssuer;
  expect(answerOf(await ask(await manifests(byDiscovery), await mint(alg)))).toMatchObject({ outcome: 'granted', subject: 'spire:spiffe://corp.example/ns/shop/sa/api', token: { claims: { scope: 'read' } } });
});

test('without jwt_issuer in the server there is no iss', async () => {
  providerIssuer = jwtIssuer;
  expect(answerOf(await ask(await manifests(byDiscovery), await mint('ES256', {})))).toMatchObject({ outcome: 'denied', check: 'subject-token', reason: expect.stringContaining('iss ') as string });
});

test('without jwt_issuer in the discovery provider its document is that of the host that was asked', async () => {
  providerIssuer = undefined;
  const { code, out } = await runCheckWith([await manifests(byDiscovery), '--fetch-keys', '--output', 'json']);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ fetched: [{ issuer: 'spire', reason: 'IssuerMismatch', message: `the discovery document is that of "${address}", and issuer.url is "${jwtIssuer}"` }] });
});

test('the bundle endpoint has no key that counts', async () => {
  const { code, out } = await runCheckWith([await manifests(byBundle), '--fetch-keys', '--output', 'json']);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ fetched: [{ issuer: 'spire', keys: 0, reason: 'NoUsableKeys', message: expect.stringContaining('is not for signatures (use "jwt-svid")') as string }] });
});
