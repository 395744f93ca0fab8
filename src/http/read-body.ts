// Reads the body of a request up to a bound, and not a byte further.
import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../exchange/oauth-error.ts';

/** The largest body of a token request, in bytes. */
export const maxBodyBytes = 65_536;

/** What all bodies that have not ended yet may hold together, in bytes. */
export const maxHeldBytes = 67_108_864;

/**
 * Resolves to the body. Rejects with request_too_large without reading the rest, with malformed_request if it is
 * compressed or cut off, and with overloaded if it has not ended and others need its place.
 */
export type ReadBody = (request: IncomingMessage) => Promise<Uint8Array>;

/** A body that did not come whole with its first bytes. */
type Unfinished = { size: number; refuse: (error: OAuthError) => void };

/** Makes it, for all requests of a server. */
export function createBodyReader(mostHeld = maxHeldBytes): ReadBody {
  /** The oldest first. */
  const unfinished = new Set<Unfinished>();
  let held = 0;

  function hold(body: Unfinished, bytes: number): void {
    unfinished.add(body);
    held += bytes;
    // Honest bodies end at once: the one that has been about for longest is the least likely to be one.
    for (const oldest of unfinished) {
      if (held <= mostHeld) return;
      oldest.refuse(new OAuthError('overloaded', 'overload', 'too many bytes of requests that have not ended', 1));
    }
  }

  return (request) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') return Promise.reject(new OAuthError('malformed_request', 'body', 'the body is compressed'));
    const length = Number(request.headers['content-length'] ?? NaN);
    if (length > maxBodyBytes) return Promise.reject(tooLarge());
    // By events: an iterator over the request would cost as much as all the rest that is done with it.
    return new Promise((resolve, reject) => {
      let room: Uint8Array | undefined;
      let ended = false;
      const body: Unfinished = {
        size: 0,
        refuse: (error) => {
          request.pause();
          end();
          reject(error);
        },
      };
      const end = (): void => {
        if (unfinished.delete(body)) held -= body.size;
        room = undefined;
        ended = true;
      };
      request.on('data', (chunk: Uint8Array) => {
        if (ended) return;
        if (body.size + chunk.length > maxBodyBytes) return body.refuse(tooLarge());
        room = append(room, body.size, chunk);
        body.size += chunk.length;
        // What is whole at once is gone at once.
        if (chunk.length !== length) hold(body, chunk.length);
      });
      request.once('end', () => {
        resolve(room?.subarray(0, body.size) ?? Buffer.of());
        end();
      });
      request.once('error', () => body.refuse(new OAuthError('malformed_request', 'body', 'the request was cut off')));
    });
  };
}

/**
 * Puts a piece behind the first `size` bytes, in room that doubles. Pieces are not kept by themselves: a body may come a
 * byte at a time, and each of them would take hundreds of bytes that nobody counts.
 */
function append(room: Uint8Array | undefined, size: number, piece: Uint8Array): Uint8Array {
  if (room === undefined) return piece;
  const wide = size + piece.length <= room.length ? room : widened(room, Math.min(2 * (size + piece.length), maxBodyBytes));
  wide.set(piece, size);
  return wide;
}

function widened(room: Uint8Array, length: number): Uint8Array {
  const wide = new Uint8Array(length);
  wide.set(room);
  return wide;
}

const tooLarge = () => new OAuthError('request_too_large', 'body', `the body is larger than ${maxBodyBytes} bytes`);
