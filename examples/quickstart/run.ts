// The quickstart: a token of a demo CI system is exchanged by Cambio, without a cluster, and verified by a stranger.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT, type JWTPayload } from 'jose';

const goOn = process.argv.includes('--serve');
const here = import.meta.dirname;
const workDir = await mkdtemp(join(tmpdir(), 'cambio-quickstart-'));
const [port, adminPort] = [await freePort(), await freePort()];
const issuerURL = `http://127.0.0.1:${port}`;

step('A CI system signs its ID tokens with a key of its own. This demo makes one:');
const ci = await generateKeyPair('ES256');
const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(ci.publicKey)), kid: 'demo', alg: 'ES256', use: 'sig' }] });
const manifests = join(workDir, 'manifests');
await cp(join(here, 'manifests'), manifests, { recursive: true });
await edit(join(manifests, 'demo-ci.yaml'), (text) =>
  text.replace(/jwks: \|\n( {6}.*\n)+/, `jwks: '${jwks}'\n`).replace('http://127.0.0.1:8080', issuerURL),
);
say(`public half → ${join(manifests, 'demo-ci.yaml')} (a copy of examples/quickstart/manifests)`);

step('Cambio is started on those manifests:');
const args = ['serve', '--config-dir', manifests, '--issuer', issuerURL, '--listen', `127.0.0.1:${port}`, '--admin-listen', `127.0.0.1:${adminPort}`, '--log-level', 'error'];
say(`cambio ${args.join(' ')}`);
const cambio = spawn(process.execPath, [join(here, '../../dist/cambio.js'), ...args], {
  stdio: ['ignore', 'pipe', 'inherit'],
  // Nothing is fetched here, and with a proxy Cambio asks where it may be from.
  env: { ...process.env, HTTPS_PROXY: '', https_proxy: '' },
});
const audit: string[] = [];
createInterface({ input: cambio.stdout }).on('line', (line) => audit.push(line));
process.on('exit', () => cambio.kill());

try {
  await untilReady();
  await exchangeAndShow();
  if (goOn) await serveOn();
} finally {
  await end(cambio);
  await rm(workDir, { recursive: true, force: true });
}

async function exchangeAndShow(): Promise<void> {
  step('A pipeline gets an ID token from its CI system, made for Cambio, and exchanges it:');
  const subjectToken = await mintAsCI('repo:acme/payments:environment:prod');
  const { status, body } = await exchange(subjectToken);
  if (status !== 200) throw new Error(`the exchange failed: ${status} ${JSON.stringify(body)}`);
  say(`POST ${issuerURL}/token  grant_type=…token-exchange  client_id=payments/deployer`);
  say(`     subject_token=${subjectToken.slice(0, 24)}…  audience=https://deploy.example.com  scope=deploy`);
  say(`200  ${JSON.stringify({ ...body, access_token: `${String(body['access_token']).slice(0, 24)}…` })}`);

  step(`Anybody can verify what was issued, with the keys at ${issuerURL}/jwks:`);
  const keys = createRemoteJWKSet(new URL(`${issuerURL}/jwks`));
  const { payload } = await jwtVerify(String(body['access_token']), keys, { issuer: issuerURL, audience: 'https://deploy.example.com', typ: 'at+jwt' });
  const { payload: subject } = await jwtVerify(subjectToken, ci.publicKey);
  table(subject, payload);

  step('The pipeline of another repository tries the same, and is refused:');
  const refused = await exchange(await mintAsCI('repo:mallory/payments:environment:prod'));
  say(`${refused.status}  ${JSON.stringify(refused.body)}`);
  say('The caller learns no more than that. The audit log says why:');
  say(await lastAuditLine());
}

async function serveOn(): Promise<void> {
  const token = await mintAsCI('repo:acme/payments:environment:prod');
  step('Cambio goes on serving (Ctrl-C ends it). A token to try, good for ten minutes:');
  process.stdout.write(`
curl -s ${issuerURL}/token \\
  -d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \\
  -d client_id=payments/deployer \\
  -d audience=https://deploy.example.com \\
  -d subject_token_type=urn:ietf:params:oauth:token-type:jwt \\
  -d subject_token=${token}

`);
  process.once('SIGINT', () => cambio.kill());
  process.once('SIGTERM', () => cambio.kill());
  await once(cambio, 'exit');
}

function mintAsCI(sub: string): Promise<string> {
  return new SignJWT({ repository: sub.split(':')[1], ref: 'refs/heads/main' })
    .setProtectedHeader({ alg: 'ES256', kid: 'demo' })
    .setIssuer('https://ci.example.com')
    .setSubject(sub)
    .setAudience(issuerURL)
    .setIssuedAt()
    .setExpirationTime('10m')
    .sign(ci.privateKey);
}

async function exchange(subjectToken: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${issuerURL}/token`, {
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
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Both tokens' claims side by side. */
function table(subject: JWTPayload, issued: JWTPayload): void {
  const names = [...new Set([...Object.keys(subject), ...Object.keys(issued)])];
  const rows = [['claim', 'subject token', 'issued token'], ...names.map((name) => [name, show(subject[name]), show(issued[name])])];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  process.stdout.write('\n');
  for (const [name = '', left = '', right = ''] of rows) process.stdout.write(`  ${name.padEnd(widths[0] ?? 0)}  ${left.padEnd(widths[1] ?? 0)}  ${right}\n`);
}

function show(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function lastAuditLine(): Promise<string> {
  for (let tries = 0; audit.length < 2 && tries < 100; tries++) await wait(20);
  const { outcome, check, reason } = JSON.parse(audit.at(-1) ?? '{}') as Record<string, string>;
  return JSON.stringify({ outcome, check, reason });
}

async function untilReady(): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (cambio.exitCode !== null) throw new Error('Cambio ended');
    const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`).then((response) => response.ok, () => false);
    if (ready) return;
    await wait(20);
  }
  throw new Error('Cambio did not become ready within ten seconds');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, 'exit');
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as { port: number };
  server.close();
  return free;
}

function step(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}
