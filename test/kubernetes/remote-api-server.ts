// The API server of another cluster in this process: https, as its Secret says, with every request kept.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { makeCertificate } from './make-certificate.ts';

export type RemoteApiServer = {
  url: string;
  /** The values of the keys that a Secret has, encoded. */
  secretData: (more?: Record<string, string>) => Record<string, string>;
  /** `METHOD path authorization` of each request. */
  requests: string[];
  connections: () => number;
  close: () => Promise<void>;
};

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts it on a free port. */
export async function startRemoteApiServer(answer: Answer): Promise<RemoteApiServer> {
  const { cert, key } = makeCertificate();
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ cert, key }, (request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    answer(request, response);
  });
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    secretData: (more = {}) => Object.fromEntries(Object.entries({ server: url, 'ca.crt': cert, token: 'first', ...more }).map(([name, value]) => [name, Buffer.from(value).toString('base64')])),
    requests,
    connections: () => sockets.size,
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
