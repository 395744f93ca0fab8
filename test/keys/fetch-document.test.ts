// Fetching one document: from servers that are honest, slow, silent, endless or on the wrong address.
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer, type ServerOptions as SecureServerOptions } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { allowHosts } from '../../src/keys/allowed-hosts.ts';
import { createDocumentFetcher, maxDocumentBytes, readMaxAge, type FetchDocumentOptions, type FetchedDocument } from '../../src/keys/fetch-document.ts';
import { maxAddressesTried, maxConnectionBytes } from '../../src/keys/guarded-connector.ts';
import { createAddressCheck, type Address } from '../../src/keys/private-addresses.ts';
import { createHostResolver } from '../../src/keys/resolve-host.ts';
import { createSystemTrust } from '../../src/keys/system-trust.ts';
import { KeyFetchError } from '../../src/policy/key-fetch.ts';
import { makeAuthority } from '../make-authority.ts';
import { json, startIssuer, type Answers, type IssuerServer } from './issuer-server.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const start = async (...args: Parameters<typeof startIssuer>): Promise<IssuerServer> => {
  const server = await startIssuer(...args);
  closing.push(server.close);
  return server;
};

const defaults: FetchDocumentOptions = {
  resolveHost: createHostResolver({ hosts: '/etc/hosts', resolvConf: '/dev/null' }),
  nameNonPublic: createAddressCheck(),
  isAllowedHost: () => true,
  trust: createSystemTrust(),
  proxy: undefined,
};

type Given = { url: string; certificateAuthority?: string | undefined; allowPrivateAddresses?: boolean; options?: Partial<FetchDocumentOptions>; signal?: AbortSignal };

/** Fetches with a bound that a healthy machine never meets, unless a test gives one. */
function fetchFrom({ url, certificateAuthority, allowPrivateAddresses = true, options, signal = AbortSignal.timeout(15_000) }: Given): Promise<FetchedDocument> {
  return createDocumentFetcher({ ...defaults, ...options })(url, { certificateAuthority, allowPrivateAddresses }, signal);
}

/** The reason and the message of a fetch that fails, without the URL of the server. */
async function failureOf(given: Given): Promise<string> {
  const error = await fetchFrom(given).then(
    () => 'it succeeded',
    (reason: unknown) => reason,
  );
  if (!(error instanceof KeyFetchError)) throw new Error('another error', { cause: error });
  return `${error.reason}: ${error.message.replaceAll(/(https?:\/\/[^/: ]*):[0-9]+/g, '$1:PORT')}`;
}

async function answered(answer: RequestListener): Promise<Given> {
  const { url, certificateAuthority } = await start({ '/doc': answer });
  return { url: `${url}/doc`, certificateAuthority };
}

describe('an honest server', () => {
  test('its document, and for how long it may be kept', async () => {
    const given = await answered(json({ issuer: 'x' }, { 'cache-control': 'public, max-age=120', age: '20' }));
    expect(await fetchFrom(given)).toEqual({ json: { issuer: 'x' }, maxAgeSeconds: 100 });
  });

  test.each([
    ['no media type', (_request, response) => response.writeHead(200).end('{"a":1}')],
    ['the media type of text', (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('{"a":1}')],
    ['a byte order mark', (_request, response) => response.writeHead(200).end('\uFEFF{"a":1}')],
    ['chunks', (_request, response) => response.writeHead(200).write('{"a"', () => response.end(':1}'))],
    ['content-encoding identity', (_request, response) => response.writeHead(200, { 'content-encoding': 'identity' }).end('{"a":1}')],
  ] satisfies [string, RequestListener][])('with %s', async (_name, answer) => {
    expect((await fetchFrom(await answered(answer))).json).toEqual({ a: 1 });
  });

  test('is shown nothing of Cambio, and no connection is left', async () => {
    const server = await start({ '/doc': json({}) });
    await fetchFrom({ url: `${server.url}/doc`, certificateAuthority: server.certificateAuthority });
    expect(server.requests.map(({ method, headers }) => ({ method, headers }))).toEqual([
      { method: 'GET', headers: { host: new URL(server.url).host, connection: expect.any(String), accept: expect.any(String), 'accept-encoding': 'identity', 'user-agent': 'cambio' } },
    ]);
    await server.untilQuiet();
  });

  test('a document of exactly the most bytes', async () => {
    const given = await answered((_request, response) => response.writeHead(200).end(JSON.stringify('a'.repeat(maxDocumentBytes - 2))));
    expect((await fetchFrom(given)).json).toHaveLength(maxDocumentBytes - 2);
  });

  test('http on loopback, where private addresses are allowed', async () => {
    const { url } = await start({ '/doc': json({ a: 1 }) }, { plain: true });
    expect((await fetchFrom({ url: `${url}/doc` })).json).toEqual({ a: 1 });
    const named = `${url.replace('127.0.0.1', 'localhost')}/doc`;
    expect((await fetchFrom({ url: named, options: { resolveHost: async () => [{ address: '127.0.0.1', family: 4 }] } })).json).toEqual({ a: 1 });
  });
});

describe('a server that answers with something else', () => {
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  test.each([
    ['a redirect', (_request, response) => response.writeHead(302, { location: '/other' }).end(), 'answered with a redirect (302), which is not followed'],
    ['a redirect to loopback', (_request, response) => response.writeHead(308, { location: 'http://127.0.0.1/' }).end(), 'answered with a redirect (308), which is not followed'],
    ['a page that is missing', (_request, response) => response.writeHead(404).end('{}'), 'answered with 404'],
    ['a failure', (_request, response) => response.writeHead(503).end('{}'), 'answered with 503'],
    ['nothing', (_request, response) => response.writeHead(204).end(), 'answered with 204'],
    ['text', (_request, response) => response.writeHead(200).end('<html>'), 'did not answer with JSON'],
    ['no bytes', (_request, response) => response.writeHead(200).end(), 'did not answer with JSON'],
    ['bytes that are not UTF-8', (_request, response) => response.writeHead(200).end(Buffer.from('"\xff"', 'latin1')), 'did not answer with JSON'],
    ['a compressed bomb', (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb), 'answered with compressed content, which was not asked for'],
    ['an unknown encoding', (_request, response) => response.writeHead(200, { 'content-encoding': 'x' }).end('{}'), 'answered with compressed content, which was not asked for'],
    ['the length of too much', (_request, response) => response.writeHead(200, { 'content-length': maxDocumentBytes + 1 }).write('{'), 'answered with more than 256 KiB'],
    ['a byte too many', (_request, response) => response.writeHead(200).end(' '.repeat(maxDocumentBytes + 1)), 'answered with more than 256 KiB'],
    ['a header too large', (_request, response) => response.writeHead(200, { a: 'b'.repeat(20_000) }).end('{}'), 'the header of the answer is too large'],
    ['a length that is none', (request) => request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999999\r\n\r\n{}'), 'the answer is not of the length that it says'],
    ['a connection that is cut', (request) => request.socket.destroy(), 'the connection was cut'],
    ['a connection that is cut in the middle', (request, response) => response.writeHead(200, { 'content-length': 9 }).write('{', () => request.socket.destroy()), 'the connection was cut'],
  ] satisfies [string, RequestListener, string][])('%s', async (_name, answer, message) => {
    const given = await answered(answer);
    expect(await failureOf(given)).toBe(`FetchFailed: https://127.0.0.1:PORT/doc: ${message}`);
  });

  test('100 MB: no more is read than the bound, and the connection is closed', async () => {
    const piece = Buffer.alloc(65_536, ' ');
    let written = 0;
    const server = await start({
      '/doc': (_request, response) => {
        const more = (): void => {
          while (written < 100_000_000 && !response.destroyed) {
            written += piece.length;
            if (!response.write(piece)) return;
          }
        };
        response.on('drain', more).writeHead(200);
        more();
      },
    });
    expect(await failureOf({ url: `${server.url}/doc`, certificateAuthority: server.certificateAuthority })).toBe('FetchFailed: https://127.0.0.1:PORT/doc: answered with more than 256 KiB');
    await server.untilQuiet();
    // What the buffers of two sockets hold comes on top of what was read.
    expect(written).toBeLessThan(20_000_000);
  });

  /** Sends a piece again and again, as quickly as it is taken, until the connection ends. */
  const flooding = (socket: Socket, piece: string, written: (bytes: number) => void): void => {
    const pieces = Buffer.from(piece.repeat(65_536 / piece.length));
    const more = (): void => {
      while (!socket.destroyed) {
        written(pieces.length);
        if (!socket.write(pieces)) return;
      }
    };
    socket.on('error', () => undefined).on('drain', more);
    more();
  };

  test.each([
    ['interim answers', '', 'HTTP/1.1 103 Early Hints\r\na: b\r\n\r\n'],
    ['empty lines', '', '\r\n'],
    ['zeros before the size of a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '0'],
    ['extensions of a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', 'a=b;'],
    ['chunks of one byte', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\n \r\n'],
  ])('%s without end: no more is read than the bound, and the connection is closed', async (_name, head, piece) => {
    let written = 0;
    const take = (socket: Socket): void => {
      socket.write(head);
      flooding(socket, piece, (bytes) => (written += bytes));
    };
    const secure = await start({ '/doc': ({ socket }) => take(socket) });
    const plain = await start({ '/doc': ({ socket }) => take(socket) }, { plain: true });
    const proxied = { ...secure, options: { proxy: { url: (await startProxy(secure.url)).url, except: '' } } };
    for (const { url, certificateAuthority, untilQuiet, ...given } of [secure, plain, proxied]) {
      written = 0;
      expect(await failureOf({ url: `${url}/doc`, certificateAuthority, ...given })).toMatch(/^FetchFailed: https?:\/\/127.0.0.1:PORT\/doc: more than 1 MiB was sent for one document$/);
      await untilQuiet();
      // What the buffers of two sockets hold comes on top of what was read.
      expect([written > maxConnectionBytes, written < 100_000_000]).toEqual([true, true]);
    }
  });

  test('a proxy that sends empty lines without end before it answers', async () => {
    const proxy = await tcpServer((socket) => flooding(socket, '\r\n', () => undefined));
    const options = { proxy: { url: `http://127.0.0.1:${portOf(proxy)}`, except: '' } };
    expect(await failureOf({ url: 'https://ci.example.com/', options })).toBe('FetchFailed: https://ci.example.com/: more than 1 MiB was sent for one document');
  });

  test('a document of the most bytes in small chunks is read', async () => {
    const { url } = await start({ '/doc': (_request, response) => {
      response.writeHead(200).write('"');
      for (let size = 2; size < maxDocumentBytes; size += 8) response.write('a'.repeat(Math.min(8, maxDocumentBytes - size)));
      response.end('"');
    } }, { plain: true });
    expect((await fetchFrom({ url: `${url}/doc` })).json).toHaveLength(maxDocumentBytes - 2);
  });

  test('something that is not HTTP', async () => {
    const server = await tcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    expect(await failureOf({ url: `http://127.0.0.1:${portOf(server)}/` })).toBe('FetchFailed: http://127.0.0.1:PORT/: the answer is not HTTP');
  });

  test('something that is not TLS', async () => {
    const server = await tcpServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    expect(await failureOf({ url: `https://127.0.0.1:${portOf(server)}/` })).toMatch(/^FetchFailed: https:\/\/127.0.0.1:PORT\/: (no encrypted connection came about \(.*\)|the connection was cut)$/);
  });

  test('nothing that listens', async () => {
    const server = await tcpServer(() => undefined);
    const port = portOf(server);
    server.close();
    await once(server, 'close');
    expect(await failureOf({ url: `https://127.0.0.1:${port}/` })).toBe('FetchFailed: https://127.0.0.1:PORT/: the connection was refused');
  });
});

describe('a server that takes its time', () => {
  /** What a fetch is made from, and when no connection to that is left. */
  type Hanging = (hang: () => void) => Promise<{ given: Given; untilQuiet: () => Promise<void> }>;

  const withAnswer = (answer: (hang: () => void) => RequestListener): Hanging => async (hang) => {
    const server = await start({ '/doc': answer(hang) });
    return { given: { url: `${server.url}/doc`, certificateAuthority: server.certificateAuthority }, untilQuiet: server.untilQuiet };
  };

  const withSocket = (scheme: string, take: (socket: Socket, hang: () => void) => void): Hanging => async (hang) => {
    const sockets = new Set<Socket>();
    const server = await tcpServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      take(socket, hang);
    });
    const untilQuiet = async (): Promise<void> => {
      while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    return { given: { url: `${scheme}://127.0.0.1:${portOf(server)}/` }, untilQuiet };
  };

  const writingForEver = (line: string): Hanging =>
    withSocket('http', (socket, hang) => void socket.once('close', againAndAgain(() => socket.write(line), hang)).write('HTTP/1.1 103 Early Hints\r\n'));

  test.each<[string, Hanging]>([
    ['it never answers', withAnswer((hang) => hang)],
    ['it answers a byte at a time', withAnswer((hang) => (_request, response) => void response.writeHead(200).once('close', againAndAgain(() => response.write(' '), hang)))],
    ['its header never ends', writingForEver('a: b\r\n')],
    ['it sends interim answers for ever', writingForEver('\r\nHTTP/1.1 103 Early Hints\r\n')],
    ['it accepts and does not speak TLS', withSocket('https', (_socket, hang) => hang())],
    [
      'its proxy accepts and does not speak',
      async (hang) => {
        const { given, untilQuiet } = await withSocket('http', (_socket, reached) => reached())(hang);
        return { given: { url: 'https://ci.example.com/', options: { proxy: { url: given.url, except: '' } } }, untilQuiet };
      },
    ],
    [
      'it does not speak, behind a proxy that does',
      async (hang) => {
        const { given, untilQuiet } = await withSocket('http', (socket, reached) => void socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n', reached)))(hang);
        return { given: { url: 'https://ci.example.com/', options: { proxy: { url: given.url, except: '' } } }, untilQuiet };
      },
    ],
    [
      'its name server is silent',
      async (hang) => {
        const resolveHost: FetchDocumentOptions['resolveHost'] = (_host, signal) => {
          hang();
          return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled'))));
        };
        return { given: { url: 'https://slow.example.com/', options: { resolveHost } }, untilQuiet: async () => undefined };
      },
    ],
  ])('%s: the signal ends it, and no connection is left', async (_name, hanging) => {
    const controller = new AbortController();
    const reached = Promise.withResolvers<void>();
    const { given, untilQuiet } = await hanging(reached.resolve);
    const fetched = fetchFrom({ ...given, signal: controller.signal }).catch((error: unknown) => error);
    await reached.promise;
    const reason = new Error('the time is over');
    controller.abort(reason);
    expect(await fetched).toBe(reason);
    await untilQuiet();
  });
});

describe('certificates', () => {
  const document: Answers = { '/doc': json({}) };

  test('one of another authority', async () => {
    const { url } = await start(document);
    const other = await start(document);
    const message = 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority';
    expect(await failureOf({ url: `${url}/doc`, certificateAuthority: other.certificateAuthority })).toBe(`FetchFailed: https://127.0.0.1:PORT/doc: ${message}`);
    expect(await failureOf({ url: `${url}/doc` })).toBe(`FetchFailed: https://127.0.0.1:PORT/doc: ${message}`);
  });

  test('one for another host', async () => {
    const { url, certificateAuthority } = await start(document);
    const options = { resolveHost: async (): Promise<Address[]> => [{ address: '127.0.0.1', family: 4 }] };
    expect(await failureOf({ url: `${url.replace('127.0.0.1', 'another.example.com')}/doc`, certificateAuthority, options })).toBe('FetchFailed: https://another.example.com:PORT/doc: the certificate is for another host');
  });

  test('the variable that turns the check off does not', async () => {
    const { url } = await start(document);
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await failureOf({ url: `${url}/doc` })).toMatch(/not signed by an authority/);
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });
});

describe('addresses', () => {
  test.each([
    ['https://127.0.0.1/', '127.0.0.1', 'loopback'],
    ['https://2130706433/', '127.0.0.1', 'loopback'],
    ['https://0x7f000001/', '127.0.0.1', 'loopback'],
    ['https://0177.0.0.1/', '127.0.0.1', 'loopback'],
    ['https://127.1/', '127.0.0.1', 'loopback'],
    ['https://１２７.0.0.1/', '127.0.0.1', 'loopback'],
    ['https://169.254.169.254/latest/meta-data', '169.254.169.254', 'link-local'],
    ['https://0xa9fea9fe/', '169.254.169.254', 'link-local'],
    ['https://10.0.0.1/', '10.0.0.1', 'private'],
    ['https://0/', '0.0.0.0', 'unspecified'],
    ['https://[::1]/', '::1', 'loopback'],
    ['https://[::]/', '::', 'unspecified'],
    ['https://[::ffff:127.0.0.1]/', '::ffff:7f00:1', 'IPv4-mapped'],
    ['https://[::ffff:8.8.8.8]/', '::ffff:808:808', 'IPv4-mapped'],
    ['https://[::7f00:1]/', '::7f00:1', 'IPv4-compatible'],
    ['https://[64:ff9b::7f00:1]/', '64:ff9b::7f00:1', 'NAT64'],
    ['https://[2002:7f00:1::]/', '2002:7f00:1::', '6to4'],
    ['https://[fd00:ec2::254]/', 'fd00:ec2::254', 'private (ULA)'],
    ['https://[fe80::1]/', 'fe80::1', 'link-local'],
  ])('%s', async (url, address, kind) => {
    const failure = await fetchFrom({ url, allowPrivateAddresses: false }).catch((error: KeyFetchError) => `${error.reason}: ${error.message}`);
    expect(failure).toBe(`AddressRefused: ${new URL(url).href}: ${address} is not a public address (${kind}); allowPrivateAddresses permits it`);
  });

  const publicAddress: Address = { address: '8.8.8.8', family: 4 };
  const loopback: Address = { address: '127.0.0.1', family: 4 };

  test.each<[string, Address[], string]>([
    ['loopback', [loopback], '127.0.0.1, which is not public (loopback)'],
    ['loopback beside a public one', [publicAddress, loopback], '127.0.0.1, which is not public (loopback)'],
    ['IPv4 in IPv6', [{ address: '::ffff:127.0.0.1', family: 6 }], '::ffff:127.0.0.1, which is not public (IPv4-mapped)'],
    ['the metadata server', [{ address: '169.254.169.254', family: 4 }], '169.254.169.254, which is not public (link-local)'],
  ])('a name that resolves to %s', async (_name, addresses, message) => {
    const options = { resolveHost: async () => addresses };
    expect(await failureOf({ url: 'https://rebind.example.com/', allowPrivateAddresses: false, options })).toBe(`AddressRefused: rebind.example.com is at ${message}; allowPrivateAddresses permits it`);
  });

  test('a name that resolves to something else each time is resolved once, and what was checked is connected to', async () => {
    const server = await start({ '/doc': json({}) });
    const answers = [[{ address: '127.0.0.1', family: 4 }], [{ address: '10.0.0.1', family: 4 }]] satisfies Address[][];
    let asked = 0;
    const options: Partial<FetchDocumentOptions> = {
      resolveHost: async () => answers[asked++] ?? [],
      nameNonPublic: (address) => (address === '127.0.0.1' ? undefined : 'private'),
    };
    const url = `${server.url.replace('127.0.0.1', 'localhost')}/doc`;
    const failure = await failureOf({ url, certificateAuthority: server.certificateAuthority, allowPrivateAddresses: false, options });
    expect([asked, failure]).toEqual([1, 'FetchFailed: https://localhost:PORT/doc: the certificate is for another host']);
  });

  test('the second address is tried where the first does not answer', async () => {
    const server = await start({ '/doc': json({ a: 1 }) }, { plain: true });
    const options = { resolveHost: async (): Promise<Address[]> => [{ address: '127.0.0.2', family: 4 }, loopback] };
    expect((await fetchFrom({ url: `${server.url.replace('127.0.0.1', 'localhost')}/doc`, options })).json).toEqual({ a: 1 });
  });

  test('but not the ninth', async () => {
    const server = await start({ '/doc': json({}) }, { plain: true });
    const nobody = Array.from({ length: maxAddressesTried }, (_, index): Address => ({ address: `127.0.1.${index}`, family: 4 }));
    const url = `${server.url.replace('127.0.0.1', 'localhost')}/doc`;
    expect(await failureOf({ url, options: { resolveHost: async () => [...nobody, loopback] } })).toBe('FetchFailed: http://localhost:PORT/doc: the connection was refused');
    expect((await fetchFrom({ url, options: { resolveHost: async () => [...nobody.slice(1), loopback] } })).json).toEqual({});
  });

  test.each([
    ['http without allowPrivateAddresses', 'http://127.0.0.1:1/', false, 'http://127.0.0.1:PORT/: only https is fetched (http on loopback only, with allowPrivateAddresses)'],
    ['http to a private address', 'http://10.0.0.1/', true, '10.0.0.1 is at 10.0.0.1, and http is for loopback only'],
    ['http to a public address', 'http://8.8.8.8/', true, '8.8.8.8 is at 8.8.8.8, and http is for loopback only'],
  ])('%s', async (_name, url, allowPrivateAddresses, message) => {
    expect(await failureOf({ url, allowPrivateAddresses })).toBe(`AddressRefused: ${message}`);
  });

  test.each([
    ['file:///etc/passwd', '"file:///etc/passwd" is not an https URL'],
    ['data:application/json,{}', '"data:application/json,{}" is not an https URL'],
    ['jwks', '"jwks" is not an https URL'],
    [`x:${'a'.repeat(9000)}`, `"x:${'a'.repeat(510)}" is not an https URL`],
    ['https://user:password@ci.example.com/', 'the URL at ci.example.com has user info'],
    [`https://user@${'a'.repeat(100_000)}/`, 'the URL has a host of 100000 characters: 254 at most'],
    [`https://${'a.'.repeat(150)}localhost/`, 'the URL has a host of 309 characters: 254 at most'],
  ])('%.40s', async (url, message) => {
    expect(await failureOf({ url })).toBe(`FetchFailed: ${message}`);
  });

  test.each([
    ['a host that has no address', 'ENOTFOUND', 'the host has no address'],
    ['a name that is none', 'EBADNAME', 'the host has a name that there can not be'],
    ['a name server that fails', 'ESERVFAIL', 'the name server fails for this host'],
    ['a name server that is silent', 'ETIMEOUT', 'the name server does not answer'],
  ])('%s', async (_name, code, message) => {
    const options = { resolveHost: () => Promise.reject(Object.assign(new Error('no'), { code })) };
    expect(await failureOf({ url: 'https://ci.example.com/', options })).toBe(`FetchFailed: https://ci.example.com/: ${message}`);
  });
});

describe('--allowed-issuer-hosts', () => {
  const options = { isAllowedHost: allowHosts(['ci.example.com']) };
  test('another host is refused before its name is resolved', async () => {
    const resolveHost = (): Promise<never> => Promise.reject(new Error('a name was resolved'));
    expect(await failureOf({ url: 'https://other.example.com/', options: { ...options, resolveHost } })).toBe('AddressRefused: https://other.example.com/: the host is not among --allowed-issuer-hosts');
  });
});

describe('through a proxy', () => {
  test('the host is asked for by its name, and its certificate is checked', async () => {
    const server = await start({ '/doc': json({ a: 1 }) });
    const proxy = await startProxy(server.url);
    const options = { proxy: { url: proxy.url, except: '' }, resolveHost: () => Promise.reject(new Error('a name was resolved')) };
    const port = new URL(server.url).port;
    expect((await fetchFrom({ url: `${server.url}/doc`, certificateAuthority: server.certificateAuthority, options })).json).toEqual({ a: 1 });
    expect(await failureOf({ url: `https://ci.example.com:${port}/doc`, certificateAuthority: server.certificateAuthority, options })).toBe('FetchFailed: https://ci.example.com:PORT/doc: the certificate is for another host');
    expect(proxy.asked).toEqual([`127.0.0.1:${port}`, `ci.example.com:${port}`]);
  });

  test('an address that is refused is refused here, too', async () => {
    const proxy = await startProxy('http://127.0.0.1:1');
    const options = { proxy: { url: proxy.url, except: '' } };
    expect(await failureOf({ url: 'https://169.254.169.254/', allowPrivateAddresses: false, options })).toMatch(/^AddressRefused: /);
    expect(proxy.asked).toEqual([]);
  });

  test('hosts of NO_PROXY, and http on loopback, go straight', async () => {
    const server = await start({ '/doc': json({ a: 1 }) });
    const plain = await start({ '/doc': json({ a: 2 }) }, { plain: true });
    const proxy = await startProxy(server.url);
    const options = { proxy: { url: proxy.url, except: '127.0.0.1' } };
    expect((await fetchFrom({ url: `${server.url}/doc`, certificateAuthority: server.certificateAuthority, options })).json).toEqual({ a: 1 });
    expect((await fetchFrom({ url: `${plain.url}/doc`, options })).json).toEqual({ a: 2 });
    expect(proxy.asked).toEqual([]);
  });

  test('the addresses of hosts of NO_PROXY are checked, as without a proxy', async () => {
    const proxy = await startProxy('http://127.0.0.1:1');
    const options: Partial<FetchDocumentOptions> = { proxy: { url: proxy.url, except: '.example.com' }, resolveHost: async () => [{ address: '10.0.0.1', family: 4 }] };
    expect(await failureOf({ url: 'https://ci.example.com/', allowPrivateAddresses: false, options })).toBe('AddressRefused: ci.example.com is at 10.0.0.1, which is not public (private); allowPrivateAddresses permits it');
    expect(proxy.asked).toEqual([]);
  });

  test('an https proxy is trusted for the system\'s certificates, and not for those of an issuer', async () => {
    const server = await start({ '/doc': json({ a: 1 }) });
    const authority = makeAuthority();
    let offered: readonly string[] = [];
    const ALPNCallback = ({ protocols }: { protocols: readonly string[] }): string => {
      offered = protocols;
      return 'http/1.1';
    };
    const proxy = await startProxy(server.url, { tls: { ...authority.certify(), ALPNCallback } });
    const options: Partial<FetchDocumentOptions> = { proxy: { url: proxy.url, except: '' }, trust: () => ({ ca: authority.cert }) };
    const given = { url: `${server.url}/doc`, certificateAuthority: server.certificateAuthority };
    expect((await fetchFrom({ ...given, options })).json).toEqual({ a: 1 });
    // What is counted is a connection of HTTP/1.1.
    expect(offered).toEqual(['http/1.1']);
    const message = 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority';
    expect(await failureOf({ ...given, certificateAuthority: authority.cert, options: { ...options, trust: () => ({ ca: server.certificateAuthority }) } })).toBe(`FetchFailed: https://127.0.0.1:PORT/doc: ${message}`);
    expect(proxy.asked).toHaveLength(1);
  });

  test('a proxy that refuses', async () => {
    const proxy = await startProxy('http://127.0.0.1:1', { answer: 'HTTP/1.1 403 Forbidden\r\n\r\n' });
    expect(await failureOf({ url: 'https://ci.example.com/', options: { proxy: { url: proxy.url, except: '' } } })).toBe('FetchFailed: https://ci.example.com/: the proxy does not connect to the host');
  });
});

test.each([
  [undefined, undefined, undefined],
  ['public', undefined, undefined],
  ['max-age=300', undefined, 300],
  ['public, MAX-AGE = "60"', undefined, 60],
  ['s-maxage=10', undefined, undefined],
  ['max-age=300', '100', 200],
  ['max-age=300', '500', 0],
  ['max-age=300', 'x', 300],
  ['no-store', undefined, 0],
  ['no-cache, max-age=300', undefined, 0],
  ['private, no-store', undefined, 0],
  ['max-age=-1', undefined, undefined],
  ['max-age=99999999999999', undefined, undefined],
  [['max-age=30', 'public'], undefined, 30],
])('Cache-Control %j with Age %j: %j seconds', (cacheControl, age, seconds) => {
  expect(readMaxAge(cacheControl, age)).toBe(seconds);
});

/** Does something again and again, and says when it has been done some times. @returns what ends it */
function againAndAgain(write: () => unknown, some: () => void): () => void {
  let times = 0;
  const timer = setInterval(() => {
    write();
    if (++times === 4) some();
  }, 5);
  return () => clearInterval(timer);
}

/** A proxy that connects to one server, whatever it is asked for, and notes what that was. */
async function startProxy(target: string, { answer = 'HTTP/1.1 200 OK\r\n\r\n', tls }: { answer?: string; tls?: SecureServerOptions } = {}): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const proxy = tls === undefined ? createHttpServer() : createSecureServer(tls);
  proxy.on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '');
    socket.on('error', () => undefined).write(answer);
    const upstream = connect(Number(new URL(target).port), '127.0.0.1');
    upstream.on('error', () => undefined).pipe(socket).pipe(upstream);
    socket.once('close', () => upstream.destroy());
    upstream.once('close', () => socket.destroySoon());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  closing.push(() => new Promise((resolve) => proxy.close(resolve)));
  const origin = tls === undefined ? 'http://127.0.0.1' : 'https://localhost';
  return { url: `${origin}:${(proxy.address() as AddressInfo).port}`, asked };
}

async function tcpServer(take: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    closing.push(() => socket.destroy());
    take(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
