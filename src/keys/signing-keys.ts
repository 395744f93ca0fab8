// Cambio's own signing keys: how they are made, read, published and used. They are kept as a JWK Set with private members.
import { constants, KeyObject, sign } from 'node:crypto';
import { calculateJwkThumbprint, CompactSign, compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { Sign, SigningAlgorithm, TokenTyp } from '../exchange/effects.ts';
import { OAuthError } from '../exchange/oauth-error.ts';

export const signingAlgorithms = ['ES256', 'RS256'] as const satisfies readonly SigningAlgorithm[];

/** Bits of an RSA key that Cambio makes, and of the smallest that it takes. */
export const rsaBits = { made: 3072, least: 2048 };

export type SigningKey = {
  /** The RFC 7638 thumbprint of the public key. */
  kid: string;
  algorithm: SigningAlgorithm;
  privateKey: KeyObject;
  /** The JOSE header of what it signs, encoded. */
  header: Record<TokenTyp, string>;
  /** What is published: public members only, with `use` and `alg`. */
  publicJwk: JWK;
};

/** Makes one key for each algorithm. @returns the JWK Set to keep, as JSON text: it holds private keys */
export async function makeSigningKeys(): Promise<string> {
  const keys = await Promise.all(
    signingAlgorithms.map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: rsaBits.made });
      const jwk = await exportJWK(privateKey);
      return { ...jwk, alg, kid: await calculateJwkThumbprint(jwk) };
    }),
  );
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}

/**
 * Reads signing keys, one for each algorithm.
 * @throws Error with a sentence on what is wrong; it never holds a part of a key
 */
export async function readSigningKeys(text: string): Promise<SigningKey[]> {
  const keys = await Promise.all(parseSet(text).map(readSigningKey));
  for (const algorithm of signingAlgorithms) {
    const count = keys.filter((key) => key.algorithm === algorithm).length;
    if (count !== 1) throw new Error(`there must be one ${algorithm} key, and there are ${count}`);
  }
  return keys;
}

function parseSet(text: string): JWK[] {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  const keys = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('it is not a JWK Set');
  return keys as JWK[];
}

async function readSigningKey(jwk: JWK, index: number): Promise<SigningKey> {
  const algorithm = signingAlgorithms.find((known) => known === jwk?.alg);
  if (algorithm === undefined) throw new Error(`keys[${index}]: alg must be one of ${signingAlgorithms.join(', ')}`);
  let privateKey;
  try {
    privateKey = await importJWK({ ...jwk, use: 'sig' }, algorithm, { extractable: true });
  } catch {
    throw new Error(`keys[${index}]: is not a private key for ${algorithm}`);
  }
  if (!(privateKey instanceof CryptoKey) || privateKey.type !== 'private') throw new Error(`keys[${index}]: is not a private key`);
  const { modulusLength } = privateKey.algorithm as { modulusLength?: number };
  if (modulusLength !== undefined && modulusLength < rsaBits.least) throw new Error(`keys[${index}]: ${modulusLength} bits are too few`);
  const kid = await calculateJwkThumbprint(jwk);
  const publicJwk = { ...publicMembers(jwk), use: 'sig', alg: algorithm, kid };
  if (!(await signsFor(publicJwk, privateKey, algorithm))) throw new Error(`keys[${index}]: what it signs, its own public members don't verify`);
  const header = (typ: TokenTyp): string => encode({ alg: algorithm, typ, kid });
  return { kid, algorithm, privateKey: KeyObject.from(privateKey), header: { 'at+jwt': header('at+jwt'), JWT: header('JWT') }, publicJwk };
}

/** Importing does not compare the private members of an RSA key with the public ones: one signature does. */
async function signsFor(publicJwk: JWK, privateKey: CryptoKey, alg: SigningAlgorithm): Promise<boolean> {
  try {
    const signed = await new CompactSign(new Uint8Array()).setProtectedHeader({ alg }).sign(privateKey);
    await compactVerify(signed, await importJWK(publicJwk, alg));
    return true;
  } catch {
    return false;
  }
}

/** An allow-list: a private member that nobody thought of is not published. */
function publicMembers({ kty, crv, x, y, n, e }: JWK): JWK {
  return kty === 'RSA' ? { kty, n: n ?? '', e: e ?? '' } : { kty: kty ?? '', crv: crv ?? '', x: x ?? '', y: y ?? '' };
}

/** The JWK Set to publish (RFC 7517 §5). */
export const publicJwks = (keys: readonly SigningKey[]): { keys: JWK[] } => ({ keys: keys.map((key) => key.publicJwk) });

/** Signs with whatever keys are current when it is called: a JWS in compact form (RFC 7515 §7.1). */
export function createSigner(currentKeys: () => readonly SigningKey[]): Sign {
  return async (algorithm, typ, claims) => {
    const key = currentKeys().find((candidate) => candidate.algorithm === algorithm);
    if (key === undefined) throw new OAuthError('not_ready', 'signing-key', `there is no ${algorithm} signing key`);
    const input = `${key.header[typ]}.${encode(claims)}`;
    const signature = await makeSignature[algorithm](Buffer.from(input), key.privateKey);
    return `${input}.${signature.toString('base64url')}`;
  };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** RFC 7518 §3.4 and §3.3. ES256 takes 25 µs, about as long as to hand it to another thread; RS256 takes 0.7 ms, in which others are answered. */
const makeSignature = {
  ES256: (input, key) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
  RS256: (input, key) =>
    new Promise((resolve, reject) => {
      sign('sha256', input, { key, padding: constants.RSA_PKCS1_PADDING }, (error, signature) => (error === null ? resolve(signature) : reject(error)));
    }),
} satisfies Record<SigningAlgorithm, (input: Uint8Array, key: KeyObject) => Buffer | Promise<Buffer>>;
