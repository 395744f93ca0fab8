// Mints the subject token of a case by its recipe: good ones, and ones that no honest issuer would make.
import { createHmac, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { casesDir, type TokenRecipe } from './read-cases.ts';

/** The private keys of the cases, by name. */
export const testKeys = (JSON.parse(readFileSync(join(casesDir, 'keys.json'), 'utf8')) as { keys: Record<string, JWK & { alg: string }> }).keys;

/** The claims that a recipe starts from. */
const defaultClaims = {
  iss: 'https://ci.example.com',
  sub: 'repo:acme/payments:environment:prod',
  aud: 'https://cambio.example.com',
  iat: 1_799_999_990,
  exp: 1_800_000_890,
};

/** Makes the text of a token. */
export function mintToken(recipe: TokenRecipe): string {
  if (recipe.text !== undefined) return recipe.text;
  const jwk = testKey(recipe.key);
  const defaultHeader = { alg: jwk.alg, typ: 'JWT', ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) };
  const header = encode(textOf(defaultHeader, recipe.header, recipe.without_header, recipe.header_text));
  const payload = encode(textOf(defaultClaims, recipe.claims, recipe.without_claims, recipe.payload_text));
  const input = `${header}.${payload}`;
  const bytes = recipe.mac === undefined ? signature(recipe.alg ?? jwk.alg, jwk, input) : mac(recipe.mac, jwk, input);
  const parts: Readonly<Record<string, () => string>> = {
    header: () => header,
    payload: () => payload,
    signature: () => bytes.toString('base64url'),
    'signature with one bit changed': () => withOneBitChanged(bytes).toString('base64url'),
    'signature with spare bits set': () => withSpareBits(bytes.toString('base64url')),
    'signature in DER': () => derOf(bytes).toString('base64url'),
  };
  return recipe.form.replaceAll(/\$\{([^}]+)\}/g, (_all, name: string) => parts[name]?.() ?? fail(`there is no ${name} in a token`));
}

function testKey(name: string): JWK & { alg: string } {
  return testKeys[name] ?? fail(`keys.json has no key ${name}`);
}

/** JSON text of the members, or the given text in which `${members}` stands for them (without the braces). */
function textOf(defaults: object, changed: object, without: readonly string[], text: string | undefined): string {
  const members = Object.fromEntries(Object.entries({ ...defaults, ...changed }).filter(([name]) => !without.includes(name)));
  const written = JSON.stringify(members);
  return text === undefined ? written : text.replaceAll('${members}', () => written.slice(1, -1));
}

const hashes: Readonly<Record<string, string | null>> = {
  RS256: 'sha256', PS256: 'sha256', ES256: 'sha256', ES256K: 'sha256', ES384: 'sha384', ES512: 'sha512', EdDSA: null, Ed25519: null,
};

function signature(alg: string, jwk: JWK, input: string): Buffer {
  const hash = hashes[alg];
  if (hash === undefined) return fail(`the cases can't sign with ${alg}`);
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  if (alg.startsWith('PS')) return sign(hash, Buffer.from(input), { key, padding: 6, saltLength: 32 });
  return sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
}

/** HMAC with a public key for a secret: what a verifier falls for that lets the token choose how it is verified. */
function mac(secret: NonNullable<TokenRecipe['mac']>, jwk: JWK, input: string): Buffer {
  return createHmac('sha256', secretOf(secret, createPublicKey(createPrivateKey({ key: jwk, format: 'jwk' })))).update(input).digest();
}

function secretOf(secret: NonNullable<TokenRecipe['mac']>, key: KeyObject): string | Buffer {
  if (secret === 'spki-pem') return key.export({ type: 'spki', format: 'pem' });
  if (secret === 'spki-der') return key.export({ type: 'spki', format: 'der' });
  return JSON.stringify(key.export({ format: 'jwk' }));
}

function withOneBitChanged(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[10] = (changed[10] ?? 0) ^ 1;
  return changed;
}

/** Another spelling of the same bytes: base64url leaves bits over at the end, which must be zero. */
function withSpareBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + (alphabet[alphabet.indexOf(text.at(-1) ?? '') + 1] ?? fail('no bits are left over'));
}

/** An ECDSA signature as X.509 has it: JWS knows only the two numbers side by side. */
function derOf(bytes: Buffer): Buffer {
  const numbers = [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)].map((number) => {
    const padded = (number[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), number]) : number;
    return Buffer.concat([Buffer.of(2, padded.length), padded]);
  });
  const body = Buffer.concat(numbers);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

const encode = (text: string): string => Buffer.from(text, 'utf8').toString('base64url');

function fail(message: string): never {
  throw new Error(message);
}
