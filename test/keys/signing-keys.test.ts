// Cambio's own keys: what is taken, what is refused without telling anything of it, what is published, what is signed.
import { generateKeyPairSync } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, type JWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { createSigner, makeSigningKeys, publicJwks, readSigningKeys } from '../../src/keys/signing-keys.ts';
import { testKeys } from '../cases/mint-token.ts';

const [es, rs] = [testKeys['cambio-es'] as JWK, testKeys['cambio-rs'] as JWK];
const [otherES, otherRS] = [testKeys['ci-es'] as JWK, testKeys['ci-rs'] as JWK];
const publicPart = ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...rest }: JWK): JWK => rest;
const rsa1024 = { ...generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' }), alg: 'RS256' };
const setOf = (...keys: unknown[]): string => JSON.stringify({ keys });

describe('refused', () => {
  const notES = 'keys[0]: is not a private key for ES256';
  const notRS = 'keys[1]: is not a private key for RS256';
  const apart = (index: number): string => `keys[${index}]: what it signs, its own public members don't verify`;
  test.for<[string, string, string]>([
    ['nothing', '', 'it is not JSON'],
    ['null', 'null', 'it is not a JWK Set'],
    ['a key alone', JSON.stringify(es), 'it is not a JWK Set'],
    ['keys that are no list', '{"keys":{}}', 'it is not a JWK Set'],
    ['no keys', setOf(), 'there must be one ES256 key, and there are 0'],
    ['no RS256 key', setOf(es), 'there must be one RS256 key, and there are 0'],
    ['two ES256 keys', setOf(es, rs, otherES), 'there must be one ES256 key, and there are 2'],
    ['null for a key', setOf(null, rs), 'keys[0]: alg must be one of ES256, RS256'],
    ['no alg', setOf({ ...es, alg: undefined }, rs), 'keys[0]: alg must be one of ES256, RS256'],
    ['another alg', setOf(es, { ...rs, alg: 'PS256' }), 'keys[1]: alg must be one of ES256, RS256'],
    ['alg none', setOf({ ...es, alg: 'none' }, rs), 'keys[0]: alg must be one of ES256, RS256'],
    ['an RSA key as ES256', setOf({ ...rs, alg: 'ES256' }, rs), notES],
    ['P-384 as ES256', setOf({ ...(testKeys['ci-p384'] as JWK), alg: 'ES256' }, rs), notES],
    ['a public EC key', setOf(publicPart(es), rs), 'keys[0]: is not a private key'],
    ['a public RSA key', setOf(es, publicPart(rs)), 'keys[1]: is not a private key'],
    ['a symmetric key', setOf({ kty: 'oct', k: 'c2VjcmV0', alg: 'ES256' }, rs), 'keys[0]: is not a private key'],
    ['RSA 1024', setOf(es, rsa1024), 'keys[1]: 1024 bits are too few'],
    ['d of another EC key', setOf({ ...es, d: otherES.d }, rs), notES],
    ['x and y of another EC key', setOf({ ...es, x: otherES.x, y: otherES.y }, rs), notES],
    ['no x', setOf({ ...es, x: undefined }, rs), notES],
    ['a point off the curve', setOf({ ...es, y: es.x }, rs), notES],
    ['n of another RSA key', setOf(es, { ...rs, n: otherRS.n }), notRS],
    ['e of another RSA key', setOf(es, { ...rs, e: 'Aw' }), apart(1)],
    ['d cut short', setOf({ ...es, d: es.d?.slice(0, 20) }, rs), notES],
  ])('%s', async ([, text, message]) => {
    await expect(readSigningKeys(text)).rejects.toThrow(message);
  });

  test('what is said has nothing of a key', async () => {
    const broken = [setOf(es, rs, otherES), setOf({ ...es, d: otherES.d }, rs), setOf(es, { ...rs, e: 'Aw' }), setOf(es, rs).slice(0, -1)];
    const messages = await Promise.all(broken.map((text) => readSigningKeys(text).then(() => '', (error: Error) => `${error.message}${String(error.cause)}`)));
    const secrets = [es, rs, otherES, otherRS].flatMap(({ d, n, x, p, q }) => [d, n, x, p, q].filter((member) => member !== undefined));
    expect(messages.map((message) => [message !== '', secrets.filter((secret) => message.includes(secret.slice(0, 12)))])).toEqual(broken.map(() => [true, []]));
  });
});

test('keys that were made can be read, and are strong', async () => {
  const keys = await readSigningKeys(await makeSigningKeys());
  expect(keys.map(({ publicJwk: { kty, crv, alg, n } }) => [kty, crv, alg, n === undefined ? undefined : Buffer.from(n, 'base64url').length * 8])).toEqual([
    ['EC', 'P-256', 'ES256', undefined],
    ['RSA', undefined, 'RS256', 3072],
  ]);
});

test('what is published has public members only, whatever else the file holds', async () => {
  const keys = await readSigningKeys(setOf({ ...es, secret: 'hunter2', oth: [], x5c: ['MIIB'] }, { ...rs, note: 'hunter2' }));
  expect(publicJwks(keys).keys.map((key) => Object.keys(key))).toEqual([
    ['kty', 'crv', 'x', 'y', 'use', 'alg', 'kid'],
    ['kty', 'n', 'e', 'use', 'alg', 'kid'],
  ]);
});

describe('the signer', () => {
  test.for(['ES256', 'RS256'] as const)('%s', async (algorithm) => {
    const keys = await readSigningKeys(setOf(es, rs));
    const token = await createSigner(() => keys)(algorithm, 'at+jwt', { sub: 'a' });
    const key = keys.find((candidate) => candidate.algorithm === algorithm);
    expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, typ: 'at+jwt', kid: key?.kid });
    expect(Buffer.from((await compactVerify(token, key?.publicJwk ?? {})).payload).toString()).toBe('{"sub":"a"}');
  });

  test('it signs with the keys of the moment', async () => {
    let keys = await readSigningKeys(setOf(es, rs));
    const sign = createSigner(() => keys);
    const before = decodeProtectedHeader(await sign('ES256', 'JWT', {})).kid;
    keys = await readSigningKeys(setOf(otherES, rs));
    expect(decodeProtectedHeader(await sign('ES256', 'JWT', {})).kid).not.toBe(before);
  });

  test('without a key: not ready', async () => {
    await expect(createSigner(() => [])('ES256', 'JWT', {})).rejects.toMatchObject({ mistake: 'not_ready', check: 'signing-key', reason: 'there is no ES256 signing key' });
  });
});
