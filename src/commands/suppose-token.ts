// Supposes that an issuer signed something: it is signed with a key made for the moment, and the issuer is given that key.
import { CompactSign, exportJWK, generateKeyPair } from 'jose';
import type { Manifest, ReadObject } from '../manifests/read-object.ts';
import type { Issuer } from '../policy/policy.ts';
import { keyOf } from '../policy/policy-store.ts';

export type SupposedToken = {
  token: string;
  /** The one key that verifies it, as a JWK Set. */
  jwks: string;
};

/**
 * Signs a payload with a new key.
 * @param alg one of the algorithms that a TrustedIssuer may list
 */
export async function signWithNewKey(header: { alg: string; typ?: string }, payload: Uint8Array): Promise<SupposedToken> {
  const { privateKey, publicKey } = await generateKeyPair(header.alg, { modulusLength: 2048 });
  const token = await new CompactSign(payload).setProtectedHeader(header).sign(privateKey);
  return { token, jwks: JSON.stringify({ keys: [await exportJWK(publicKey)] }) };
}

/**
 * The objects as they are, but that an issuer verifies with other keys, which stand in its manifest, and that a client
 * need not authenticate. Everything else of the policy stays as it was read.
 */
export function withSuppositions(objects: ReadonlyMap<string, ReadObject>, clientKey: string, issuer: Issuer | undefined, jwks: string): ReadObject[] {
  const issuerKey = issuer && keyOf({ kind: 'TrustedIssuer', namespace: '', name: issuer.name });
  return Array.from(objects, ([key, object]) => {
    if (object.manifest === undefined) return object;
    if (issuer !== undefined && key === issuerKey) return { ...object, manifest: withKeys(object.manifest as Manifest<'TrustedIssuer'>, issuer, jwks) };
    if (key === clientKey) return { ...object, manifest: withoutAuthentication(object.manifest as Manifest<'ExchangeClient'>) };
    return object;
  });
}

/** What follows from the way to verify is written out, since the way is no longer there to tell. */
function withKeys(manifest: Manifest<'TrustedIssuer'>, { url, apiServerAudiences, kubernetes }: Issuer, jwks: string): Manifest<'TrustedIssuer'> {
  const issuer = { ...manifest.spec.issuer, url, apiServerAudiences: [...apiServerAudiences] };
  return { ...manifest, spec: { ...manifest.spec, issuer, kubernetes, verification: { jwks } } };
}

function withoutAuthentication(manifest: Manifest<'ExchangeClient'>): Manifest<'ExchangeClient'> {
  return { ...manifest, spec: { ...manifest.spec, authentication: { none: {} } } };
}
