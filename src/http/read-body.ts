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

/** A body that did not come whole with its first bytes: what of it is there stands at the beginning of `room`. */
type Unfinished = { room: Uint8Array; size: number; refuse: (error: OAuthError) => void };

const noRoom = new Uint8Array(0);

/** The least room that is made, in bytes. */
const leastRoom = 1024;

/** Makes it, for all requests of a server. */
export function createBodyReader(mostHeld = maxHeldBytes): ReadBody {
  /** The oldest first. */
  const unfinished = new Set<Unfinished>();
  let held = 0;

  /** Copies a piece to those before it: kept as it came, one of a single byte would hold hundreds. */
  function add(body: Unfinished, piece: Uint8Array): void {
    const size = body.size + piece.length;
    unfinished.add(body);
    if (size > body.room.length) {
      const room = Buffer.allocUnsafeSlow(Math.min(maxBodyBytes, Math.max(leastRoom, 2 * size)));
      room.set(body.room.subarray(0, body.size));
      held += room.length - body.room.length;
      body.room = room;
    }
    body.room.set(piece, body.size);
    body.size = size;
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
      let whole: Uint8Array | undefined;
      let ended = false;
      const body: Unfinished = {
        room: noRoom,
        size: 0,
        refuse: (error) => {
          request.pause();
          end();
          reject(error);
        },
      };
      const end = (): void => {
        if (unfinished.delete(body)) held -= body.room.length;
        body.room = noRoom;
        ended = true;
      };
      request.on('data', (piece: Uint8Array) => {
        if (ended) return;
        if (body.size + piece.length > maxBodyBytes) return body.refuse(tooLarge());
        // What is whole at once is gone at once.
        if (piece.length === length) whole = piece;
        else add(body, piece);
      });
      request.once('end', () => {
        resolve(whole ?? body.room.subarray(0, body.size));
        end();
      });
      request.once('error', () => body.refuse(new OAuthError('malformed_request', 'body', 'the request was cut off')));
    });
  };
}

const tooLarge = () => new OAuthError('request_too_large', 'body', `the body is larger than ${maxBodyBytes} bytes`);
