// Decides what TrustedIssuers do to each other: shared prefixes, shared URLs, suspension.
import type { Manifest } from '../manifests/read-object.ts';
import type { CompiledIssuer, Refusal } from './compile-issuer.ts';
import { accepted, notAccepted, suspended, type Condition } from './conditions.ts';
import type { KeyState } from './key-state.ts';
import type { Issuer, Verification } from './policy.ts';

/** A TrustedIssuer that was read, and what it is by itself. */
export type IssuerEntry = { manifest: Manifest<'TrustedIssuer'>; compiled: CompiledIssuer };

/** What has become of it beside the others. `issuer` is there if it is in force; `waiting` if only its keys are missing for that. */
export type IssuerState = { issuer?: Issuer; waiting?: Issuer; conditions: readonly Condition[]; sharedWith: readonly string[] };

/** Finds what is known of the keys of a TrustedIssuer as it is now. */
export type FindKeyState = (name: string) => KeyState | undefined;

/** Whether the keys of an issuer must be fetched before its tokens can be verified, by the way of verification. */
const needsKeys = { discovery: true, jwksURL: true, jwks: false, tokenReview: false, kubernetesDiscovery: true } satisfies Record<Verification['method'], boolean>;

/** Resolves all TrustedIssuers together. The cost grows with their number, which is small, and not with that of the clients. */
export function resolveIssuers(entries: ReadonlyMap<string, IssuerEntry>, findKeyState: FindKeyState): Map<string, IssuerState> {
  // In the order of their names: what is said must not depend on which one came first.
  const named = [...entries].map(([name, entry]) => ({ name, ...entry })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const byPrefix = Map.groupBy(named, (entry) => entry.manifest.spec.subjectPrefix ?? `${entry.name}:`);
  const byURL = Map.groupBy(named, (entry) => entry.compiled.issuer?.url ?? entry.manifest.spec.issuer.url);
  return new Map(
    named.map((entry) => {
      const prefix = entry.manifest.spec.subjectPrefix ?? `${entry.name}:`;
      const others = namesBut(entry.name, byPrefix.get(prefix));
      const url = entry.compiled.issuer?.url;
      const sharedWith = url === undefined ? [] : namesBut(entry.name, byURL.get(url));
      return [entry.name, resolveIssuer(entry, prefix, others, sharedWith, findKeyState(entry.name))];
    }),
  );
}

function resolveIssuer({ manifest, compiled }: IssuerEntry, prefix: string, samePrefix: readonly string[], sharedWith: readonly string[], keys: KeyState | undefined): IssuerState {
  const refusal = compiled.refusal ?? prefixConflict(prefix, samePrefix);
  if (refusal !== undefined) return { conditions: notAccepted(refusal.reason, refusal.message), sharedWith };
  if (manifest.spec.suspend || compiled.issuer === undefined) return { conditions: suspended, sharedWith };
  const issuer = { ...compiled.issuer, urlShared: sharedWith.length > 0 };
  const required = keysRequired(issuer, sharedWith, keys);
  if (required !== undefined) return { waiting: issuer, conditions: notAccepted(required.reason, required.message), sharedWith };
  const usable = keysUsable(issuer, keys);
  const ready: Condition = { type: 'Ready', status: 'True', reason: 'Ready', message: `tokens of ${issuer.url} are accepted from clients that refer to this issuer` };
  return { issuer, conditions: [...(usable ? [ready] : unavailable(keys)), accepted, ...keysAvailable(keys)], sharedWith };
}

/** Whether its tokens can be verified now. */
function keysUsable({ verification: { method }, urlShared }: Issuer, keys: KeyState | undefined): boolean {
  if (needsKeys[method] || (method === 'tokenReview' && urlShared)) return keys?.usable === true;
  // An API server that was not reached for its keys will not answer a TokenReview, either.
  return keys?.usable !== false;
}

/** Until there are keys nothing is wrong with the object: what is missing is under way. */
function unavailable(keys: KeyState | undefined): Condition[] {
  const message = keys?.message ?? 'its keys have not been fetched yet';
  return [
    { type: 'Ready', status: 'False', reason: 'KeysUnavailable', message },
    { type: 'Reconciling', status: 'True', reason: 'KeysUnavailable', message },
  ];
}

const keysAvailable = (keys: KeyState | undefined): Condition[] =>
  keys === undefined ? [] : [{ type: 'KeysAvailable', status: keys.thumbprints.length > 0 ? 'True' : 'False', reason: keys.reason, message: keys.message }];

function prefixConflict(prefix: string, others: readonly string[]): Refusal | undefined {
  if (others.length === 0) return undefined;
  const message = `spec.subjectPrefix: ${prefix} is also that of TrustedIssuer ${others.join(', ')}; subjects of two issuers must not collide`;
  return { reason: 'Conflicted', message };
}

/** An API server must never be shown a token that another cluster signed, and only keys tell whose it is. */
function keysRequired({ verification: { method } }: Issuer, sharedWith: readonly string[], keys: KeyState | undefined): Refusal | undefined {
  if (method !== 'tokenReview' || sharedWith.length === 0) return undefined;
  const publishesNone = keys !== undefined && keys.thumbprints.length === 0 && keys.usable;
  if (!publishesNone) return undefined;
  const message = `spec.issuer.url: TrustedIssuer ${sharedWith.join(', ')} has the same URL, and only published keys can tell whose a token is: ${keys.message}`;
  return { reason: 'KeysRequired', message };
}

const namesBut = (name: string, entries: readonly { name: string }[] = []): string[] =>
  entries.map((entry) => entry.name).filter((other) => other !== name);
