// The thumbprint of a public key (RFC 7638): the same for the same key, whoever publishes it and whatever its kid is.
import { createHash } from 'node:crypto';
import type { PublicKey } from './public-key.ts';

/** The members that make a key what it is, in the order of their names (RFC 7638 §3.2, RFC 8037 §2). */
const members = ['crv', 'e', 'kty', 'n', 'x', 'y'] as const;

/** SHA-256, in base64url. */
export function thumbprintOf({ key }: PublicKey): string {
  const jwk = key.export({ format: 'jwk' });
  const required = Object.fromEntries(members.flatMap((name) => (jwk[name] === undefined ? [] : [[name, jwk[name]]])));
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}
