// The thumbprint of a public key (RFC 7638): the same key has the same one, whatever it is called.
import { createHash, type KeyObject } from 'node:crypto';

/** The members that make a key, in their order (RFC 7638 §3.2, RFC 8037 appendix A.3). */
const members: Readonly<Record<string, readonly string[]>> = { RSA: ['e', 'kty', 'n'], EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'] };

/** SHA-256, base64url. */
export function thumbprintOf(key: KeyObject): string {
  const jwk: Readonly<Record<string, unknown>> = { ...key.export({ format: 'jwk' }) };
  const names = members[String(jwk['kty'])] ?? Object.keys(jwk).toSorted();
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(names.map((name) => [name, jwk[name]]))))
    .digest('base64url');
}
