// The end of a server: requests in flight are answered, everything else closes. And clients that do not wait, or keep it waiting.
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { listen, maxPipelined, timeouts, usualLimits, type Listening } from '../../src/http/listen.ts';
import { deferred } from './serve-app.ts';

/** A server that holds requests for /slow until it is told. */
async function serveSlowly(): Promise<Listening & { entered: Promise<void>; release: () => void }> {
  const [entered, release] = [deferred(), deferred()];
  const handler: RequestListener = (request, response) => {
    if (request.url === '/slow') {
      entered.resolve();
      void release.promise.then(() => response.end('slow'));
    } else response.end('quick');
  };
  return { ...(await listen({ host: '127.0.0.1', port: 0 }, handler)), entered: entered.promise, release: () => release.resolve() };
}

function get(url: string, agent: Agent | false): { response: Promise<IncomingMessage>; socket: Promise<Socket> } {
  const [response, socket] = [deferred<IncomingMessage>(), deferred<Socket>()];
  const request = httpRequest(url, { agent }, response.resolve);
  request.on('error', response.reject);
  request.on('socket', socket.resolve);
  request.end();
  return { response: response.promise, socket: socket.promise };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function openIdle(url: string, sent = ''): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.resume();
  await once(socket, 'connect');
  if (sent !== '') await new Promise((resolve) => socket.write(sent, resolve));
  return socket;
}

const refused = (url: string): Promise<unknown> => get(url, false).response.catch((error: NodeJS.ErrnoException) => error.code);

describe('close', () => {
  test('a request in flight is answered; its connection, kept alive until then, closes; new ones are refused', async () => {
    const agent = new Agent({ keepAlive: true });
    const server = await serveSlowly();
    const slow = get(`${server.url}/slow`, agent);
    await server.entered;
    const closed = server.close(60_000);
    expect(await refused(server.url)).toBe('ECONNREFUSED');
    server.release();
    expect(await textOf(await slow.response)).toBe('slow');
    const socket = await slow.socket;
    if (!socket.closed) await once(socket, 'close');
    await closed;
    agent.destroy();
  });

  test('connections that wait for a next request close at once', async () => {
    const agent = new Agent({ keepAlive: true });
    const server = await serveSlowly();
    const slow = get(`${server.url}/slow`, agent);
    await server.entered;
    const quick = get(`${server.url}/`, agent);
    expect(await textOf(await quick.response)).toBe('quick');
    const socket = await quick.socket;
    const gone = once(socket, 'close');
    const closed = server.close(60_000);
    await gone;
    server.release();
    expect(await textOf(await slow.response)).toBe('slow');
    await closed;
    agent.destroy();
  });

  test('connections that never sent anything hold nothing up', async () => {
    const server = await serveSlowly();
    const idle = await openIdle(server.url);
    // A whole exchange after it: the server has accepted the idle one by then.
    expect(await textOf(await get(server.url, false).response)).toBe('quick');
    const gone = once(idle, 'close');
    await server.close(60_000);
    await gone;
  });

  test('what does not end is cut off after the bound', async () => {
    const server = await serveSlowly();
    const slow = get(`${server.url}/slow`, false);
    const outcome = slow.response.catch((error: NodeJS.ErrnoException) => error.code);
    await server.entered;
    await server.close(1);
    expect(await outcome).toBe('ECONNRESET');
    server.release();
  });

  test('half a request is cut off after the bound', async () => {
    const server = await serveSlowly();
    const half = await openIdle(server.url, 'GET / HTTP/1.1\r\nHo');
    const gone = once(half, 'close');
    expect(await textOf(await get(server.url, false).response)).toBe('quick');
    await server.close(1);
    await gone;
  });
});

describe('an address where one can not listen', () => {
  test('another process listens there', async () => {
    const { url, close } = await listen({ host: '127.0.0.1', port: 0 }, (_request, response) => response.end());
    const port = Number(new URL(url).port);
    await expect(listen({ host: '127.0.0.1', port }, () => undefined)).rejects.toThrow(`can't listen at 127.0.0.1:${port}: another process listens there`);
    await close(0);
  });

  test('this machine does not have it', async () => {
    await expect(listen({ host: '192.0.2.1', port: 0 }, () => undefined)).rejects.toThrow("can't listen at 192.0.2.1:0: this machine has no such address");
  });
});

describe('a client that does not wait for answers', () => {
  const pipelined = (count: number, last = 'Connection: close\r\n'): string => Array.from({ length: count }, (_, index) => `GET /${index} HTTP/1.1\r\nHost: x\r\n${index === count - 1 ? last : ''}\r\n`).join('');

  test('as many requests as may wait are answered, in their order', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 }, ({ url }, response) => setImmediate(() => response.end(`<${url}>`)));
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(pipelined(1 + maxPipelined));
    const answers = (await text(socket)).matchAll(/<(.*?)>/g);
    expect([...answers].map(([, path]) => path)).toEqual(Array.from({ length: 1 + maxPipelined }, (_, index) => `/${index}`));
    await server.close(0);
  });

  test('what has been answered does not count', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 }, ({ url }, response) => response.end(`<${url}>`));
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const data = socket.setEncoding('utf8')[Symbol.asyncIterator]();
    for (let round = 0; round < 5; round++) {
      socket.write(pipelined(1 + maxPipelined, ''));
      let answers = '';
      while (!answers.includes(`</${maxPipelined}>`)) answers += (await data.next()).value;
      expect(answers).toContain('</0>');
    }
    socket.destroy();
    await server.close(0);
  });

  test('more of them: the connection is cut off, nothing of the rest is begun, and others are answered', async () => {
    const begun: string[] = [];
    const server = await listen({ host: '127.0.0.1', port: 0 }, ({ url, method = '' }, response) => {
      begun.push(method);
      if (method === 'GET') setTimeout(() => response.end(url), 60_000).unref();
      else response.end();
    });
    const socket = await openIdle(server.url, pipelined(2000));
    socket.on('error', () => undefined);
    await once(socket, 'close');
    expect(begun).toEqual(Array.from({ length: 1 + maxPipelined }, () => 'GET'));
    expect((await fetch(server.url, { method: 'POST' })).status).toBe(200);
    await server.close(0);
  });
});

test('a client that takes nothing of its answer is cut off', async () => {
  expect(timeouts.stalled).toBe(30_000);
  const cutOff = deferred();
  const handler: RequestListener = (_request, response) => void response.once('close', cutOff.resolve).end(Buffer.alloc(50_000_000));
  const server = await listen({ host: '127.0.0.1', port: 0 }, handler, { ...usualLimits, stalled: 50 });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1').pause();
  socket.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await cutOff.promise;
  socket.destroy();
  await server.close(0);
});
