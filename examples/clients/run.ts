// Runs every example client against a real server over https, and says of each whether it got a token that is good.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, customFetch, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { findFreePort } from '../../test/cluster/start-cluster.ts';
import { makeAuthority } from '../../test/make-authority.ts';
import { fetchTrusting, startCambio, until, type RunningCambio } from '../../test/start-cambio.ts';
import { missingOf, prepare, run, type ToolchainName } from './toolchains.ts';

const here = import.meta.dirname;

/** A server, and the files that a client finds on its machine. */
export type Setup = {
  issuer: string;
  cambio: RunningCambio;
  /** PEM file of the authority that signed the server's certificate. */
  caFile: string;
  /** The same for Java. */
  trustStore: string;
  env: Record<string, string>;
  verify: (token: string) => Promise<Record<string, unknown>>;
  stop: () => Promise<void>;
};

export type Client = {
  name: string;
  toolchain: ToolchainName;
  /** The package whose version is shown: a file that pins it, and the pattern. */
  pinned: readonly [file: string, pattern: RegExp];
  /** The program with its arguments. @param folder where the toolchain's packages are */
  command: (folder: string, setup: Setup) => readonly [program: string, ...args: string[]];
  /** By which variable the client is told of a private authority. */
  trustedBy?: string;
};

export const clients: readonly Client[] = [
  { name: 'curl', toolchain: 'curl', pinned: ['curl', /^curl ([0-9.]+)/], command: () => ['bash', join(here, 'curl/exchange.sh')], trustedBy: 'CURL_CA_BUNDLE' },
  { name: 'Python google-auth', toolchain: 'python', pinned: ['python/requirements.txt', /^google-auth==(.+)$/m], command: (folder) => [join(folder, 'bin/python'), join(here, 'python/exchange_google_auth.py')], trustedBy: 'REQUESTS_CA_BUNDLE' },
  { name: 'Python Authlib, joserfc', toolchain: 'python', pinned: ['python/requirements.txt', /^Authlib==(.+)$/m], command: (folder) => [join(folder, 'bin/python'), join(here, 'python/exchange_authlib.py')], trustedBy: 'REQUESTS_CA_BUNDLE' },
  { name: 'Go externalaccount, go-oidc', toolchain: 'go', pinned: ['go/go.mod', /x\/oauth2 v(.+)$/m], command: (folder) => [join(folder, 'externalaccount')], trustedBy: 'SSL_CERT_FILE' },
  { name: 'Go clientcredentials, go-oidc', toolchain: 'go', pinned: ['go/go.mod', /x\/oauth2 v(.+)$/m], command: (folder) => [join(folder, 'clientcredentials')], trustedBy: 'SSL_CERT_FILE' },
  { name: 'Java Nimbus', toolchain: 'java', pinned: ['java/pom.xml', /oauth2-oidc-sdk<\/artifactId>\s*<version>(.+)</], command: (folder, { trustStore }) => ['java', `-Djavax.net.ssl.trustStore=${trustStore}`, '-Djavax.net.ssl.trustStorePassword=changeit', '-cp', `${folder}/*`, join(here, 'java/Exchange.java')] },
  { name: 'Node google-auth-library', toolchain: 'node', pinned: ['../../package.json', /"google-auth-library": "(.+)"/], command: () => [process.execPath, join(here, 'node/exchange-google-auth.mjs')], trustedBy: 'NODE_EXTRA_CA_CERTS' },
  { name: 'Node openid-client, jose', toolchain: 'node', pinned: ['../../package.json', /"openid-client": "(.+)"/], command: () => [process.execPath, join(here, 'node/exchange-openid-client.mjs')], trustedBy: 'NODE_EXTRA_CA_CERTS' },
];

/** Starts a server on https with a private authority, and puts a subject token where clients look for it. */
export async function setUp(): Promise<Setup> {
  const dir = await mkdtemp(join(tmpdir(), 'cambio-clients-'));
  const file = (name: string): string => join(dir, name);
  // With a path: whoever finds his way there finds it without one, too.
  const issuer = `https://127.0.0.1:${await findFreePort()}/cambio`;
  const ci = await generateKeyPair('ES256');
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(ci.publicKey)), kid: 'demo', alg: 'ES256', use: 'sig' }] });
  await cp(join(here, 'manifests'), file('manifests'), { recursive: true });
  await edit(file('manifests/ci.yaml'), (text) => text.replace(/jwks: \|\n( {6}.*\n)+/, () => `jwks: '${jwks}'\n`).replace('https://cambio.example.com', issuer));
  const subjectToken = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'demo' }).setIssuer('https://ci.example.com').setSubject('repo:acme/payments:environment:prod').setAudience(issuer).setIssuedAt().setExpirationTime('30m').sign(ci.privateKey);
  await writeFile(file('token'), subjectToken, { mode: 0o600 });
  await cp(join(here, 'external-account.json'), file('external-account.json'));
  await edit(file('external-account.json'), (text) => text.replace('https://cambio.example.com', issuer).replace('/var/run/secrets/cambio/token', file('token')));
  const authority = makeAuthority();
  const { cert, key } = authority.certify();
  for (const [name, text] of [['ca.crt', authority.cert], ['tls.crt', cert], ['tls.key', key]] as const) await writeFile(file(name), text, { mode: 0o600 });
  const cambio = await startCambio(['--issuer', issuer, '--listen', new URL(issuer).host, '--config-dir', file('manifests'), '--tls-cert-file', file('tls.crt'), '--tls-key-file', file('tls.key')]);
  await cambio.untilReady();
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), { [customFetch]: fetchTrusting(authority.cert) });
  return {
    issuer,
    cambio,
    caFile: file('ca.crt'),
    trustStore: file('trust.p12'),
    env: { ISSUER: issuer, SUBJECT_TOKEN_FILE: file('token'), GOOGLE_APPLICATION_CREDENTIALS: file('external-account.json') },
    verify: async (token) => (await jwtVerify(token, keys, { issuer, audience: 'https://deploy.example.com', typ: 'at+jwt' })).payload,
    stop: async () => {
      await cambio.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/**
 * Runs a client as a user would, and verifies what it printed.
 * @param folder where the packages of its toolchain are
 * @returns the claims of the token; throws with what the client complained of
 */
export async function runClient(client: Client, folder: string, setup: Setup): Promise<Record<string, unknown>> {
  const { caFile, trustStore, env, cambio } = setup;
  if (client.toolchain === 'java') {
    await rm(trustStore, { force: true });
    await run('keytool', ['-importcert', '-noprompt', '-alias', 'cambio', '-file', caFile, '-keystore', trustStore, '-storepass', 'changeit']);
  }
  const [program, ...args] = client.command(folder, setup);
  const trust = client.trustedBy === undefined ? {} : { [client.trustedBy]: caFile };
  const printed = await run(program, args, { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env, ...trust } });
  const claims = await setup.verify(printed.trim());
  await until(() => cambio.audit.some(({ outcome, jti }) => outcome === 'issued' && jti === claims['jti']), 'the audit line is there');
  return claims;
}

/** The version of the package, or of the program, that a client is an example of. */
export async function versionOf({ pinned: [file, pattern] }: Client): Promise<string> {
  const text = file === 'curl' ? await run('curl', ['--version']) : await readFile(join(here, file), 'utf8');
  return pattern.exec(text)?.[1] ?? 'unknown';
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')));
}

/** One line for each client; a toolchain that is not there is passed over. @returns whether all went well */
async function main(): Promise<boolean> {
  const setup = await setUp();
  let good = true;
  try {
    console.log(`Cambio at ${setup.issuer}; the subject token is of https://ci.example.com\n`);
    for (const client of clients) {
      const result = await outcomeOf(client, setup).catch((error: Error) => {
        good = false;
        return `FAILED: ${error.message}`;
      });
      console.log(`${client.name.padEnd(30)} ${result}`);
    }
  } finally {
    await setup.stop();
  }
  return good;
}

async function outcomeOf(client: Client, setup: Setup): Promise<string> {
  const missing = await missingOf(client.toolchain);
  if (missing !== undefined) return `skipped: ${missing}`;
  const { sub, scope } = await runClient(client, await prepare(client.toolchain), setup);
  return `${(await versionOf(client)).padEnd(10)} issued and verified: sub ${String(sub)}, scope ${String(scope)}`;
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
