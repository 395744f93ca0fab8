// JWKs of issuers: what may verify, what is passed over, and what is refused.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { maxKeysInManifest, maxPublishedKeys, readInlineJwks, readPublicKey, readPublishedJwks } from '../../src/policy/public-key.ts';
import { testKeys } from '../cases/mint-token.ts';

type Members = Record<string, unknown>;

function publicOf(name: string): Members {
  const { kty, crv, x, y, n, e } = testKeys[name] ?? {};
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined));
}
const ec = publicOf('ci-es');
const rsa = publicOf('ci-rs');
const ed = publicOf('ci-ed');
const rsaOf = (bits: number): Members => generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' }) as Members;
const ecOf = (namedCurve: string): Members => generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }) as Members;
const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url');

const anyRSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

describe('keys, and the algorithms that they fit', () => {
  test.for<[string, Members, string[]]>([
    ['P-256', ec, ['ES256']],
    ['P-384', publicOf('ci-p384'), ['ES384']],
    ['P-521', ecOf('P-521'), ['ES512']],
    ['Ed25519', ed, ['EdDSA']],
    ['Ed25519 by its name', { ...ed, alg: 'Ed25519' }, ['EdDSA']],
    ['Ed25519 as EdDSA', { ...ed, alg: 'EdDSA' }, ['EdDSA']],
    ['RSA', rsa, anyRSA],
    ['RSA for PS512', { ...rsa, alg: 'PS512' }, ['PS512']],
    ['RSA with e = 3', { ...rsa, e: 'Aw' }, anyRSA],
    ['use sig', { ...ec, use: 'sig' }, ['ES256']],
    ['key_ops verify', { ...ec, key_ops: ['sign', 'verify'] }, ['ES256']],
    ['members that nobody knows', { ...ec, x5c: ['MIIB'], x5t: 'AAAA', 'https://example.com/x': 1 }, ['ES256']],
  ])('%s', ([, jwk, algorithms]) => {
    expect(readPublicKey(jwk).key?.algorithms).toEqual(algorithms);
  });

  test.for<[string, Members, boolean]>([
    ['P-256', ec, true],
    ['P-384', publicOf('ci-p384'), false],
    ['P-521', ecOf('P-521'), false],
    ['Ed25519', ed, true],
    ['RSA of 2048 bits', rsa, true],
    ['RSA of 4096 bits', { ...rsa, n: base64url('ff'.repeat(512)) }, true],
    ['RSA of 4104 bits', { ...rsa, n: base64url('ff'.repeat(513)) }, false],
    ['RSA with e = 65537 + 2', { ...rsa, e: 'AQAD' }, false],
  ])('whether it is quick: %s', ([, jwk, quick]) => {
    expect(readPublicKey(jwk).key?.quick).toBe(quick);
  });

  test('kid is kept as it is', () => {
    expect([readPublicKey(ec).key?.kid, readPublicKey({ ...ec, kid: '' }).key?.kid, readPublicKey({ ...ec, kid: '../a' }).key?.kid]).toEqual([undefined, '', '../a']);
  });
});

describe('passed over: of a kind or for a use that is not ours', () => {
  test.for<[string, Members, string]>([
    ['use enc', { ...rsa, use: 'enc' }, 'is not for signatures (use "enc")'],
    ['key_ops without verify', { ...ec, key_ops: ['encrypt'] }, 'is not for verifying (key_ops)'],
    ['key_ops empty', { ...ec, key_ops: [] }, 'is not for verifying (key_ops)'],
    ['key_ops text', { ...ec, key_ops: 'verify' }, 'is not for verifying (key_ops)'],
    ['secp256k1', publicOf('stray-secp256k1'), 'is of a kind that is not supported (kty "EC", crv "secp256k1")'],
    ['Ed448', generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' }) as Members, 'is of a kind that is not supported (kty "OKP", crv "Ed448")'],
    ['X25519', generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }) as Members, 'is of a kind that is not supported (kty "OKP", crv "X25519")'],
    ['ML-DSA', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' }, 'is of a kind that is not supported (kty "AKP", crv undefined)'],
    ['a kind that every object has', { kty: 'EC', crv: '__proto__', x: 'AA', y: 'AA' }, 'is of a kind that is not supported (kty "EC", crv "__proto__")'],
    ['no kty', { crv: 'P-256' }, 'is of a kind that is not supported (kty undefined, crv "P-256")'],
    ['alg of another curve', { ...ec, alg: 'ES384' }, 'has an alg that does not fit its kind ("ES384")'],
    ['alg of another kind', { ...rsa, alg: 'ES256' }, 'has an alg that does not fit its kind ("ES256")'],
    ['alg HS256', { ...rsa, alg: 'HS256' }, 'has an alg that does not fit its kind ("HS256")'],
    ['alg none', { ...ec, alg: 'none' }, 'has an alg that does not fit its kind ("none")'],
    ['alg RSA-OAEP', { ...rsa, alg: 'RSA-OAEP' }, 'has an alg that does not fit its kind ("RSA-OAEP")'],
    ['alg null', { ...ec, alg: null }, 'has an alg that does not fit its kind (null)'],
  ])('%s', ([, jwk, reason]) => {
    expect(readPublicKey(jwk)).toEqual({ foreign: true, reason });
  });
});

const invalid = 'is not a valid key: a member is missing, badly encoded, or the point is not on its curve';

describe('refused', () => {
  const p256 = 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff';
  test.for<[string, unknown, string]>([
    ['null', null, 'is not an object'],
    ['a list', [ec], 'is not an object'],
    ['text', JSON.stringify(ec), 'is not an object'],
    ['oct', { kty: 'oct', k: 'c2VjcmV0' }, 'is a symmetric key (kty oct): whoever verifies with it could sign with it'],
    ['an EC private key', testKeys['ci-es'], 'has the private member "d": publish the public key only, and replace this key pair'],
    ['an RSA private key', testKeys['ci-rs'], 'has the private member "d": publish the public key only, and replace this key pair'],
    ['one private member', { ...rsa, dq: 'AAAA' }, 'has the private member "dq": publish the public key only, and replace this key pair'],
    ['a private member that is null', { ...ec, d: null }, 'has the private member "d": publish the public key only, and replace this key pair'],
    ['a kid that is a number', { ...ec, kid: 1 }, 'has a kid that is not text'],
    ['RSA 512', { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(64, 0xc5).toString('base64url') }, 'is an RSA key of 512 bits: 2048 at least'],
    ['RSA 1024', rsaOf(1024), 'is an RSA key of 1024 bits: 2048 at least'],
    ['RSA 2047', { kty: 'RSA', e: 'AQAB', n: Buffer.concat([Buffer.of(0x7f), Buffer.alloc(255, 0xc5)]).toString('base64url') }, 'is an RSA key of 2047 bits: 2048 at least'],
    ['RSA 1024 with zeros before', { kty: 'RSA', e: 'AQAB', n: Buffer.concat([Buffer.alloc(200), Buffer.alloc(128, 0xc5)]).toString('base64url') }, 'is an RSA key of 1024 bits: 2048 at least'],
    ['RSA with e = 1', { ...rsa, e: 'AQ' }, 'is an RSA key with the exponent 1: an odd one of 3 at least'],
    ['RSA with e = 2', { ...rsa, e: 'Ag' }, 'is an RSA key with the exponent 2: an odd one of 3 at least'],
    ['RSA with e = 65536', { ...rsa, e: 'AQAA' }, 'is an RSA key with the exponent 65536: an odd one of 3 at least'],
    ['RSA with e = 0', { ...rsa, e: 'AA' }, 'is an RSA key with the exponent 0: an odd one of 3 at least'],
    ['RSA without n', { kty: 'RSA', e: 'AQAB' }, invalid],
    ['RSA without e', { kty: 'RSA', n: rsa['n'] }, invalid],
    ['RSA whose n is a number', { ...rsa, n: 7 }, invalid],
    ['a point off its curve', { ...ec, y: ec['x'] }, invalid],
    ['the point (0, 0)', { ...ec, x: base64url('00'.repeat(32)), y: base64url('00'.repeat(32)) }, invalid],
    ['a coordinate above the field', { ...ec, x: base64url(p256) }, invalid],
    ['the point of another curve', { ...ec, crv: 'P-384' }, invalid],
    ['no y', { kty: 'EC', crv: 'P-256', x: ec['x'] }, invalid],
    ['an empty x', { ...ec, x: '' }, invalid],
    ['an Ed25519 key that is too short', { ...ed, x: 'AAAA' }, invalid],
    ['an Ed25519 key that is too long', { ...ed, x: `${String(ed['x'])}AAAA` }, invalid],
    ['an Ed25519 key that is a list', { ...ed, x: [ed['x']] }, invalid],
  ])('%s', ([, jwk, reason]) => {
    expect(readPublicKey(jwk)).toEqual({ foreign: false, reason });
  });
});

describe('points of small order on Ed25519, computed here from the equation of the curve', () => {
  const p = 2n ** 255n - 19n;
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const mod = (value: bigint): bigint => ((value % p) + p) % p;
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let [square, left] = [mod(base), exponent]; left > 0n; square = mod(square * square), left >>= 1n) if (left & 1n) result = mod(result * square);
    return result;
  };
  const inverse = (value: bigint): bigint => power(value, p - 2n);
  const d = mod(-121665n * inverse(121666n));
  type Point = readonly [x: bigint, y: bigint];
  const add = ([x1, y1]: Point, [x2, y2]: Point): Point => {
    const product = mod(d * x1 * x2 * y1 * y2);
    return [mod((x1 * y2 + x2 * y1) * inverse(1n + product)), mod((y1 * y2 + x1 * x2) * inverse(1n - product))];
  };
  const times = (scalar: bigint, point: Point): Point => {
    let result: Point = [0n, 1n];
    for (let [twice, left] = [point, scalar]; left > 0n; twice = add(twice, twice), left >>= 1n) if (left & 1n) result = add(result, twice);
    return result;
  };
  /** The point with this y, if there is one: x² = (y² − 1) / (d·y² + 1). */
  const pointAt = (y: bigint): Point | undefined => {
    const square = mod((y * y - 1n) * inverse(d * y * y + 1n));
    const root = power(square, (p + 3n) / 8n);
    const x = [root, mod(root * power(2n, (p - 1n) / 4n))].find((candidate) => mod(candidate * candidate) === square);
    return x === undefined ? undefined : [x, y];
  };
  /** A point of order 8: what is left of a point once its part of large order is gone. */
  const pointOfOrderEight = (y: bigint): Point => {
    const point = times(order, pointAt(y) ?? [0n, 1n]);
    return times(4n, point)[1] === 1n ? pointOfOrderEight(y + 1n) : point;
  };
  const generator = pointOfOrderEight(2n);
  const torsion = Array.from({ length: 8 }, (_, index) => times(BigInt(index), generator));
  const ys = [...new Set(torsion.map(([, y]) => y))];
  // y + p is another spelling of y where it fits into 255 bits; and each has its sign bit set or not.
  const spellings = ys.flatMap((y) => (y + p < 2n ** 255n ? [y, y + p] : [y])).flatMap((y) => [y, y + 2n ** 255n]);
  const encoded = spellings.map((value) => Buffer.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed()).toString('base64url'));

  test('there are eight of them, in 14 spellings', () => {
    expect(new Set(torsion.map(String)).size).toBe(8);
    expect(new Set(encoded).size).toBe(14);
  });

  test.for(encoded)('%s', (x) => {
    expect(readPublicKey({ kty: 'OKP', crv: 'Ed25519', x })).toEqual({ foreign: false, reason: 'is a point of small order: anybody can sign for it' });
  });

  const one = base64url(`01${'00'.repeat(31)}`);
  test.for([` ${one}`, `${one}==`, `${one.slice(0, 7)}\n${one.slice(7)}`, `${one}!`, `${one.slice(0, -1)}B`])('spelled %j', (x) => {
    expect(readPublicKey({ kty: 'OKP', crv: 'Ed25519', x }).key).toBeUndefined();
  });
});

describe('a JWK Set in a manifest', () => {
  const foreign = { kty: 'AKP', alg: 'ML-DSA-44' };
  test.for<[string, string, string]>([
    ['not JSON', 'keys: []', 'is not JSON: a JWK Set is an object like {"keys": [ … ]}'],
    ['a list', '[]', 'is not a JWK Set: an object like {"keys": [ … ]}'],
    ['a key alone', JSON.stringify(ec), 'is not a JWK Set: an object like {"keys": [ … ]}'],
    ['no keys', '{"keys":[]}', 'has no usable key'],
    ['only what is passed over', JSON.stringify({ keys: [foreign] }), 'has no usable key; keys[0] is of a kind that is not supported (kty "AKP", crv undefined)'],
    ['a good key and a private one', JSON.stringify({ keys: [ec, testKeys['ci-rs']] }), 'keys[1] has the private member "d": publish the public key only, and replace this key pair'],
    ['too many', JSON.stringify({ keys: Array.from({ length: maxKeysInManifest + 1 }, () => ec) }), 'has 101 keys: 100 at most'],
  ])('%s', ([, text, mistake]) => {
    expect(readInlineJwks(text)).toEqual({ mistake });
  });

  test('unknown kinds are passed over', () => {
    expect(readInlineJwks(JSON.stringify({ keys: [foreign, ec, rsa] })).keys?.map(({ algorithms }) => algorithms[0])).toEqual(['ES256', 'RS256']);
  });

  test('what is said of a broken key has nothing of the key', () => {
    expect(JSON.stringify(readInlineJwks(JSON.stringify({ keys: [testKeys['ci-es']] })))).not.toContain(String(testKeys['ci-es']?.d));
  });
});

describe('a JWK Set that an issuer publishes', () => {
  test.for<[string, unknown, string]>([
    ['nothing', undefined, 'what was answered is not a JWK Set'],
    ['a list', [ec], 'what was answered is not a JWK Set'],
    ['a key alone', ec, 'what was answered is not a JWK Set'],
    ['keys that are text', { keys: '[]' }, 'what was answered is not a JWK Set'],
    ['too many', { keys: Array.from({ length: maxPublishedKeys + 1 }, () => ec) }, 'the JWK Set has 1001 keys: 1000 at most'],
  ])('%s', ([, set, mistake]) => {
    expect(readPublishedJwks(set)).toEqual({ mistake });
  });

  test('what can not be used is passed over, whatever the reason', () => {
    const set = { keys: [{ kty: 'AKP' }, null, ec, { ...rsa, use: 'enc' }, { kty: 'oct', k: 'AAAA' }, testKeys['ci-rs'], { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, rsa], more: 1 };
    const read = readPublishedJwks(set);
    expect(read.keys?.map(({ algorithms }) => algorithms[0])).toEqual(['ES256', 'RS256']);
    expect(read).toMatchObject({ passedOver: [0, 1, 3, 4, 5, 6].map((index) => expect.stringMatching(new RegExp(`^keys\\[${index}\\] `)) as unknown) });
  });

  test('as many as are read', () => {
    expect(readPublishedJwks({ keys: Array.from({ length: maxPublishedKeys }, () => ec) }).keys).toHaveLength(maxPublishedKeys);
  });

  test('none', () => {
    expect(readPublishedJwks({ keys: [] })).toEqual({ keys: [], passedOver: [] });
  });
});
