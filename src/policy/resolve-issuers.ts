// Decides what TrustedIssuers do to each other: shared prefixes, shared URLs, suspension.
import type { Manifest } from '../manifests/read-object.ts';
import type { CompiledIssuer, Refusal } from './compile-issuer.ts';
import { accepted, notAccepted, suspended, type Condition } from './conditions.ts';
import type { Issuer } from './policy.ts';

/** A TrustedIssuer that was read, and what it is by itself. */
export type IssuerEntry = { manifest: Manifest<'TrustedIssuer'>; compiled: CompiledIssuer };

/** What has become of it beside the others. `issuer` is there if it is in force. */
export type IssuerState = { issuer?: Issuer; conditions: readonly Condition[]; sharedWith: readonly string[] };

/** Resolves all TrustedIssuers together. The cost grows with their number, which is small, and not with that of the clients. */
export function resolveIssuers(entries: ReadonlyMap<string, IssuerEntry>): Map<string, IssuerState> {
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
      return [entry.name, resolveIssuer(entry, prefix, others, sharedWith)];
    }),
  );
}

function resolveIssuer({ manifest, compiled }: IssuerEntry, prefix: string, samePrefix: readonly string[], sharedWith: readonly string[]): IssuerState {
  const refusal = compiled.refusal ?? prefixConflict(prefix, samePrefix) ?? keysRequired(compiled.issuer, sharedWith);
  if (refusal !== undefined) return { conditions: notAccepted(refusal.reason, refusal.message), sharedWith };
  if (manifest.spec.suspend || compiled.issuer === undefined) return { conditions: suspended, sharedWith };
  const issuer = { ...compiled.issuer, urlShared: sharedWith.length > 0 };
  const ready: Condition = { type: 'Ready', status: 'True', reason: 'Ready', message: `tokens of ${issuer.url} are accepted from clients that refer to this issuer` };
  return { issuer, conditions: [ready, accepted], sharedWith };
}

function prefixConflict(prefix: string, others: readonly string[]): Refusal | undefined {
  if (others.length === 0) return undefined;
  const message = `spec.subjectPrefix: ${prefix} is also that of TrustedIssuer ${others.join(', ')}; subjects of two issuers must not collide`;
  return { reason: 'Conflicted', message };
}

/** An API server must never be shown a token that another cluster signed, and only keys could tell whose it is. */
function keysRequired(issuer: Issuer | undefined, sharedWith: readonly string[]): Refusal | undefined {
  if (issuer?.verification.method !== 'tokenReview' || sharedWith.length === 0) return undefined;
  const message = `spec.issuer.url: TrustedIssuer ${sharedWith.join(', ')} has the same URL; with tokenReview it must be the only one`;
  return { reason: 'KeysRequired', message };
}

const namesBut = (name: string, entries: readonly { name: string }[] = []): string[] =>
  entries.map((entry) => entry.name).filter((other) => other !== name);
