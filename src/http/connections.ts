// The open connections of a server: so many at most, and a newcomer takes the place of the one that has waited longest for its client.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export type Connections = {
  /** Takes in a connection that was just accepted, before TLS. Where there is no room, another one is cut off, or this one. */
  opened: (socket: Socket) => void;
  /** Notes that a request has come by one. `socket` may be the TLS layer upon it. */
  asked: (socket: Socket, response: ServerResponse) => void;
  cutOffAll: () => void;
};

type Connection = {
  socket: Socket;
  /** The answer to its newest request. Once that one is closed, so are those to the requests before it. */
  answer: ServerResponse | undefined;
};

/**
 * Keeps at most `most` connections open. One whose newest request is there whole and has not been answered is never cut off
 * for another: who sends the rest of one, or of the next, is waited for like anybody else.
 */
export function createConnections(most: number): Connections {
  /** By their two ends; that of which nothing was heard for the longest time first. */
  const open = new Map<string, Connection>();

  function makeRoom(): boolean {
    for (const [ends, { socket, answer }] of open) {
      if (answer !== undefined && !answer.closed && answer.req.complete) continue;
      open.delete(ends);
      socket.destroy();
      return true;
    }
    return false;
  }

  return {
    opened: (socket) => {
      if (open.size >= most && !makeRoom()) {
        socket.destroy();
        return;
      }
      const ends = endsOf(socket);
      open.set(ends, { socket, answer: undefined });
      socket.once('close', () => {
        if (open.get(ends)?.socket === socket) open.delete(ends);
      });
    },
    asked: (socket, answer) => {
      const ends = endsOf(socket);
      const connection = open.get(ends);
      if (connection === undefined) return;
      open.delete(ends);
      connection.answer = answer;
      open.set(ends, connection);
    },
    cutOffAll: () => {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}

/** What a connection and the TLS layer upon it have in common, and no two connections at once. */
const endsOf = ({ remoteAddress, remotePort, localAddress }: Socket): string => `${remoteAddress} ${remotePort} ${localAddress}`;
