// google-auth-library, unmodified: an external_account file whose token_url names a client of Cambio; what it sends, and what it needs.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GoogleAuth } from 'google-auth-library';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { listen, type Listening } from '../../src/http/listen.ts';
import { serveExchange, type ServedExchange } from './serve-exchange.ts';

const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';

let served: ServedExchange;
let ci: Listening;
let dir: string;
beforeAll(async () => {
  // It warns, each time, of credential files that a stranger has written.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  served = await serveExchange();
  // As a CI system has it: a token for a request that carries the runner's own credential.
  ci = await listen({ host: '127.0.0.1', port: 0 }, (request, response) => {
    if (request.headers.authorization !== 'Bearer of-the-runner') response.writeHead(401).end();
    else void served.mint().then((value) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ value })));
  });
  dir = await mkdtemp(join(tmpdir(), 'cambio-google-'));
});
afterAll(async () => {
  await Promise.all([served.close(), ci.close(0), rm(dir, { recursive: true, force: true })]);
});

type Source = { file: string } | { url: string; headers?: Record<string, string>; format?: object };

/** Writes the file that a user would name in GOOGLE_APPLICATION_CREDENTIALS. */
async function writeCredentials(source: Source, more: object = {}): Promise<string> {
  const keyFile = join(dir, 'credentials.json');
  const credentials = {
    type: 'external_account',
    audience: 'https://deploy.example.com',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${served.issuerURL}/clients/payments/deployer/token`,
    credential_source: source,
    ...more,
  };
  await writeFile(keyFile, JSON.stringify(credentials));
  return keyFile;
}

async function writeToken(text: string): Promise<{ file: string }> {
  await writeFile(join(dir, 'token'), text);
  return { file: join(dir, 'token') };
}

const tokenOf = async (keyFile: string, scopes?: string[]): Promise<string> => String(await new GoogleAuth({ keyFile, ...(scopes && { scopes }) }).getAccessToken());
const fromRunner = (): Source => ({ url: ci.url, headers: { Authorization: 'Bearer of-the-runner' }, format: { type: 'json', subject_token_field_name: 'value' } });

describe('a token', () => {
  test('from a file', async () => {
    const token = await tokenOf(await writeCredentials(await writeToken(await served.mint())), ['deploy']);
    expect(decodeJwt(token)).toMatchObject({ iss: served.issuerURL, sub: 'ci:prod', aud: 'https://deploy.example.com', client_id: 'payments/deployer', scope: 'deploy' });
  });

  test('from a URL, as GitHub Actions gives its ID tokens', async () => {
    const token = await tokenOf(await writeCredentials(fromRunner()), ['read']);
    expect(decodeJwt(token)).toMatchObject({ sub: 'ci:prod', scope: 'read' });
  });

  test('with the headers of a request, as libraries ask for it', async () => {
    const auth = new GoogleAuth({ keyFile: await writeCredentials(fromRunner()), scopes: ['read'] });
    const headers = await auth.getRequestHeaders('https://deploy.example.com/');
    expect(headers.get('authorization')).toMatch(/^Bearer eyJ/);
  });
});

describe('what it sends', () => {
  test('no client_id, a requested token type, and the scopes that were asked for', async () => {
    await tokenOf(await writeCredentials(fromRunner()), ['deploy', 'read']);
    expect(Object.fromEntries(served.bodies.at(-1) ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: 'https://deploy.example.com',
      scope: 'deploy read',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: expect.stringMatching(/^eyJ/),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
  });

  test('without scopes it asks for cloud-platform: a target without that scope refuses', async () => {
    await expect(tokenOf(await writeCredentials(fromRunner()))).rejects.toThrow('Error code invalid_scope: The requested scope is malformed, unknown or not allowed.');
    expect(served.bodies.at(-1)?.get('scope')).toBe(cloudPlatform);
  });

  test('… and a target that offers it grants', async () => {
    const token = await tokenOf(await writeCredentials(fromRunner(), { audience: 'https://google.example.com' }));
    expect(decodeJwt(token)).toMatchObject({ aud: 'https://google.example.com', scope: cloudPlatform });
  });

  test('scopes in the file mean nothing to it', async () => {
    await expect(tokenOf(await writeCredentials(fromRunner(), { scopes: ['deploy'] }))).rejects.toThrow('Error code invalid_scope');
  });

  test('with a client_id it sends Basic, whose slash it does not encode', async () => {
    const token = await tokenOf(await writeCredentials(fromRunner(), { token_url: `${served.issuerURL}/token`, client_id: 'payments/deployer' }), ['deploy']);
    expect(decodeJwt(token)).toMatchObject({ client_id: 'payments/deployer' });
  });

  test('at /token without a client_id there is nothing to name the client', async () => {
    await expect(tokenOf(await writeCredentials(fromRunner(), { token_url: `${served.issuerURL}/token` }), ['deploy'])).rejects.toThrow('Error code invalid_client: The client is unknown or did not authenticate.');
  });
});

test('a file that ends with a line feed is sent with it, and refused', async () => {
  const source = await writeToken(`${await served.mint()}\n`);
  await expect(tokenOf(await writeCredentials(source), ['deploy'])).rejects.toThrow('Error code invalid_request: The subject token or the actor token is invalid or not acceptable.');
});

test('a token is used again while more than five minutes of it are left', async () => {
  const auth = new GoogleAuth({ keyFile: await writeCredentials(fromRunner()), scopes: ['deploy'] });
  const before = served.bodies.length;
  expect(await auth.getAccessToken()).toBe(await auth.getAccessToken());
  expect(served.bodies.length).toBe(before + 1);
});
