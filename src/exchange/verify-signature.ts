// Whether one of an issuer's keys made the signature of a token (RFC 7515 §5.2).
import { constants, verify, type KeyObject, type SigningOptions } from 'node:crypto';
import type { PublicKey } from '../policy/public-key.ts';
import { algorithmName } from './check-claims.ts';
import type { ParsedJwt } from './parse-jwt.ts';

/** Most keys that one token is tried against. */
export const maxKeysTried = 4;

/** Chooses the keys that may have made a signature: those of its `kid`, or all that fit its `alg` if it names none. */
export function keysFor({ header }: ParsedJwt, keys: readonly PublicKey[]): readonly PublicKey[] {
  const { kid } = header;
  const alg = algorithmName(header.alg);
  return keys.filter((key) => key.algorithms.includes(alg) && (kid === undefined || key.kid === kid));
}

/** @returns undefined if one of the keys verifies the token, else a sentence on why none does */
export async function refuseBySignature(token: ParsedJwt, keys: readonly PublicKey[]): Promise<string | undefined> {
  const fitting = keysFor(token, keys);
  if (fitting.length === 0) return 'no key of the issuer has its kid and fits its alg';
  if (fitting.length > maxKeysTried) return `more than ${maxKeysTried} keys of the issuer fit it, and its kid does not tell them apart`;
  for (const key of fitting) if (await verifies(token, key)) return undefined;
  return 'the signature does not verify';
}

/** What a signature by an algorithm is: its hash and its form. */
type Scheme = { hash: string | undefined; form: SigningOptions };

const pkcs1: SigningOptions = { padding: constants.RSA_PKCS1_PADDING };
const pss: SigningOptions = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const twoIntegers: SigningOptions = { dsaEncoding: 'ieee-p1363' };

/** RFC 7518 §3.3 to §3.5 (the salt is as long as the hash), RFC 8037 §3.1. */
const schemes: ReadonlyMap<string, Scheme> = new Map<string, Scheme>([
  ['RS256', { hash: 'sha256', form: pkcs1 }],
  ['RS384', { hash: 'sha384', form: pkcs1 }],
  ['RS512', { hash: 'sha512', form: pkcs1 }],
  ['PS256', { hash: 'sha256', form: pss }],
  ['PS384', { hash: 'sha384', form: pss }],
  ['PS512', { hash: 'sha512', form: pss }],
  ['ES256', { hash: 'sha256', form: twoIntegers }],
  ['ES384', { hash: 'sha384', form: twoIntegers }],
  ['ES512', { hash: 'sha512', form: twoIntegers }],
  ['EdDSA', { hash: undefined, form: {} }],
]);

/** Whether a key, one that fits the token's `alg`, made its signature. */
function verifies({ compact, header }: ParsedJwt, { key, signatureBytes, quick }: PublicKey): boolean | Promise<boolean> {
  const scheme = schemes.get(algorithmName(header.alg));
  if (scheme === undefined) return false;
  const dot = compact.lastIndexOf('.');
  const signed = Buffer.from(compact.slice(0, dot), 'latin1');
  const signature = Buffer.from(compact.slice(dot + 1), 'base64url');
  // OpenSSL would add zeros that were left out.
  if (signature.length !== signatureBytes) return false;
  return (quick ? verifyHere : verifyElsewhere)(scheme, signed, key, signature);
}

/** At once: to hand it to another thread would cost more than it saves. */
function verifyHere({ hash, form }: Scheme, signed: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(hash, signed, { key, ...form }, signature);
  } catch {
    return false;
  }
}

/** In the thread pool: a key for which it takes a millisecond does not hold up everybody else. */
function verifyElsewhere({ hash, form }: Scheme, signed: Uint8Array, key: KeyObject, signature: Uint8Array): Promise<boolean> {
  return new Promise<boolean>((resolve, reject) => {
    verify(hash, signed, { key, ...form }, signature, (error, result) => (error === null ? resolve(result) : reject(error)));
  }).catch(() => false);
}
