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

/** `issuer` is there if it is in force; without usable keys its tokens wait for better times, and its clients with them. */
export type IssuerState = { issuer?: Issuer; keysUsable: boolean; conditions: readonly Condition[] };

/** Resolves one TrustedIssuer. */
export function resolveIssuer({ manifest, compiled, prefix, samePrefix, sameURL, keys, sameKey }: IssuerSituation): IssuerState {
  const refusal = compiled.refusal ?? prefixConflict(prefix, samePrefix) ?? keysRequired(compiled.issuer, sameURL);
  if (refusal !== undefined) return { keysUsable: false, conditions: notAccepted(refusal.reason, refusal.message) };
  if (manifest.spec.suspend || compiled.issuer === undefined) return { keysUsable: false, conditions: suspended };
  const issuer = { ...compiled.issuer, urlShared: sameURL.length > 0 };
  const needsKeys = fetchesKeys[issuer.verification.method];
  const keysUsable = !needsKeys || keys?.usable === true;
  const available = keysAvailable(needsKeys, keys, keysUsable, sameKey);
  return { issuer, keysUsable, conditions: [...(keysUsable ? [ready(issuer)] : waiting(keys)), accepted, ...available] };
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

function keysAvailable(needsKeys: boolean, keys: KeyState | undefined, usable: boolean, sameKey: readonly string[]): Condition[] {
  if (sameKey.length > 0 && usable) {
    const message = `TrustedIssuer ${listNames(sameKey)} has the same URL and a key of this one: a token that both verify is refused`;
    return [{ type: 'KeysAvailable', status: 'True', reason: 'SharedKey', message }];
  }
  if (!needsKeys || keys === undefined) return [];
  return [{ type: 'KeysAvailable', status: usable ? 'True' : 'False', reason: keys.reason, message: keys.message }];
}

function prefixConflict(prefix: string, others: readonly string[]): Refusal | undefined {
  if (others.length === 0) return undefined;
  const message = `spec.subjectPrefix: ${prefix} is also that of TrustedIssuer ${listNames(others)}; subjects of two issuers must not collide`;
  return { reason: 'Conflicted', message };
}

/** An API server must never be shown a token that another cluster signed, and only keys could tell whose it is. */
function keysRequired(issuer: Issuer | undefined, sharedWith: readonly string[]): Refusal | undefined {
  if (issuer?.verification.method !== 'tokenReview' || sharedWith.length === 0) return undefined;
  const message = `spec.issuer.url: TrustedIssuer ${listNames(sharedWith)} has the same URL; with tokenReview it must be the only one`;
  return { reason: 'KeysRequired', message };
}
