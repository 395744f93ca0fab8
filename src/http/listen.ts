// An HTTP server with bounds on every wait, and an end that loses no request.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Listening = {
  /** http://host:port as it is bound. */
  url: string;
  /** Takes no more connections, lets requests in flight end, and cuts off what is left after the bound. */
  close: (drainMilliseconds: number) => Promise<void>;
};

/** Bounds on how long a client may take, in milliseconds. */
export const timeouts = { headers: 5_000, request: 10_000, keepAlive: 75_000 };

/** Listens at an address such as 127.0.0.1:8080 or [::1]:8080; port 0 takes a free one. Rejects with a sentence on what to do. */
export async function listen(address: { host: string; port: number }, handler: RequestListener): Promise<Listening> {
  const server = createServer(
    {
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      keepAliveTimeout: timeouts.keepAlive,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 32_768,
    },
    handler,
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, address)));
    server.listen(address.port, address.host, resolve);
  });
  const { address: host, port, family } = server.address() as AddressInfo;
  return { url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`, close: (drain) => close(server, drain) };
}

async function close(server: Server, drainMilliseconds: number): Promise<void> {
  const cutOff = setTimeout(() => server.closeAllConnections(), drainMilliseconds);
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

function listenError(error: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): Error {
  const why = { EADDRINUSE: 'another process listens there', EACCES: 'that port needs more rights', EADDRNOTAVAIL: 'this machine has no such address' };
  return new Error(`can't listen at ${host}:${port}: ${why[error.code as keyof typeof why] ?? error.message}`, { cause: error });
}
