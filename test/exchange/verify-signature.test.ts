// Signatures are verified as strictly as jose does it, by every algorithm, and with nothing that is nearly right.
import { constants, generateKeyPairSync, sign, type KeyObject, type SigningOptions } from 'node:crypto';
import { compactVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { parseJwt } from '../../src/exchange/parse-jwt.ts';
import { refuseBySignature } from '../../src/exchange/verify-signature.ts';
import { readPublicKey, type PublicKey } from '../../src/policy/public-key.ts';

type Pair = { publicKey: KeyObject; privateKey: KeyObject };

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs: Readonly<Record<string, Pair>> = {
  rsa,
  // So large that it is verified in another thread.
  'large rsa': generateKeyPairSync('rsa', { modulusLength: 4104 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
};

const pss = (saltLength: number): SigningOptions => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
const raw: SigningOptions = { dsaEncoding: 'ieee-p1363' };

const algorithms: readonly [alg: string, pair: string, hash: string | undefined, form: SigningOptions][] = [
  ['RS256', 'rsa', 'sha256', {}],
  ['RS384', 'rsa', 'sha384', {}],
  ['RS512', 'rsa', 'sha512', {}],
  ['RS256', 'large rsa', 'sha256', {}],
  ['PS256', 'rsa', 'sha256', pss(32)],
  ['PS384', 'rsa', 'sha384', pss(48)],
  ['PS512', 'rsa', 'sha512', pss(64)],
  ['PS512', 'large rsa', 'sha512', pss(64)],
  ['ES256', 'P-256', 'sha256', raw],
  ['ES384', 'P-384', 'sha384', raw],
  ['ES512', 'P-521', 'sha512', raw],
  ['EdDSA', 'Ed25519', undefined, {}],
  ['Ed25519', 'Ed25519', undefined, {}],
];

const pairOf = (name: string): Pair => pairs[name] ?? rsa;
const encode = (value: string | Uint8Array): string => Buffer.from(value).toString('base64url');
const inputOf = (alg: string): string => `${encode(JSON.stringify({ alg }))}.${encode('{"sub":"a"}')}`;

function publicKeyOf(key: KeyObject): PublicKey {
  const read = readPublicKey(key.export({ format: 'jwk' }));
  if (read.key === undefined) throw new Error(read.reason);
  return read.key;
}

/** Whether Cambio lets the token pass, at once and in the thread pool alike, and whether jose does. */
async function verdicts(compact: string, alg: string, key: KeyObject): Promise<[cambio: boolean, jose: boolean]> {
  const token = parseJwt(compact);
  if (typeof token === 'string') throw new Error(token);
  const known = publicKeyOf(key);
  const here = await refuseBySignature(token, [{ ...known, quick: true }]);
  expect(await refuseBySignature(token, [{ ...known, quick: false }])).toBe(here);
  const jose = await compactVerify(compact, key, { algorithms: [alg] }).then(() => true, () => false);
  return [here === undefined, jose];
}

describe.each(algorithms)('%s with %s', (alg, pair, hash, form) => {
  const { publicKey, privateKey } = pairOf(pair);
  const input = inputOf(alg);
  const good = sign(hash, Buffer.from(input), { key: privateKey, ...form });

  test('a good signature', async () => {
    expect(await verdicts(`${input}.${encode(good)}`, alg, publicKey)).toEqual([true, true]);
  });

  test.each<[string, (signature: Buffer) => Uint8Array]>([
    ['the first bit changed', (signature) => signature.with(0, signature[0] as number ^ 0x80)],
    ['the last bit changed', (signature) => signature.with(signature.length - 1, signature.at(-1) as number ^ 1)],
    ['a byte more', (signature) => Buffer.concat([signature, Buffer.of(0)])],
    ['a zero before', (signature) => Buffer.concat([Buffer.of(0), signature])],
    ['a byte less', (signature) => signature.subarray(0, -1)],
    ['nothing', () => Buffer.alloc(0)],
    ['zeros', (signature) => Buffer.alloc(signature.length)],
    ['ones', (signature) => Buffer.alloc(signature.length, 0xff)],
    ['twice', (signature) => Buffer.concat([signature, signature])],
    ['its halves swapped', (signature) => Buffer.concat([signature.subarray(signature.length / 2), signature.subarray(0, signature.length / 2)])],
  ])('%s', async (_what, change) => {
    expect(await verdicts(`${input}.${encode(change(good))}`, alg, publicKey)).toEqual([false, false]);
  });

  test('over another payload', async () => {
    expect(await verdicts(`${input.split('.')[0]}.${encode('{"sub":"b"}')}.${encode(good)}`, alg, publicKey)).toEqual([false, false]);
  });

  test('over another header', async () => {
    expect(await verdicts(`${encode(JSON.stringify({ alg, kid: '' }))}.${input.split('.')[1]}.${encode(good)}`, alg, publicKey)).toEqual([false, false]);
  });
});

describe('nearly right', () => {
  // As an integer it is the same, and OpenSSL takes it for a good one by PS256.
  test.each(['RS256', 'PS256'])('%s that begins with a zero, without it', async (alg) => {
    const { publicKey, privateKey } = pairOf('rsa');
    for (let attempt = 0; ; attempt++) {
      const input = `${encode(JSON.stringify({ alg, attempt }))}.${encode('{"sub":"a"}')}`;
      const signature = sign('sha256', Buffer.from(input), { key: privateKey, ...(alg === 'PS256' ? pss(32) : {}) });
      if (signature[0] !== 0) continue;
      expect((await verdicts(`${input}.${encode(signature)}`, alg, publicKey))[0]).toBe(true);
      expect((await verdicts(`${input}.${encode(signature.subarray(1))}`, alg, publicKey))[0]).toBe(false);
      break;
    }
  });

  test.each<[what: string, alg: string, pair: string, hash: string, form: SigningOptions]>([
    ['PS256 with a salt of no bytes', 'PS256', 'rsa', 'sha256', pss(0)],
    ['PS256 with a salt of 31 bytes', 'PS256', 'rsa', 'sha256', pss(31)],
    ['PS256 with a salt of 33 bytes', 'PS256', 'rsa', 'sha256', pss(33)],
    ['PS256 with the longest salt', 'PS256', 'rsa', 'sha256', pss(constants.RSA_PSS_SALTLEN_MAX_SIGN)],
    ['PS256 with the hash of PS384', 'PS256', 'rsa', 'sha384', pss(48)],
    ['PS512 with a salt of 32 bytes', 'PS512', 'rsa', 'sha512', pss(32)],
    ['RS256 with the hash of RS512', 'RS256', 'rsa', 'sha512', {}],
    ['RS256 with SHA-1', 'RS256', 'rsa', 'sha1', {}],
    ['RS256 that was signed as PS256', 'RS256', 'rsa', 'sha256', pss(32)],
    ['PS256 that was signed as RS256', 'PS256', 'rsa', 'sha256', {}],
    ['ES256 with the hash of ES384', 'ES256', 'P-256', 'sha384', raw],
    ['ES256 in DER', 'ES256', 'P-256', 'sha256', { dsaEncoding: 'der' }],
    ['ES384 in DER', 'ES384', 'P-384', 'sha384', { dsaEncoding: 'der' }],
    ['ES512 in DER', 'ES512', 'P-521', 'sha512', { dsaEncoding: 'der' }],
  ])('%s', async (_what, alg, pair, hash, form) => {
    const { publicKey, privateKey } = pairOf(pair);
    const input = inputOf(alg);
    const signature = sign(hash, Buffer.from(input), { key: privateKey, ...form });
    expect(await verdicts(`${input}.${encode(signature)}`, alg, publicKey)).toEqual([false, false]);
  });

  test.each(algorithms)('%s by another key than that of %s', async (alg, pair, hash, form) => {
    const { asymmetricKeyType, asymmetricKeyDetails } = pairOf(pair).publicKey;
    const other =
      asymmetricKeyType === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : asymmetricKeyType === 'ec' ? generateKeyPairSync('ec', { namedCurve: String(asymmetricKeyDetails?.namedCurve) })
          : generateKeyPairSync('ed25519');
    const input = inputOf(alg);
    const signature = sign(hash, Buffer.from(input), { key: other.privateKey, ...form });
    expect(await verdicts(`${input}.${encode(signature)}`, alg, pairOf(pair).publicKey)).toEqual([false, false]);
  });

  test.each(['ES256K', 'none', '', 'HS256', '__proto__', 'constructor', 'es256'])('alg %j has no scheme, whatever a key says', async (alg) => {
    const key = pairOf('P-256');
    const token = parseJwt(`${inputOf(alg)}.${encode(sign('sha256', Buffer.from(inputOf(alg)), { key: key.privateKey, ...raw }))}`);
    if (typeof token === 'string') throw new Error(token);
    expect(await refuseBySignature(token, [{ ...publicKeyOf(key.publicKey), algorithms: [alg] }])).toBe('the signature does not verify');
  });
});
