// An issuer on this machine: an https server with a certificate of its own authority, that answers as each test wants.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { makeAuthority } from '../make-authority.ts';

export type IssuerServer = {
  url: string;
  /** The certificate of the authority that signed the server's, in PEM. */
  certificateAuthority: string;
  /** Paths that were asked for so far, in their order. */
  asked: string[];
  requests: IncomingMessage[];
  /** How many connections were made so far. */
  connections: () => number;
  /** Resolves when none is open any more. */
  untilQuiet: () => Promise<void>;
  close: () => Promise<void>;
};

export type Answers = Readonly<Record<string, RequestListener>>;

/** Serves these answers by path; what has none is not found. */
export async function startIssuer(answers: Answers | ((url: string) => Answers), { host = '127.0.0.1', plain = false }: { host?: string; plain?: boolean } = {}): Promise<IssuerServer> {
  const authority = makeAuthority();
  const asked: string[] = [];
  const requests: IncomingMessage[] = [];
  let table: Answers = {};
  const listener: RequestListener = (request, response) => {
    asked.push(request.url ?? '');
    requests.push(request);
    const answer = table[request.url ?? ''];
    if (answer === undefined) response.writeHead(404).end();
    else answer(request, response);
  };
  const server = plain ? createServer(listener) : createSecureServer(authority.certify({ hosts: [host] }), listener);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    connections++;
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => undefined);
  const url = `${plain ? 'http' : 'https'}://${host}:${await listenOn(server, host)}`;
  table = typeof answers === 'function' ? answers(url) : answers;
  return {
    url,
    certificateAuthority: authority.cert,
    asked,
    requests,
    connections: () => connections,
    untilQuiet: async () => {
      while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listenOn(server: Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Answers with JSON. */
export const json = (body: unknown, headers: Readonly<Record<string, string>> = {}): RequestListener => (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

/** Answers with 100 MB, which is more than anybody wants. */
export const endless: RequestListener = (_request, response) => {
  const piece = Buffer.alloc(65_536, ' ');
  let left = 100_000_000;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length;
      if (!response.write(piece)) return;
    }
    response.end();
  };
  response.on('drain', more).writeHead(200);
  more();
};

/** Answers with a byte a second. */
export const dripping: RequestListener = (_request, response) => {
  const timer = setInterval(() => response.write(' '), 1000);
  response.once('close', () => clearInterval(timer)).writeHead(200);
};
