// Reads the body of a request up to a bound, and not a byte further.
import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../exchange/oauth-error.ts';

/** The largest body of a token request, in bytes. */
export const maxBodyBytes = 65_536;

/** Resolves to the body. Rejects with request_too_large without reading the rest, and with malformed_request if it is compressed or cut off. */
export async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new OAuthError('malformed_request', 'body', 'the body is compressed');
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > maxBodyBytes) break;
      chunks.push(chunk);
    }
  } catch {
    throw new OAuthError('malformed_request', 'body', 'the request was cut off');
  }
  if (size > maxBodyBytes) throw tooLarge();
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}

const tooLarge = () => new OAuthError('request_too_large', 'body', `the body is larger than ${maxBodyBytes} bytes`);
