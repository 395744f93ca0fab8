// Turns a JWK of an issuer (RFC 7517) into a key that may verify signatures, or says why it is none.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isObject } from '../manifests/read-object.ts';

/** A key that may verify signatures. */
export type PublicKey = {
  /** `kid` of the JWK, if it has one. */
  kid: string | undefined;
  /** The algorithms that this key fits (RFC 7518 §3.1; `EdDSA` stands for `Ed25519` too). */
  algorithms: readonly string[];
  key: KeyObject;
  /** How long a signature by it is, in bytes (RFC 7518 §3.4, RFC 8017 §8, RFC 8032 §5.1.6). */
  signatureBytes: number;
  /** To verify with it takes a tenth of a millisecond at most. */
  quick: boolean;
};

/** What came of one JWK: a key, or why it is none. `foreign`: of a kind or for a use that is not ours, so no mistake. */
export type ReadKey = { key: PublicKey } | { key?: never; foreign: boolean; reason: string };

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

const curves: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };
const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];

/** The encodings of the points of small order on Ed25519 (y with its sign bit cleared), in hexadecimal. */
const smallOrderPoints = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);

/** Reads one member of `keys`. Never throws. */
export function readPublicKey(jwk: unknown): ReadKey {
  if (!isObject(jwk)) return bad('is not an object');
  const { kty, use, key_ops: operations, alg, kid } = jwk;
  if (kty === 'oct') return bad('is a symmetric key (kty oct): whoever verifies with it could sign with it');
  const secret = privateMembers.find((member) => Object.hasOwn(jwk, member));
  if (secret !== undefined) return bad(`has the private member "${secret}": publish the public key only, and replace this key pair`);
  if (use !== undefined && use !== 'sig') return foreign(`is not for signatures (use ${JSON.stringify(use)})`);
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return foreign('is not for verifying (key_ops)');
  }
  if (kid !== undefined && typeof kid !== 'string') return bad('has a kid that is not text');
  const fitting = algorithmsOf(kty, jwk['crv']);
  if (fitting === undefined) return foreign(`is of a kind that is not supported (kty ${JSON.stringify(kty)}, crv ${JSON.stringify(jwk['crv'])})`);
  const named = alg === 'Ed25519' ? 'EdDSA' : alg;
  const algorithms = named === undefined ? fitting : fitting.filter((fit) => fit === named);
  if (algorithms.length === 0) return foreign(`has an alg that does not fit its kind (${JSON.stringify(alg)})`);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return bad('is not a valid key: a member is missing, badly encoded, or the point is not on its curve');
  }
  const weakness = weaknessOf(key, jwk);
  if (weakness !== undefined) return bad(weakness);
  return { key: { kid, algorithms, key, signatureBytes: signatureBytesOf(key), quick: isQuick(key) } };
}

function algorithmsOf(kty: unknown, crv: unknown): readonly string[] | undefined {
  if (kty === 'RSA') return rsaAlgorithms;
  if (kty === 'EC' && typeof crv === 'string' && Object.hasOwn(curves, crv)) return [curves[crv] as string];
  if (kty === 'OKP' && crv === 'Ed25519') return ['EdDSA'];
  return undefined;
}

function weaknessOf(key: KeyObject, jwk: Record<string, unknown>): string | undefined {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa') {
    if ((details?.modulusLength ?? 0) < 2048) return `is an RSA key of ${details?.modulusLength ?? 0} bits: 2048 at least`;
    const exponent = details?.publicExponent ?? 0n;
    if (exponent < 3n || exponent % 2n === 0n) return `is an RSA key with the exponent ${exponent}: an odd one of 3 at least`;
  }
  if (key.asymmetricKeyType === 'ed25519') {
    const point = Buffer.from(String(jwk['x']), 'base64url');
    point[31] = (point[31] ?? 0) & 0x7f;
    if (smallOrderPoints.has(point.toString('hex'))) return 'is a point of small order: anybody can sign for it';
  }
  return undefined;
}

/** An integer modulo the key's, the two coordinates of a curve, or the point and the number of Ed25519. */
function signatureBytesOf({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): number {
  if (asymmetricKeyType === 'rsa') return Math.ceil((details?.modulusLength ?? 0) / 8);
  return { prime256v1: 64, secp384r1: 96, secp521r1: 132 }[details?.namedCurve ?? ''] ?? 64;
}

function isQuick({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa') return (details?.modulusLength ?? Infinity) <= 4096 && (details?.publicExponent ?? Infinity) <= 65_537n;
  return asymmetricKeyType === 'ed25519' || details?.namedCurve === 'prime256v1';
}

const bad = (reason: string): ReadKey => ({ foreign: false, reason });
const foreign = (reason: string): ReadKey => ({ foreign: true, reason });

/** Most keys that a JWK Set in a manifest may have. */
export const maxKeysInManifest = 100;

/**
 * Reads a JWK Set that stands in a manifest. Keys of unknown kinds are passed over (RFC 7517 §5); a key that is weak,
 * private or broken is its author's mistake, and refuses the set.
 * @returns the keys, or a sentence on what is wrong
 */
export function readInlineJwks(text: string): { keys: readonly PublicKey[] } | { keys?: never; mistake: string } {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    return { mistake: 'is not JSON: a JWK Set is an object like {"keys": [ … ]}' };
  }
  if (!isObject(set) || !Array.isArray(set['keys'])) return { mistake: 'is not a JWK Set: an object like {"keys": [ … ]}' };
  if (set['keys'].length > maxKeysInManifest) return { mistake: `has ${set['keys'].length} keys: ${maxKeysInManifest} at most` };
  const keys: PublicKey[] = [];
  const passedOver: string[] = [];
  for (const [index, jwk] of set['keys'].entries()) {
    const result = readPublicKey(jwk);
    if (result.key !== undefined) keys.push(result.key);
    else if (!result.foreign) return { mistake: `keys[${index}] ${result.reason}` };
    else passedOver.push(`keys[${index}] ${result.reason}`);
  }
  if (keys.length === 0) return { mistake: ['has no usable key', ...passedOver].join('; ') };
  return { keys };
}

/** Most keys that are read of a JWK Set that an issuer publishes. */
export const maxPublishedKeys = 1_000;

/**
 * Reads a JWK Set that an issuer publishes (RFC 7517 §5). What can't be used is passed over, be it unknown, weak or
 * broken, and the rest is used: the issuer's next key may be of a kind that nobody here knows yet.
 * @returns the keys and why others are none, or a sentence on why it is no JWK Set
 */
export function readPublishedJwks(set: unknown): { keys: readonly PublicKey[]; passedOver: readonly string[] } | { keys?: never; mistake: string } {
  if (!isObject(set) || !Array.isArray(set['keys'])) return { mistake: 'what was answered is not a JWK Set' };
  if (set['keys'].length > maxPublishedKeys) return { mistake: `the JWK Set has ${set['keys'].length} keys: ${maxPublishedKeys} at most` };
  const read = set['keys'].map(readPublicKey);
  return {
    keys: read.flatMap(({ key }) => key ?? []),
    passedOver: read.flatMap((result, index) => (result.key === undefined ? [`keys[${index}] ${result.reason}`] : [])),
  };
}
