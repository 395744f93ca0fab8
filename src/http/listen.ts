// An HTTP server with bounds on every wait, and an end that loses no request; over TLS where it has a certificate.
import { constants } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { createConnections, type Connections } from './connections.ts';

export type Listening = {
  /** http://host:port, or https://host:port, as it is bound. */
  url: string;
  /** Takes no more connections, lets requests in flight end, and cuts off what is left after the bound. */
  close: (drainMilliseconds: number) => Promise<void>;
};

/** A server's certificate with those between it and the authority, and its private key, in PEM. They have been checked. */
export type TlsPair = { cert: string; key: string };

export type ListeningTls = Listening & {
  /** From now on new connections get this certificate; those that are open go on. */
  useCertificate: (pair: TlsPair) => void;
};

type Address = { host: string; port: number };

/**
 * Bounds on how long a client may take, in milliseconds. `stalled`: neither side has sent anything, or the client takes
 * nothing of its answer. An exchange that waits for an issuer and then for an API server takes less.
 */
export const timeouts = { handshake: 5_000, headers: 5_000, request: 10_000, keepAlive: 75_000, stalled: 30_000 };

/** Most requests of one connection that wait behind others of it. Hardly any client sends one before the last was answered. */
export const maxPipelined = 8;

const bounds = {
  headersTimeout: timeouts.headers,
  requestTimeout: timeouts.request,
  keepAliveTimeout: timeouts.keepAlive,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 32_768,
};

/** How many connections at most, and after how many milliseconds one on which nothing moves is cut off. */
export type Limits = { connections: number; stalled: number };

export const usualLimits: Limits = { connections: 1_000, stalled: timeouts.stalled };

/** Room for the connections of so many requests in flight, and for a thousand others. One takes some 15 KiB, over TLS 70 KiB. */
export const limitsFor = (requestsInFlight: number): Limits => ({ ...usualLimits, connections: usualLimits.connections + requestsInFlight });

/** Listens at an address such as 127.0.0.1:8080 or [::1]:8080; port 0 takes a free one. Rejects with a sentence on what to do. */
export function listen(address: Address, handler: RequestListener, limits = usualLimits): Promise<Listening> {
  return start(createServer(bounds), 'http', address, handler, limits);
}

/** The same over TLS 1.2 or newer, for HTTP/1.1. */
export async function listenTls(address: Address, handler: RequestListener, pair: TlsPair, limits = usualLimits): Promise<ListeningTls> {
  const server = createTlsServer({ ...bounds, ...tlsOptions(pair), handshakeTimeout: timeouts.handshake });
  // A new context has new keys for session tickets, too: nobody resumes a session that the old certificate began.
  return { ...(await start(server, 'https', address, handler, limits)), useCertificate: (next) => server.setSecureContext(tlsOptions(next)) };
}

function tlsOptions({ cert, key }: TlsPair): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_RENEGOTIATION };
}

/**
 * Cuts off who sends request after request without waiting for an answer: thousands of them fit into what is read at
 * once, and everybody else would wait until they are all begun.
 */
function withoutQueues(handler: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    // The answer that is next has the connection already; nearly always that is this one.
    if (response.socket !== null) return handler(request, response);
    const position = (waiting.get(socket) ?? 0) + 1;
    waiting.set(socket, position);
    if (position > maxPipelined) return void socket.destroy();
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    handler(request, response);
  };
}

async function start(server: Server | TlsServer, scheme: 'http' | 'https', address: Address, handler: RequestListener, limits: Limits): Promise<Listening> {
  const connections = createConnections(limits.connections);
  const answer = withoutQueues(handler);
  server.timeout = limits.stalled;
  // Below HTTP: a connection that has not ended its handshake is none that the HTTP server knows of.
  server.on('connection', connections.opened);
  server.on('request', (request, response) => {
    connections.asked(request.socket, response);
    answer(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, address)));
    server.listen(address.port, address.host, resolve);
  });
  const { address: host, port, family } = server.address() as AddressInfo;
  return { url: `${scheme}://${family === 'IPv6' ? `[${host}]` : host}:${port}`, close: (drain) => close(server, connections, drain) };
}

async function close(server: Server | TlsServer, connections: Connections, drainMilliseconds: number): Promise<void> {
  const cutOff = setTimeout(() => {
    server.closeAllConnections();
    connections.cutOffAll();
  }, drainMilliseconds);
  // A connection that was busy when the end began is closed as soon as it is idle, not kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  try {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  } finally {
    clearTimeout(cutOff);
    clearInterval(sweep);
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: Address): Error {
  const why = { EADDRINUSE: 'another process listens there; end it, or name another address by --listen or --admin-listen', EACCES: 'that port needs more rights', EADDRNOTAVAIL: 'this machine has no such address' };
  return new Error(`can't listen at ${host}:${port}: ${why[error.code as keyof typeof why] ?? error.message}`, { cause: error });
}
