// What the token endpoint itself adds to an exchange: bounds, ids, headers, and an audit line at every exit.
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { OAuthError, type Mistake } from '../../src/exchange/oauth-error.ts';
import { maxBodyBytes } from '../../src/http/read-body.ts';
import { deferred, granted, post, serveApp, type Served } from './serve-app.ts';

const serving: Served[] = [];
async function serve(...given: Parameters<typeof serveApp>): Promise<Served> {
  const served = await serveApp(...given);
  serving.push(served);
  return served;
}
afterEach(async () => {
  await Promise.all(serving.splice(0).map((served) => served.close()));
});

/** Opens a connection and sends text as it is. */
function send(url: string, text: string): Promise<Socket> {
  const { promise, resolve, reject } = deferred<Socket>();
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text, () => resolve(socket)));
  socket.on('error', reject);
  return promise;
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const head = (length: number): string => `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n`;

describe('every mistake has its answer', () => {
  test.for<[Mistake, number, string]>([
    ['malformed_request', 400, 'invalid_request'],
    ['unacceptable_token', 400, 'invalid_request'],
    ['unacceptable_token_type', 400, 'invalid_request'],
    ['unsupported_grant_type', 400, 'unsupported_grant_type'],
    ['invalid_client', 401, 'invalid_client'],
    ['invalid_target', 400, 'invalid_target'],
    ['invalid_scope', 400, 'invalid_scope'],
    ['request_too_large', 413, 'invalid_request'],
    ['overloaded', 503, 'temporarily_unavailable'],
    ['not_ready', 503, 'temporarily_unavailable'],
    ['issuer_unavailable', 503, 'temporarily_unavailable'],
    ['server_error', 500, 'server_error'],
  ])('%s', async ([mistake, status, error]) => {
    const { url, audit } = await serve({ exchange: () => Promise.reject(new OAuthError(mistake, 'a-check', 'a secret reason')) });
    const response = await post(`${url}/token`);
    const body = await response.text();
    expect([response.status, JSON.parse(body)]).toEqual([status, { error, error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/) }]);
    expect(body).not.toContain('secret');
    expect(audit).toEqual([expect.objectContaining({ requestId: response.headers.get('request-id'), error, check: 'a-check', reason: 'a secret reason', outcome: status >= 500 ? 'failed' : 'denied' })]);
    expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Basic realm="cambio", charset="UTF-8"' : null);
    expect(response.headers.get('retry-after')).toBe(status === 503 ? '5' : null);
  });
});

test('a token: nobody may keep it, and no header tells anything of it', async () => {
  const { url, audit } = await serve();
  const response = await post(`${url}/token`);
  expect(await response.json()).toEqual(granted);
  expect(Object.fromEntries(response.headers)).toEqual({
    'cache-control': 'no-store',
    connection: 'keep-alive',
    'content-length': String(JSON.stringify(granted).length),
    'content-type': 'application/json; charset=utf-8',
    date: expect.any(String),
    'keep-alive': expect.any(String),
    pragma: 'no-cache',
    'request-id': 'id-1',
  });
  expect(audit).toEqual([{ requestId: 'id-1', outcome: 'issued', sourceAddress: '127.0.0.1' }]);
});

describe('a bug', () => {
  test.for<[string, unknown]>([
    ['an Error', new TypeError('secret detail')],
    ['something that is no Error', 'secret detail'],
    ['nothing at all', undefined],
  ])('%s: the caller is told nothing, the log all', async ([, thrown]) => {
    const { url, audit, bugs } = await serve({ exchange: () => Promise.reject(thrown), explainDenials: true });
    const response = await post(`${url}/token`);
    expect([response.status, await response.json()]).toEqual([500, { error: 'server_error', error_description: 'The server failed.' }]);
    expect(audit).toEqual([{ requestId: 'id-1', outcome: 'failed', error: 'server_error', check: 'bug', reason: 'a bug: see the log', sourceAddress: '127.0.0.1' }]);
    expect(bugs).toEqual([{ error: thrown, requestId: 'id-1' }]);
  });

  test('what can not be audited is not issued', async () => {
    const full = new Error('disk full: secret detail');
    const { url, bugs } = await serve({ audit: () => Promise.reject(full) });
    const response = await post(`${url}/token`);
    expect([response.status, await response.json()]).toEqual([500, { error: 'server_error' }]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(bugs).toEqual([{ error: full, requestId: 'id-1' }, { error: full, requestId: undefined }]);
  });
});

describe('--explain-denials', () => {
  test('tells the check and the reason, in the characters that are allowed', async () => {
    const { url } = await serve({ explainDenials: true, exchange: () => Promise.reject(new OAuthError('invalid_scope', 'scope', 'exp − iat of "ä\n\\"')) });
    expect(await (await post(`${url}/token`)).json()).toEqual({ error: 'invalid_scope', error_description: "scope: exp - iat of '???'" });
  });

  test('says nothing of what is the server\'s own trouble', async () => {
    const { url } = await serve({ explainDenials: true, exchange: () => Promise.reject(new OAuthError('issuer_unavailable', 'token-review', 'secret')) });
    expect(await (await post(`${url}/token`)).json()).toEqual({ error: 'temporarily_unavailable', error_description: 'The token could not be verified now. Try again later.' });
  });
});

test('more requests in flight than allowed: the excess is told to come back, and what was begun is ended', async () => {
  const [entered, release] = [deferred(), deferred()];
  const { url, audit } = await serve({
    maxRequestsInFlight: 1,
    exchange: async (_request, record) => {
      entered.resolve();
      await release.promise;
      record.outcome = 'issued';
      return granted;
    },
  });
  const first = post(`${url}/token`);
  await entered.promise;
  const excess = await Promise.all([post(`${url}/token`), post(`${url}/clients/payments/deployer/token`)]);
  expect(excess.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([[503, '1'], [503, '1']]);
  expect((await fetch(`${url}/jwks`)).status).toBe(200);
  release.resolve();
  expect((await first).status).toBe(200);
  expect((await post(`${url}/token`)).status).toBe(200);
  expect(audit.map(({ outcome, check }) => [outcome, check])).toEqual([...Array.from({ length: 2 }, () => ['failed', 'overload']), ['issued', undefined], ['issued', undefined]]);
});

test('a body that is sent slowly takes no place from anybody', async () => {
  const { url } = await serve({ maxRequestsInFlight: 1 });
  const socket = await send(url, `${head(30)}Expect: 100-continue\r\n\r\na=b`);
  await new Promise((resolve) => socket.once('data', resolve));
  expect((await post(`${url}/token`)).status).toBe(200);
  socket.destroy();
});

describe('connections that end too early', () => {
  test('within the body: audited as malformed, and nothing breaks', async () => {
    const { url, audit, bugs } = await serve();
    const socket = await send(url, `${head(30)}Expect: 100-continue\r\n\r\na=b`);
    // 100 Continue says that the request is being read.
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await vi.waitFor(() => expect(audit).toHaveLength(1));
    expect(audit).toEqual([{ requestId: 'id-1', outcome: 'denied', error: 'invalid_request', check: 'body', reason: 'the request was cut off', sourceAddress: '127.0.0.1' }]);
    expect((await post(`${url}/token`)).status).toBe(200);
    expect(bugs).toEqual([]);
  });

  test('while the exchange goes on: it is audited once, and nothing breaks', async () => {
    const [entered, release] = [deferred(), deferred()];
    const { url, audit, bugs } = await serve({
      exchange: async () => {
        entered.resolve();
        await release.promise;
        return granted;
      },
    });
    const socket = await send(url, `${head(3)}\r\na=b`);
    await entered.promise;
    socket.destroy();
    release.resolve();
    await vi.waitFor(() => expect(audit).toHaveLength(1));
    expect((await post(`${url}/token`)).status).toBe(200);
    expect([audit.length, bugs]).toEqual([2, []]);
  });
});

test('a body that comes in pieces is read whole', async () => {
  const bodies: string[] = [];
  const { url } = await serve({
    exchange: async ({ body }) => {
      bodies.push(Buffer.from(body).toString());
      return granted;
    },
  });
  const socket = await send(url, `${head(0).replace('Content-Length: 0', 'Connection: close\r\nTransfer-Encoding: chunked')}\r\n3\r\na=b\r\n3\r\n&c=\r\n1\r\nd\r\n0\r\n\r\n`);
  expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 200 /);
  expect(bodies).toEqual(['a=b&c=d']);
});

test('the audit line has how long it took, for what was granted and what was not', async () => {
  const clock = [1000, 1007.5, 2000, 2000.25].values();
  const durations: number[] = [];
  const { url } = await serve({ monotonic: () => clock.next().value ?? 0, audit: async (_record, duration) => void durations.push(duration) });
  await post(`${url}/token`);
  await fetch(`${url}/token`);
  expect(durations).toEqual([7.5, 0.25]);
});

describe('bodies that are too large are answered before they are read', () => {
  test('by their content length, though nothing of them was sent', async () => {
    const { url, audit } = await serve();
    const socket = await send(url, `${head(65_537)}\r\n`);
    const answer = await readAll(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/);
    expect(audit).toEqual([expect.objectContaining({ check: 'body', reason: 'the body is larger than 65536 bytes' })]);
  });

  test('by what was sent, though the end never comes', async () => {
    const { url } = await serve();
    const socket = await send(url, `${head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}\r\n10001\r\n${'a'.repeat(65_537)}\r\n`);
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/);
  });
});

describe('what is no HTTP is answered by a status alone', () => {
  test.for([
    ['two content lengths', 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\na=b', 400],
    ['a content length beside chunks', 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['a line feed within a header', 'POST /token HTTP/1.1\r\nHost: x\r\nX: a\nb\r\n\r\n', 400],
    ['a NUL in the path', 'POST /token\0 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['40 kB of headers', `POST /token HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ] as const)('%s', async ([, text, status]) => {
    const { url, audit, bugs } = await serve();
    const answer = await readAll(await send(url, text));
    expect(answer.slice(0, 13)).toBe(`HTTP/1.1 ${status} `);
    expect(answer.split('\r\n\r\n')[1]).toBe('');
    expect([audit, bugs]).toEqual([[], []]);
  });
});

describe('the endpoint of a client', () => {
  test.for([
    ['/clients/payments/deployer/token', 'payments/deployer'],
    ['/clients/a-1/b.c-2/token', 'a-1/b.c-2'],
    ['/token', undefined],
  ] as const)('%s', async ([path, clientId]) => {
    const seen: unknown[] = [];
    const { url } = await serve({
      exchange: async ({ clientIdInPath }) => {
        seen.push(clientIdInPath);
        return granted;
      },
    });
    await post(url + path);
    expect(seen).toEqual([clientId]);
  });

  test.for(['http://[::1', 'http://[::1/token', '*'])('%s, as the target itself, is not there', async (target) => {
    const { url, audit, bugs } = await serve();
    const answer = await readAll(await send(url, `OPTIONS ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`));
    expect(answer).toMatch(/^HTTP\/1\.1 404 [^]*\r\nContent-Type: application\/json; charset=utf-8\r\n[^]*\{"error":"not_found"\}/);
    expect([audit, bugs]).toEqual([[], []]);
  });

  test.for([
    '/clients/payments/deployer/token/', '/clients/payments/token', '/clients//deployer/token', '/clients/payments//token', '/clients/a/b/c/token', '/clients/payments%2Fdeployer/x/token',
    '/clients/payments/%64eployer/token', '/clients/payments/%ff/token', '/clients/payments/%/token', '/clients/Payments/deployer/token', '/clients/payments/deployer/Token', '/clients/__proto__/x/token',
    '/token/', '//token', '/TOKEN', '/%74oken', '/token;x=1', '/x/token', '/',
  ])('%s is not there', async (path) => {
    const { url, audit, bugs } = await serve();
    const response = await post(url + path);
    expect([response.status, await response.json()]).toEqual([404, { error: 'not_found' }]);
    expect([audit, bugs]).toEqual([[], []]);
  });
});

describe('bodies that do not end', () => {
  const part = 'a'.repeat(maxBodyBytes - 1);
  const unfinished = (url: string): Promise<Socket> => send(url, `${head(maxBodyBytes)}\r\n${part}`);

  test('hold so many bytes together: the oldest is refused for the newest, and a request that is whole is answered', async () => {
    const { url, audit } = await serve({ maxHeldBytes: 3 * maxBodyBytes });
    const sockets: Socket[] = [];
    for (let index = 0; index < 3; index++) sockets.push(await unfinished(url));
    const oldest = readAll(sockets[0] as Socket);
    // Which of them came first is known when one of them is refused.
    sockets.push(await unfinished(url));
    await vi.waitFor(() => expect(audit).toEqual([expect.objectContaining({ outcome: 'failed', error: 'temporarily_unavailable', check: 'overload', reason: 'too many bytes of requests that have not ended' })]));
    expect((await post(`${url}/token`)).status).toBe(200);
    for (const socket of sockets.slice(1)) socket.destroy();
    expect(await oldest).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*Connection: close\r\n/);
  });

  test('what has ended holds nothing, well or not', async () => {
    const { url, audit } = await serve({ maxHeldBytes: 2 * maxBodyBytes });
    for (let index = 0; index < 5; index++) {
      expect((await post(`${url}/token`, 'a'.repeat(maxBodyBytes))).status).toBe(200);
      expect((await post(`${url}/token`, 'a'.repeat(maxBodyBytes + 1))).status).toBe(413);
      (await unfinished(url)).destroy();
      await vi.waitFor(() => expect(audit).toHaveLength(3 * (index + 1)));
    }
    expect(audit.map(({ check }) => check)).not.toContain('overload');
  });
});
