// Whether one of an issuer's keys made the signature of a token (RFC 7515 §5.2).
import { compactVerify } from 'jose';
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
  for (const { key } of fitting) if (await verifies(token, key)) return undefined;
  return 'the signature does not verify';
}

async function verifies({ compact, header }: ParsedJwt, key: PublicKey['key']): Promise<boolean> {
  try {
    await compactVerify(compact, key, { algorithms: [header.alg] });
    return true;
  } catch {
    return false;
  }
}
