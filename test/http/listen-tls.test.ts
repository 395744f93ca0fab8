// TLS on the public port: which versions, a certificate that is exchanged while connections are open, and the same bounds and end as without.
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { listenTls, timeouts, type ListeningTls } from '../../src/http/listen.ts';
import { makeAuthority } from '../make-authority.ts';
import { deferred } from './serve-app.ts';

const authority = makeAuthority();
const [first, second] = [authority.certify({ hosts: ['127.0.0.1', 'first.example.com'] }), authority.certify({ hosts: ['127.0.0.1', 'second.example.com'] })];

const servers: ListeningTls[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function serve(handler: RequestListener = (_request, response) => response.end('hello')): Promise<ListeningTls> {
  const server = await listenTls({ host: '127.0.0.1', port: 0 }, handler, first);
  servers.push(server);
  return server;
}

const portOf = ({ url }: ListeningTls): number => Number(new URL(url).port);

/** Opens a connection and waits for the end of its handshake. */
async function handshake(server: ListeningTls, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ port: portOf(server), host: '127.0.0.1', ca: authority.cert, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function get(server: ListeningTls): Promise<string> {
  const answer = deferred<string>();
  const sent = request(server.url, { ca: authority.cert, agent: false }, (response) => answer.resolve(text(response)));
  sent.on('error', answer.reject);
  sent.end();
  return answer.promise;
}

async function openRaw(server: ListeningTls): Promise<Socket> {
  const socket = connect(portOf(server), '127.0.0.1');
  socket.resume();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const namesOf = (socket: TLSSocket): string | undefined => socket.getPeerCertificate().subjectaltname;

describe('what is spoken', () => {
  test('https, as its URL says', async () => {
    const server = await serve();
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:[0-9]+$/);
    expect(await get(server)).toBe('hello');
  });

  test.for(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (version) => {
    const socket = await handshake(await serve(), { minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] });
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual([version, 'http/1.1']);
    socket.destroy();
  });

  test.for(['TLSv1', 'TLSv1.1'] as const)('not %s', async (version) => {
    // Level 0: else this client would not even offer it.
    const refused = handshake(await serve(), { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/ALERT_PROTOCOL_VERSION/) });
  });

  test('no renegotiation, by which a client could make the server work', async () => {
    const socket = await handshake(await serve(), { maxVersion: 'TLSv1.2' });
    const failed = once(socket, 'error');
    // After the refusal the connection may be reset as well.
    socket.on('error', () => undefined);
    socket.renegotiate({}, () => undefined);
    expect(await failed).toEqual([expect.objectContaining({ code: 'ERR_SSL_NO_RENEGOTIATION' })]);
  });

  test('plain HTTP is no TLS: the connection ends, and the server goes on', async () => {
    const server = await serve();
    const socket = connect(portOf(server), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.resume();
    socket.on('error', () => undefined);
    await once(socket, 'close');
    expect(await get(server)).toBe('hello');
  });
});

describe('another certificate', () => {
  test('new connections get it; those that are open go on with theirs', async () => {
    const server = await serve();
    const before = await handshake(server);
    server.useCertificate(second);
    const after = await handshake(server);
    expect([namesOf(before), namesOf(after)]).toEqual(['IP Address:127.0.0.1, DNS:first.example.com', 'IP Address:127.0.0.1, DNS:second.example.com']);
    before.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(await text(before)).toMatch(/^HTTP\/1\.1 200 [^]*hello$/);
    after.destroy();
  });

  test.for(['TLSv1.2', 'TLSv1.3'] as const)('%s: a session of the certificate before is not resumed', async (maxVersion) => {
    const server = await serve();
    const opened = await handshake(server, { maxVersion });
    let session: Buffer | undefined = opened.getSession();
    opened.on('session', (ticket: Buffer) => {
      session = ticket;
    });
    opened.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await text(opened);
    const resume = async (): Promise<boolean> => {
      const socket = await handshake(server, { maxVersion, ...(session && { session }) });
      const resumed = socket.isSessionReused();
      socket.destroy();
      return resumed;
    };
    expect(await resume()).toBe(true);
    server.useCertificate(second);
    expect(await resume()).toBe(false);
  });

  test('TLS 1.2 stays the least', async () => {
    const server = await serve();
    server.useCertificate(second);
    await expect(handshake(server, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toMatchObject({ code: expect.stringMatching(/ALERT_PROTOCOL_VERSION/) });
  });
});

describe('bounds and end', () => {
  test('a connection that begins no handshake is cut off', async () => {
    expect(timeouts.handshake).toBe(5_000);
    const server = await serve();
    const socket = await openRaw(server);
    await once(socket, 'close');
  });

  test('half a request is cut off', async () => {
    const server = await serve();
    const socket = await handshake(server);
    socket.write('GET / HTTP/1.1\r\nHo');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('a request in flight is answered; idle connections close at once', async () => {
    const [entered, release] = [deferred(), deferred()];
    const server = await serve((_request, response) => {
      entered.resolve();
      void release.promise.then(() => response.end('slow'));
    });
    const slow = get(server);
    await entered.promise;
    const idle = await handshake(server);
    idle.resume();
    const gone = once(idle, 'close');
    const closed = server.close(60_000);
    await gone;
    release.resolve();
    expect(await slow).toBe('slow');
    await closed;
  });

  test('after the bound everything is cut off, a connection without a handshake too', async () => {
    const entered = deferred();
    const server = await serve(() => entered.resolve());
    const slow = get(server).catch((error: NodeJS.ErrnoException) => error.code);
    await entered.promise;
    const raw = await openRaw(server);
    const gone = once(raw, 'close');
    await server.close(1);
    await gone;
    expect(await slow).toBe('ECONNRESET');
  });
});
