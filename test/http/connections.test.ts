// More connections than a server has room for: who has to go, and who is answered nevertheless.
import { EventEmitter, once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { limitsFor, listen, listenTls, usualLimits, type Listening } from '../../src/http/listen.ts';
import { makeAuthority } from '../make-authority.ts';
import { deferred } from './serve-app.ts';

const authority = makeAuthority();
const pair = authority.certify({ hosts: ['127.0.0.1'] });

const servers: Listening[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

/** A server with room for so few connections that holds requests for /slow until it is told, and tells when it has so many. */
async function serve(connections: number, tls = false): Promise<{ port: number; holds: (count: number) => Promise<void>; release: () => void }> {
  const held: (() => void)[] = [];
  const holding = new EventEmitter();
  const handler: RequestListener = ({ url }, response) => {
    const answer = (): void => void response.end(`<${url}>`);
    if (url !== '/slow') return answer();
    held.push(answer);
    holding.emit('more');
  };
  const [anywhere, limits] = [{ host: '127.0.0.1', port: 0 }, { ...usualLimits, connections }];
  const server = await (tls ? listenTls(anywhere, handler, pair, limits) : listen(anywhere, handler, limits));
  servers.push(server);
  const holds = async (count: number): Promise<void> => {
    while (held.length < count) await once(holding, 'more');
  };
  return { port: Number(new URL(server.url).port), holds, release: () => held.forEach((answer) => answer()) };
}

type Client = { send: (text: string) => void; ask: (path: string) => void; answered: (path: string) => Promise<string>; cutOff: Promise<string> };

/** A connection by which one can ask more than once. What it is `cutOff` with is what it was answered until then. */
async function open(port: number, tls = false): Promise<Client> {
  const socket: Socket = tls ? connectTls({ port, host: '127.0.0.1', ca: authority.cert }) : connect(port, '127.0.0.1');
  const cutOff = deferred<string>();
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('error', () => undefined).once('close', () => cutOff.resolve([...received.matchAll(/<(.*?)>/g)].map(([, path]) => path).join(' ')));
  await once(socket, tls ? 'secureConnect' : 'connect');
  const answered = async (path: string): Promise<string> => {
    while (!received.includes(`<${path}>`)) await once(socket, 'data');
    return path;
  };
  const send = (text: string): void => void socket.write(text);
  return { send, ask: (path) => send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`), answered, cutOff: cutOff.promise };
}

async function openAndAsk(port: number, path: string, tls = false): Promise<Client> {
  const client = await open(port, tls);
  client.ask(path);
  await client.answered(path);
  return client;
}

for (const tls of [false, true]) {
  test(`${tls ? 'TLS' : 'plain'}: one that waits for its client has to go, the one heard of longest ago first; one that waits for its answer stays`, async () => {
    const { port, holds, release } = await serve(3, tls);
    const busy = await open(port, tls);
    busy.ask('/slow');
    await holds(1);
    const [second, third] = [await openAndAsk(port, '/2', tls), await openAndAsk(port, '/3', tls)];
    second.ask('/2-again');
    await second.answered('/2-again');
    const fourth = await openAndAsk(port, '/4', tls);
    expect(await third.cutOff).toBe('/3');
    const fifth = await openAndAsk(port, '/5', tls);
    expect(await second.cutOff).toBe('/2 /2-again');
    release();
    expect(await busy.answered('/slow')).toBe('/slow');
    fifth.ask('/5-again');
    expect(await fifth.answered('/5-again')).toBe('/5-again');
    // Now that it has its answer it is one of those that wait, and the one heard of longest ago.
    await openAndAsk(port, '/6', tls);
    expect(await busy.cutOff).toBe('/slow');
    fourth.ask('/4-again');
    expect(await fourth.answered('/4-again')).toBe('/4-again');
  });
}

test('where all wait for their answer, the newcomer has to go', async () => {
  const { port, holds, release } = await serve(2);
  const busy = [await open(port), await open(port)];
  for (const client of busy) client.ask('/slow');
  await holds(2);
  expect(await (await open(port)).cutOff).toBe('');
  release();
  expect(await Promise.all(busy.map((client) => client.answered('/slow')))).toEqual(['/slow', '/slow']);
});

test('who begins requests and never ends them keeps nobody out', async () => {
  const { port, holds } = await serve(2);
  const begun = [];
  for (const count of [1, 2]) {
    const client = await open(port);
    client.send('POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n');
    await holds(count);
    begun.push(client);
  }
  await openAndAsk(port, '/good');
  expect(await begun[0]?.cutOff).toBe('');
});

test('who opens connections and sends nothing keeps nobody out, TLS or not', async () => {
  for (const tls of [false, true]) {
    const { port } = await serve(5, tls);
    const silent = await Promise.all(Array.from({ length: 50 }, () => open(port)));
    await openAndAsk(port, '/good', tls);
    expect(await Promise.all(silent.slice(0, 46).map(({ cutOff }) => cutOff))).toEqual(Array.from({ length: 46 }, () => ''));
  }
});

test('the bound is what it is said to be', () => {
  expect([usualLimits.connections, limitsFor(1_000).connections]).toEqual([1_000, 2_000]);
});
