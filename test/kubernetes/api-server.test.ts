import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { createApiServer, type ApiServer } from '../../src/kubernetes/api-server.ts';
import { loadKubeConfig } from '../../src/kubernetes/kubeconfig.ts';
import { kubeConfigFor, resetMessage } from './fake-api-server.ts';
import { makeCertificate } from './make-certificate.ts';

type Closable = { close: () => Promise<void> };
type TestServer = Closable & { url: string; requests: IncomingMessage[]; open: () => number; connections: () => number };

const { cert, key } = makeCertificate();
const { cert: otherCert } = makeCertificate();
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const get = { method: 'GET', path: '/version', timeoutMs: 5000 } as const;

let closables: Closable[];
let dir: string;

beforeEach(async () => {
  closables = [];
  dir = await mkdtemp(join(tmpdir(), 'cambio-api-server-'));
});
afterEach(async () => {
  for (const closable of closables.toReversed()) await closable.close();
  await rm(dir, { recursive: true });
});

/** Starts a server that speaks HTTP/2 too, as the real one does; `tls` is off for what TLS has nothing to do with. */
async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void, tls = false): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    requests.push(request);
    handler(request, response);
  };
  const server = tls ? createSecureServer({ cert, key, allowHTTP1: true }, listener as never) : createHttpServer(listener);
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  const running: TestServer = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    open: () => sockets.size,
    connections: () => connections,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
  closables.push(running);
  return running;
}

const ok = (_: IncomingMessage, response: ServerResponse): void => void response.end('{"ok":true}');

function connect(config: Parameters<typeof createApiServer>[0], monotonic: () => number = () => 0, connections = 4): ApiServer {
  const api = createApiServer(config, monotonic, connections);
  closables.push(api);
  return api;
}

const plain = (server: TestServer, user: Record<string, unknown> = {}): ApiServer => connect(kubeConfigFor({ server: server.url, skipTLSVerify: true }, user));

describe('a request', () => {
  test('has its path, query, body and headers', async () => {
    let body = '';
    const server = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => response.writeHead(201, { 'retry-after': '7' }).end('{"made":1}'));
    });
    const api = plain(server, { token: 'secret\n' });
    const answer = await api.request({ method: 'PATCH', path: '/apis/x', query: { fieldManager: 'a b' }, body: { ä: 1 }, contentType: 'application/apply-patch+yaml', timeoutMs: 5000 });
    expect(answer).toEqual({ status: 201, retryAfterSeconds: 7, body: { made: 1 } });
    const { method, url, headers } = server.requests[0] ?? {};
    expect({ method, url, body }).toEqual({ method: 'PATCH', url: '/apis/x?fieldManager=a+b', body: '{"ä":1}' });
    expect(headers).toMatchObject({ 'content-type': 'application/apply-patch+yaml', accept: 'application/json', authorization: 'Bearer secret', 'user-agent': 'cambio' });
  });

  test('says which answers it takes', async () => {
    const server = await serve(ok);
    await plain(server).request({ ...get, accept: 'application/jwk-set+json' });
    expect(server.requests[0]?.headers.accept).toBe('application/jwk-set+json');
  });

  test.for([
    ['', '/version'],
    ['/', '/version'],
    ['/k8s/clusters/c-1', '/k8s/clusters/c-1/version'],
    ['/k8s/clusters/c-1/', '/k8s/clusters/c-1/version'],
  ])('goes below the path of the server: %j', async ([prefix, url]) => {
    const server = await serve(ok);
    await connect(kubeConfigFor({ server: server.url + prefix, skipTLSVerify: true })).request(get);
    expect(server.requests.map((request) => request.url)).toEqual([url]);
  });

  test.for([
    ['{"a":1}', { a: 1 }],
    ['', undefined],
    ['<html>', undefined],
    ['null', null],
  ] as const)('takes %j for an answer', async ([text, body]) => {
    const api = plain(await serve((_, response) => void response.writeHead(503).end(text)));
    expect(await api.request(get)).toEqual({ status: 503, retryAfterSeconds: undefined, body });
  });

  test.for([
    ['0', 0],
    ['30', 30],
    ['61', 60],
    ['-1', undefined],
    ['1.5', undefined],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
  ] as const)('reads Retry-After: %s', async ([text, seconds]) => {
    const api = plain(await serve((_, response) => void response.writeHead(429, { 'retry-after': text }).end()));
    expect((await api.request(get)).retryAfterSeconds).toBe(seconds);
  });

  test.for([
    ['never begins', () => undefined],
    ['never ends', (_: IncomingMessage, response: ServerResponse) => void response.write('{')],
  ] as const)('is given up where the answer %s', async ([, handler]) => {
    const server = await serve(handler);
    await expect(plain(server).request({ ...get, timeoutMs: 50 })).rejects.toThrow('The operation was aborted due to timeout');
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });

  test('ends when its signal is aborted', async () => {
    const server = await serve(() => undefined);
    const end = new AbortController();
    const request = plain(server).request({ ...get, signal: end.signal });
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    end.abort(new Error('enough'));
    await expect(request).rejects.toThrow('enough');
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });

  test('ends when its signal is aborted, be it before there is a connection', async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => sockets.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    closables.push({ close: async () => void silent.close() });
    const end = new AbortController();
    const { port } = silent.address() as AddressInfo;
    const api = connect(kubeConfigFor({ server: `https://127.0.0.1:${port}`, skipTLSVerify: true }));
    const request = api.request({ ...get, signal: end.signal });
    await vi.waitFor(() => expect(sockets).toHaveLength(1));
    end.abort(new Error('enough'));
    await expect(request).rejects.toThrow('enough');
    await expect(api.request({ ...get, signal: end.signal })).rejects.toThrow('enough');
    for (const socket of sockets) socket.destroy();
  });

  test('ends when its signal is aborted, be it while it waits for its turn; then it is not sent', async () => {
    const answers: ServerResponse[] = [];
    const server = await serve((_, response) => void answers.push(response));
    const api = connect(kubeConfigFor({ server: server.url, skipTLSVerify: true }), () => 0, 1);
    const first = api.request(get);
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    const end = new AbortController();
    const second = api.request({ ...get, path: '/second', signal: end.signal });
    end.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    answers[0]?.end('{}');
    expect((await first).status).toBe(200);
    const third = api.request({ ...get, path: '/third' });
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]?.end('{}');
    await third;
    expect(server.requests.map(({ url }) => url)).toEqual(['/version', '/third']);
  });

  test('is given up where the answer is too large', async () => {
    const server = await serve((_, response) => void response.end(JSON.stringify('x'.repeat(99))));
    const api = plain(server);
    expect((await api.request({ ...get, maxBytes: 101 })).body).toBe('x'.repeat(99));
    await expect(api.request({ ...get, maxBytes: 100 })).rejects.toThrow('the answer of the API server is larger than 100 bytes');
  });

  test('rejects where the answer is cut', async () => {
    const api = plain(await serve((request, response) => void response.write('{', () => request.socket.resetAndDestroy())));
    await expect(api.request(get)).rejects.toThrow(resetMessage);
  });
});

describe('connections', () => {
  test('are used again, and none is left after close()', async () => {
    const server = await serve(ok, true);
    const api = connect(kubeConfigFor({ server: server.url, caData: base64(cert) }));
    for (let i = 0; i < 50; i++) expect((await api.request(get)).status).toBe(200);
    // A second one is opened where a request comes in the very moment in which an answer has ended.
    expect(server.connections()).toBeLessThanOrEqual(2);
    await api.close();
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });

  test('are no more than allowed: further requests wait', async () => {
    const waiting: ServerResponse[] = [];
    const server = await serve((_, response) => void waiting.push(response));
    const api = connect(kubeConfigFor({ server: server.url, skipTLSVerify: true }), () => 0, 2);
    const requests = Array.from({ length: 5 }, () => api.request(get));
    for (let answered = 0; answered < 5; answered++) {
      await vi.waitFor(() => expect(waiting).toHaveLength(Math.min(2, 5 - answered)));
      waiting.shift()?.end('{}');
    }
    await Promise.all(requests);
    expect(server.connections()).toBe(2);
  });

  test('are one for each request in flight, not one for all: of HTTP/2 no use is made', async () => {
    const waiting: ServerResponse[] = [];
    const server = await serve((_, response) => void waiting.push(response), true);
    const api = connect(kubeConfigFor({ server: server.url, caData: base64(cert) }));
    const requests = [api.request(get), api.request(get), api.request(get)];
    await vi.waitFor(() => expect(waiting).toHaveLength(3));
    expect(server.requests.map((request) => request.httpVersion)).toEqual(['1.1', '1.1', '1.1']);
    for (const response of waiting) response.end('{}');
    await Promise.all(requests);
    expect(server.connections()).toBe(3);
  });

  test('close() ends what is in flight', async () => {
    const server = await serve((_, response) => void response.write('a'));
    const api = plain(server);
    const stream = await api.stream('/watch', {}, new AbortController().signal);
    await api.close();
    await expect(Array.fromAsync(stream.body)).rejects.toThrow('The client is destroyed');
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });

  test('retire() lets what is in flight end, and then none is left', async () => {
    const waiting: ServerResponse[] = [];
    const server = await serve((_, response) => void waiting.push(response));
    const api = plain(server);
    // The second has no connection yet when it is retired.
    const requests = [api.request(get)];
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    requests.push(api.request(get));
    const retired = api.retire();
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    for (const response of waiting) response.end('{}');
    expect((await Promise.all(requests)).map(({ status }) => status)).toEqual([200, 200]);
    await retired;
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });

  test('close() without any is fine, twice too', async () => {
    const server = await serve(ok);
    const api = plain(server);
    await api.close();
    await api.close();
    expect(server.connections()).toBe(0);
  });
});

describe('a stream', () => {
  test('gives bytes as they come, until it is aborted', async () => {
    const server = await serve((_, response) => void response.writeHead(200, { 'retry-after': '1' }).write('one'));
    const end = new AbortController();
    const { status, retryAfterSeconds, body } = await plain(server).stream('/watch', { watch: 'true' }, end.signal);
    expect({ status, retryAfterSeconds, url: server.requests[0]?.url }).toEqual({ status: 200, retryAfterSeconds: 1, url: '/watch?watch=true' });
    const iterator = body[Symbol.asyncIterator]();
    expect(Buffer.from((await iterator.next()).value ?? []).toString()).toBe('one');
    end.abort(new Error('enough'));
    await expect(iterator.next()).rejects.toThrow('enough');
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });
});

describe('TLS', () => {
  test.for([
    ['an unknown CA', { caData: base64(otherCert) }, /self-signed certificate|unable to verify/],
    ['no CA', {}, /self-signed certificate/],
  ] as const)('is refused with %s', async ([, cluster, message]) => {
    const server = await serve(ok, true);
    await expect(connect(kubeConfigFor({ server: server.url, ...cluster }, { token: 'secret' })).request(get)).rejects.toThrow(message);
    expect(server.requests).toEqual([]);
  });

  test('is refused for another host', async () => {
    const server = await serve(ok, true);
    const url = server.url.replace('127.0.0.1', 'localhost');
    await expect(connect(kubeConfigFor({ server: url, caData: base64(cert) })).request(get)).rejects.toThrow(/altnames/);
  });

  test('is needed, unless the kubeconfig says that it is not', async () => {
    const server = await serve(ok);
    await expect(connect(kubeConfigFor({ server: server.url })).request(get)).rejects.toThrow('HTTP protocol is not allowed');
  });
});

describe('the credential', () => {
  test.for([
    ['a token', { token: 'secret' }, 'Bearer secret'],
    ['a name and a password', { username: 'ann', password: 'pass' }, `Basic ${base64('ann:pass')}`],
    ['nothing', {}, undefined],
  ] as const)('is shown: %s', async ([, user, authorization]) => {
    const server = await serve(ok);
    const api = plain(server, user);
    await api.request(get);
    expect(server.requests[0]?.headers.authorization).toBe(authorization);
    expect(await api.ownToken()).toBe('token' in user ? user.token : undefined);
  });

  test('is not more than the kubeconfig says: who is to be impersonated is named', async () => {
    const server = await serve(ok);
    await plain(server, { token: 'admin', impersonateUser: 'nobody' }).request(get);
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer admin', 'impersonate-user': 'nobody' });
  });

  test('is read anew from its file after 30 seconds, and once for requests at the same time', async () => {
    const server = await serve(ok);
    let now = 0;
    await writeFile(join(dir, 'token'), 'first\n');
    const user = { token: 'stale', tokenFile: 'token' };
    const config = {
      clusters: [{ name: 'c', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user }, { name: 'other' }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
      'current-context': 'x',
    };
    await writeFile(join(dir, 'kubeconfig'), stringify(config));
    const loaded = loadKubeConfig([join(dir, 'kubeconfig')], false);
    if (loaded === undefined) throw new Error('it was not loaded');
    const api = connect(loaded, () => now);
    await Promise.all([api.request(get), api.request(get)]);
    await writeFile(join(dir, 'token'), 'second');
    now = 29_999;
    await api.request(get);
    now = 30_000;
    await Promise.all([api.request(get), api.request(get)]);
    expect(server.requests.map((request) => request.headers.authorization)).toEqual(['Bearer first', 'Bearer first', 'Bearer first', 'Bearer second', 'Bearer second']);
    expect(await api.ownToken()).toBe('second');
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test('that can not be read fails the request, and is tried again with the next', async () => {
    const server = await serve(ok);
    const file = join(dir, 'token');
    const api = plain(server, { authProvider: { name: 'tokenFile', config: { tokenFile: file } } });
    await expect(api.request(get)).rejects.toThrow('ENOENT');
    await writeFile(file, 'now');
    await api.request(get);
    expect(server.requests.map((request) => request.headers.authorization)).toEqual(['Bearer now']);
  });

  test('of a certificate that was replaced is used for new connections; requests with the old one may end', async () => {
    const waiting: ServerResponse[] = [];
    const server = await serve((_, response) => void waiting.push(response), true);
    const caFile = join(dir, 'ca');
    await writeFile(caFile, cert);
    const config = kubeConfigFor({ server: server.url, caFile } as never);
    let now = 0;
    const api = connect(config, () => now);
    const before = api.request(get);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    await writeFile(caFile, cert + otherCert);
    now = 30_000;
    const after = api.request(get);
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    expect(server.connections()).toBe(2);
    for (const response of waiting) response.end('{}');
    expect((await before).status).toBe(200);
    expect((await after).status).toBe(200);
    await vi.waitFor(() => expect(server.open()).toBe(1));
  });
});

describe('a credential that is not there yet', () => {
  type Reading = ReturnType<typeof Promise.withResolvers<void>>;
  let server: TestServer;
  let api: ApiServer;
  /** Each time that the credential was asked for. */
  let readings: Reading[];

  beforeEach(async () => {
    server = await serve(ok);
    readings = [];
    const config = kubeConfigFor({ server: server.url, skipTLSVerify: true });
    config.applyToHTTPSOptions = () => {
      const reading = Promise.withResolvers<void>();
      readings.push(reading);
      return reading.promise;
    };
    api = connect(config);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    for (const reading of readings) reading.resolve();
  });

  test('is not waited for any longer than a request may take', async () => {
    await expect(api.request({ ...get, timeoutMs: 20 })).rejects.toThrow('The operation was aborted due to timeout');
    // The next one waits for the same, and gets it.
    const next = api.request(get);
    readings[0]?.resolve();
    expect((await next).status).toBe(200);
    expect(readings).toHaveLength(1);
    expect(server.requests).toHaveLength(1);
  });

  test('is not waited for when a request or a stream is aborted, or the signal was aborted before', async () => {
    const end = new AbortController();
    const waiting = [api.request({ ...get, signal: end.signal }), api.stream('/watch', {}, end.signal)];
    end.abort(new Error('enough'));
    for (const request of [...waiting, api.request({ ...get, signal: end.signal })]) await expect(request).rejects.toThrow('enough');
    expect(server.requests).toEqual([]);
  });

  test('is not waited for by close(), and nothing is sent after that', async () => {
    const waiting = api.request(get);
    const token = api.ownToken();
    await api.close();
    await expect(waiting).rejects.toThrow('the client is closed');
    await expect(token).rejects.toThrow('the client is closed');
    readings[0]?.resolve();
    await expect(api.request(get)).rejects.toThrow('the client is closed');
    expect(server.requests).toEqual([]);
  });

  test('that fails when nobody waits any more harms nobody', async () => {
    await expect(api.request({ ...get, timeoutMs: 20 })).rejects.toThrow('The operation was aborted due to timeout');
    readings[0]?.reject(new Error('no credential'));
    await new Promise(setImmediate); // an unhandled rejection would end the test run
    const next = api.request(get);
    readings[1]?.resolve();
    expect((await next).status).toBe(200);
  });

  test('is read by one program at a time, however long that hangs', async () => {
    for (let attempt = 0; attempt < 3; attempt++) await expect(api.request({ ...get, timeoutMs: 20 })).rejects.toThrow('The operation was aborted due to timeout');
    expect(readings).toHaveLength(1);
  });
});

test('a context without a cluster is refused', () => {
  const config = kubeConfigFor({ server: 'https://a.test' });
  config.setCurrentContext('other');
  expect(() => createApiServer(config, () => 0, 1)).toThrow('the kubeconfig has no current context with a cluster');
});
