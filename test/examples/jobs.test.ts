// The jobs in examples/github-actions and examples/gitlab-ci: their own shell commands get a token and exchange it, on a server that listens.
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runShell } from '../docs/run-cambio.ts';
import { examplesDir } from '../examples.ts';
import { startCambio, type RunningCambio } from '../start-cambio.ts';

type Claims = Record<string, string>;

/** What a job's commands need of jq, for machines that have none. */
const jqStandIn = `#!${process.execPath}
const { value, access_token, error_description } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const answer = process.argv[3] === '.value' ? value : access_token;
if (answer === undefined) { console.error('jq: error: ' + error_description); process.exit(5); }
process.stdout.write(answer);
`;

let dir: string;
let cambio: RunningCambio;
let key: CryptoKey;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-jobs-'));
  await writeFile(join(dir, 'jq'), jqStandIn);
  await chmod(join(dir, 'jq'), 0o755);
  const pair = await generateKeyPair('RS256');
  key = pair.privateKey;
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'ci', alg: 'RS256' }] });
  for (const example of ['github-actions', 'gitlab-ci']) {
    const manifests = join(dir, 'manifests', example);
    await cp(join(examplesDir, example, 'manifests'), manifests, { recursive: true });
    const issuer = join(manifests, 'issuer.yaml');
    await writeFile(issuer, (await readFile(issuer, 'utf8')).replace('discovery: {}', `jwks: '${jwks}'`));
  }
  cambio = await startCambio(['--config-dir', join(dir, 'manifests'), '--issuer', 'https://cambio.example.com']);
  await cambio.untilReady();
});
afterAll(async () => {
  await cambio?.stop();
  await rm(dir, { recursive: true, force: true });
});

const tokenOf = (iss: string, claims: Claims): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'ci' }).setIssuer(iss).setAudience('https://cambio.example.com').setIssuedAt().setExpirationTime('5m').sign(key);

const gitHubClaims = { sub: 'repo:acme/payments:environment:production', repository_id: '456789', repository_owner_id: '9919', event_name: 'push' };
const gitLabClaims = { sub: 'project_path:acme/billing:ref_type:branch:ref:main', namespace_id: '42', project_id: '1234', ref_protected: 'true', environment: 'production', environment_protected: 'true' };

test('every command is text', async () => {
  const gitHub = parse(await readFile(join(examplesDir, 'github-actions/deploy.yaml'), 'utf8')) as { jobs: { deploy: { steps: { run: unknown }[] } } };
  const gitLab = parse(await readFile(join(examplesDir, 'gitlab-ci/gitlab-ci.yaml'), 'utf8')) as { deploy: { script: unknown[] } };
  expect([...gitHub.jobs.deploy.steps.map(({ run }) => run), ...gitLab.deploy.script].map((command) => typeof command)).toEqual(['string', 'string', 'string', 'string']);
});

describe('github-actions/deploy.yaml', () => {
  let server: Server;
  let asked: { path: string | undefined; authorization: string | undefined };
  let claims: Claims = gitHubClaims;
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked = { path: request.url, authorization: request.headers.authorization };
      void tokenOf('https://token.actions.githubusercontent.com', claims).then((value) => response.end(JSON.stringify({ count: value.length, value })));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => server?.close());

  /** Runs the first step as a runner does: `shell: bash` is bash with these options. */
  async function runStep(): ReturnType<typeof runShell> {
    const { jobs } = parse(await readFile(join(examplesDir, 'github-actions/deploy.yaml'), 'utf8')) as { jobs: { deploy: { steps: { run: string }[] } } };
    await writeFile(join(dir, 'step.sh'), jobs.deploy.steps[0]?.run ?? '');
    const { port } = server.address() as AddressInfo;
    return runShell('bash --noprofile --norc -eo pipefail step.sh', dir, dir, {
      CAMBIO: cambio.url,
      RUNNER_TEMP: dir,
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'of-the-runner',
    });
  }

  test('the environment production gets its token, and the log masks it', async () => {
    claims = gitHubClaims;
    const { code, stdout, stderr } = await runStep();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const token = await readFile(join(dir, 'deploy-token'), 'utf8');
    expect(stdout).toBe(`::add-mask::${token}\n`);
    expect(decodeJwt(token)).toMatchObject({ iss: 'https://cambio.example.com', aud: 'https://deploy.example.com', scope: 'deploy', sub: `github-actions:${gitHubClaims.sub}` });
    expect(asked).toEqual({ path: `/token?api-version=2.0&audience=${cambio.url}`, authorization: 'bearer of-the-runner' });
  });

  test('a repository that took the name again is refused, and the step says so', async () => {
    claims = { ...gitHubClaims, repository_id: '1002' };
    const { code, stdout, stderr } = await runStep();
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain('not acceptable');
  });
});

describe('gitlab-ci/gitlab-ci.yaml', () => {
  /** Runs the first command of the script, as a runner does where there is bash. */
  async function runScript(claims: Claims): ReturnType<typeof runShell> {
    const { deploy } = parse(await readFile(join(examplesDir, 'gitlab-ci/gitlab-ci.yaml'), 'utf8')) as { deploy: { script: string[] } };
    await writeFile(join(dir, 'script.sh'), deploy.script[0] ?? '');
    return runShell('bash -eo pipefail script.sh', dir, dir, { CAMBIO: cambio.url, CAMBIO_TOKEN: await tokenOf('https://gitlab.example.com', claims) });
  }

  test('the main branch gets its token', async () => {
    expect(await runScript(gitLabClaims)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(decodeJwt(await readFile(join(dir, 'deploy-token'), 'utf8'))).toMatchObject({ aud: 'https://deploy.example.com', scope: 'deploy', sub: `gitlab:${gitLabClaims.sub}`, client_id: 'cambio-system/billing-deploy' });
  });

  test('a main that nobody protects is refused, and the job says so', async () => {
    const { code, stderr } = await runScript({ ...gitLabClaims, ref_protected: 'false' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('not acceptable');
  });
});
