// What becomes of a TrustedIssuer beside the others (shared prefixes, shared URLs), and with the keys that are known of it.
import type { Manifest } from '../manifests/read-object.ts';
import type { CompiledIssuer, Refusal } from './compile-issuer.ts';
import { accepted, listNames, notAccepted, suspended, type Condition } from './conditions.ts';
import type { KeyState } from './key-state.ts';
import type { Issuer, Verification } from './policy.ts';

/** Whether the keys of an issuer must be fetched before its tokens can be verified, by the way of verification. */
const fetchesKeys = {
  discovery: true,
  jwksURL: true,
  jwks: false,
  tokenReview: false,
  kubernetesDiscovery: true,
} satisfies Record<Verification['method'], boolean>;

/** A TrustedIssuer by itself, and all that matters to it of the rest. */
export type IssuerSituation = {
  manifest: Manifest<'TrustedIssuer'>;
  compiled: CompiledIssuer;
  prefix: string;
  /** The names of others with the same prefix, and of others with the same URL, in their order. */
  samePrefix: readonly string[];
  sameURL: readonly string[];
  /** What is known of its keys, in the version that it has now. */
  keys: KeyState | undefined;
  /** The names of those with the same URL that have a key in common with it. */
  sameKey: readonly string[];
};

/**
 * `issuer` is there if it is in force; without usable keys its tokens wait for better times, and its clients with them.
 * `waiting` is there in its place if it is off and would be in force if its keys were published.
 */
export type IssuerState = { issuer?: Issuer; waiting?: Issuer; keysUsable: boolean; conditions: readonly Condition[] };

/** Resolves one TrustedIssuer. */
export function resolveIssuer({ manifest, compiled, prefix, samePrefix, sameURL, keys, sameKey }: IssuerSituation): IssuerState {
  const refusal = compiled.refusal ?? prefixConflict(prefix, samePrefix);
  if (refusal !== undefined) return { keysUsable: false, conditions: notAccepted(refusal.reason, refusal.message) };
  if (manifest.spec.suspend || compiled.issuer === undefined) return { keysUsable: false, conditions: suspended };
  const issuer = { ...compiled.issuer, urlShared: sameURL.length > 0 };
  const available = keysAvailable(issuer, keys, sameKey);
  const required = keysRequired(issuer, sameURL, keys);
  if (required !== undefined) return { waiting: issuer, keysUsable: false, conditions: [...notAccepted(required.reason, required.message), ...available] };
  const keysUsable = canVerify(issuer, keys);
  return { issuer, keysUsable, conditions: [...(keysUsable ? [ready(issuer)] : waiting(keys)), accepted, ...available] };
}

/** Whether its tokens can be verified now. */
function canVerify({ verification: { method }, urlShared }: Issuer, keys: KeyState | undefined): boolean {
  if (fetchesKeys[method] || (method === 'tokenReview' && urlShared)) return keys?.usable === true;
  // An API server that could not be reached for its keys will not answer a TokenReview, either.
  return keys?.usable !== false;
}

function ready({ url, allowedNamespaces, kubernetes, claimValidationRules }: Issuer): Condition {
  const delegated = allowedNamespaces !== undefined && allowedNamespaces.from !== 'None';
  const tied = claimValidationRules.some(({ expression }) => expression?.uses.has('client'));
  const warning = delegated && !kubernetes && !tied ? '; any permitted namespace may accept any subject of this issuer' : '';
  return { type: 'Ready', status: 'True', reason: 'Ready', message: `tokens of ${url} are accepted from clients that refer to this issuer${warning}` };
}

/** Until there are keys nothing is wrong with the object: what is missing is under way. */
function waiting(keys: KeyState | undefined): Condition[] {
  const message = keys?.message ?? 'its keys have not been fetched yet';
  return [
    { type: 'Ready', status: 'False', reason: 'KeysUnavailable', message },
    { type: 'Reconciling', status: 'True', reason: 'KeysUnavailable', message },
  ];
}

function keysAvailable({ verification: { method } }: Issuer, keys: KeyState | undefined, sameKey: readonly string[]): Condition[] {
  const usable = keys?.usable ?? !fetchesKeys[method];
  if (sameKey.length > 0 && usable) {
    const message = `TrustedIssuer ${listNames(sameKey)} has the same URL and a key of this one: a token that both verify is refused`;
    return [{ type: 'KeysAvailable', status: 'True', reason: 'SharedKey', message }];
  }
  if (method === 'jwks' || keys === undefined) return [];
  const some = usable && (fetchesKeys[method] || keys.thumbprints.length > 0);
  return [{ type: 'KeysAvailable', status: some ? 'True' : 'False', reason: keys.reason, message: keys.message }];
}

function prefixConflict(prefix: string, others: readonly string[]): Refusal | undefined {
  if (others.length === 0) return undefined;
  const message = `spec.subjectPrefix: ${prefix} is also that of TrustedIssuer ${listNames(others)}; subjects of two issuers must not collide`;
  return { reason: 'Conflicted', message };
}

/** An API server must never be shown a token that another cluster signed, and only keys that it publishes tell whose it is. */
function keysRequired({ verification: { method } }: Issuer, sharedWith: readonly string[], keys: KeyState | undefined): Refusal | undefined {
  if (method !== 'tokenReview' || sharedWith.length === 0) return undefined;
  // Where it is not known yet what it publishes, or it could not be reached, nothing is wrong with the object.
  if (keys === undefined || !keys.usable || keys.thumbprints.length > 0) return undefined;
  const message = `spec.issuer.url: TrustedIssuer ${listNames(sharedWith)} has the same URL, and only published keys can tell whose a token is: ${keys.message}`;
  return { reason: 'KeysRequired', message };
}
