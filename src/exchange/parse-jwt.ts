// Takes a JWT apart (RFC 7515 §3.1, RFC 7519) and refuses everything that is not exactly one; nothing is believed yet.
import { parseStrictObject, type JsonObject } from './strict-json.ts';

/** The longest token that is looked at, in characters. */
export const maxTokenLength = 16_384;

/** A JWT taken apart. Nothing of it is verified. */
export type ParsedJwt = {
  header: { alg: string; kid: string | undefined; typ: string | undefined };
  claims: JsonObject;
  /** The whole token, as it was written. The signature is over its first two parts. */
  compact: string;
};

/** Header parameters that name keys, or that change what a signature means: never followed, so never let pass (RFC 8725 §3.10). */
const refusedParameters = ['crit', 'jku', 'jwk', 'x5u', 'x5c', 'b64', 'enc', 'zip'];

/** Reads the compact form of a JWT. @returns the token, or a sentence on why it is none */
export function parseJwt(compact: string): ParsedJwt | string {
  if (compact.length > maxTokenLength) return `longer than ${maxTokenLength} characters`;
  const parts = compact.split('.');
  if (parts.length !== 3) return parts.length === 5 ? 'encrypted (JWE)' : 'not a JWS in compact form';
  const [headerBytes, payloadBytes, signature] = parts.map(decodeBase64url);
  if (headerBytes === undefined || payloadBytes === undefined || signature === undefined) return /\s/.test(compact) ? 'not base64url: there is white space in it, such as a line feed at its end' : 'not base64url';
  const header = readPart(headerBytes);
  if (header === undefined) return 'the header is not a JSON object without repeated names';
  const claims = readPart(payloadBytes);
  if (claims === undefined) return 'the payload is not a JSON object without repeated names';
  const refused = refusedParameters.find((name) => name in header);
  if (refused !== undefined) return `the header parameter ${refused} is not accepted`;
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return 'the header has no alg';
  if (kid !== undefined && typeof kid !== 'string') return 'kid is not text';
  if (typ !== undefined && typeof typ !== 'string') return 'typ is not text';
  return { header: { alg, kid, typ }, claims, compact };
}

/** With white space before its brace a token would not look like one, and could get into a log by a wrong parameter. */
const readPart = (bytes: Uint8Array): JsonObject | undefined => (bytes[0] === 0x7b ? parseStrictObject(bytes) : undefined);

/**
 * Decodes base64url (RFC 4648 §5) without padding, strictly: it must be how the bytes are written, without any other
 * character and with no bits left over that are not zero, so that one token has one spelling.
 */
function decodeBase64url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
