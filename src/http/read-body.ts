// Reads the body of a request up to a bound, and not a byte further.
import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../exchange/oauth-error.ts';

/** The largest body of a token request, in bytes. */
export const maxBodyBytes = 65_536;

/** Resolves to the body. Rejects with request_too_large without reading the rest, and with malformed_request if it is compressed or cut off. */
export function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return Promise.reject(new OAuthError('malformed_request', 'body', 'the body is compressed'));
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return Promise.reject(tooLarge());
  // By events: an iterator over the request would cost as much as all the rest that is done with it.
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= maxBodyBytes) chunks.push(chunk);
      else {
        request.pause();
        reject(tooLarge());
      }
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)));
    request.once('error', () => reject(new OAuthError('malformed_request', 'body', 'the request was cut off')));
  });
}

const tooLarge = () => new OAuthError('request_too_large', 'body', `the body is larger than ${maxBodyBytes} bytes`);
