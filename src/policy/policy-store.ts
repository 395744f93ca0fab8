// The policy store: takes changed objects, compiles what they touch, and answers with one new immutable snapshot.
import { formatPath } from '../manifests/format-path.ts';
import type { KindName } from '../manifests/kinds.ts';
import type { Manifest, ObjectId, ReadObject } from '../manifests/read-object.ts';
import { clientId, compileClient, type CompiledClient, type FindIssuer } from './compile-client.ts';
import { compileIssuer } from './compile-issuer.ts';
import { notAccepted, summarize, type Condition } from './conditions.ts';
import type { PolicySnapshot } from './policy.ts';
import { resolveIssuers, type IssuerEntry, type IssuerState } from './resolve-issuers.ts';
import type { PolicySettings } from './settings.ts';

/** An object that was made or changed, or one that is gone. */
export type Change = { id: ObjectId; object: ReadObject | undefined };

/** What the store makes of an object: what its status says. */
export type Verdict = {
  id: ObjectId;
  generation: number;
  conditions: readonly Condition[];
  /** The members of status besides conditions and observedGeneration. */
  fields: Readonly<Record<string, string | number>>;
};

export type PolicyStore = {
  /** The state after all changes so far. */
  snapshot: () => PolicySnapshot;
  /**
   * Takes changes in their order. Afterwards `snapshot()` has them all.
   * @returns the verdicts on the objects that were changed or that refer to what was changed
   */
  apply: (changes: readonly Change[]) => Verdict[];
  /** Says that everything has been listed once. */
  complete: () => void;
};

/** Before anything is known: nothing can be decided. */
export const emptySnapshot: PolicySnapshot = { complete: false, issuers: new Map(), clients: new Map() };

/** Makes an empty store, which is not complete. */
export function createPolicyStore(settings: PolicySettings): PolicyStore {
  const issuers = new Map<string, IssuerEntry>();
  /** TrustedIssuers that are there but could not be read: a reference to one is not a reference to nothing. */
  const unreadIssuers = new Set<string>();
  const clients = new Map<string, Manifest<'ExchangeClient'>>();
  const clientsByIssuer = new Map<string, Set<string>>();
  let states: ReadonlyMap<string, IssuerState> = new Map();
  let snapshot = emptySnapshot;

  function apply(changes: readonly Change[]): Verdict[] {
    const touchedIssuers = new Set<string>();
    const touchedClients = new Set<string>();
    const refused = new Map<string, Verdict>();
    for (const { id, object } of changes) {
      const key = keyOf(id);
      refused.delete(key);
      if (object !== undefined && object.manifest === undefined) refused.set(key, refusedVerdict(object));
      if (id.kind === 'TrustedIssuer') {
        touchedIssuers.add(id.name);
        setIssuer(id.name, object);
      } else {
        touchedClients.add(clientId(id.namespace, id.name));
        setClient(clientId(id.namespace, id.name), manifestOf(object, 'ExchangeClient'));
      }
    }
    const changedIssuers = touchedIssuers.size === 0 ? [] : refreshIssuers(touchedIssuers);
    for (const name of changedIssuers) for (const id of clientsByIssuer.get(name) ?? []) touchedClients.add(id);
    return [...refused.values(), ...issuerVerdicts(changedIssuers), ...refreshClients(touchedClients)];
  }

  function setIssuer(name: string, object: ReadObject | undefined): void {
    const manifest = manifestOf(object, 'TrustedIssuer');
    setOrDelete(issuers, name, manifest && { manifest, compiled: compileIssuer(manifest, settings) });
    if (object !== undefined && manifest === undefined) unreadIssuers.add(name);
    else unreadIssuers.delete(name);
  }

  const findIssuer: FindIssuer = (name) => states.get(name) ?? (unreadIssuers.has(name) ? {} : undefined);

  function setClient(id: string, manifest: Manifest<'ExchangeClient'> | undefined): void {
    for (const name of issuersOf(clients.get(id))) {
      const referring = clientsByIssuer.get(name);
      referring?.delete(id);
      if (referring?.size === 0) clientsByIssuer.delete(name);
    }
    setOrDelete(clients, id, manifest);
    for (const name of issuersOf(manifest)) {
      const referring = clientsByIssuer.get(name) ?? new Set();
      clientsByIssuer.set(name, referring.add(id));
    }
  }

  /** Resolves all issuers anew and returns the names of those that are not what they were. */
  function refreshIssuers(touched: ReadonlySet<string>): string[] {
    const before = states;
    const after = resolveIssuers(issuers);
    const changed = new Set(touched);
    for (const [name, state] of after) {
      const old = before.get(name);
      if (old !== undefined && !touched.has(name) && sameState(old, state)) after.set(name, old);
      else changed.add(name);
    }
    states = after;
    snapshot = { ...snapshot, issuers: new Map([...after].flatMap(([name, { issuer }]) => (issuer === undefined ? [] : [[name, issuer]]))) };
    return [...changed];
  }

  function issuerVerdicts(names: readonly string[]): Verdict[] {
    return names.flatMap((name) => {
      const entry = issuers.get(name);
      const state = states.get(name);
      if (entry === undefined || state === undefined) return [];
      const { manifest, compiled } = entry;
      const url = compiled.issuer?.url ?? manifest.spec.issuer.url;
      const keys = compiled.issuer?.verification.method === 'jwks' ? compiled.issuer.verification.keys.length : undefined;
      return [
        verdict(manifest, state.conditions, {
          ...(url === undefined ? {} : { issuerURL: url }),
          verification: Object.keys(manifest.spec.verification)[0] ?? '',
          ...(keys === undefined ? {} : { keys }),
        }),
      ];
    });
  }

  /** Compiles these clients anew and puts them into a new snapshot. */
  function refreshClients(ids: ReadonlySet<string>): Verdict[] {
    if (ids.size === 0) return [];
    const next = new Map(snapshot.clients);
    const verdicts: Verdict[] = [];
    for (const id of ids) {
      const manifest = clients.get(id);
      const compiled: CompiledClient | undefined = manifest && compileClient(manifest, findIssuer, settings);
      setOrDelete(next, id, compiled?.client);
      if (manifest !== undefined && compiled !== undefined) verdicts.push(verdict(manifest, compiled.conditions, clientFields(manifest)));
    }
    snapshot = { ...snapshot, clients: next };
    return verdicts;
  }

  return {
    snapshot: () => snapshot,
    apply,
    complete: () => {
      snapshot = { ...snapshot, complete: true };
    },
  };
}

/** A name for an object that no other object has. */
export const keyOf = ({ kind, namespace, name }: ObjectId): string => `${kind}/${namespace}/${name}`;

function manifestOf<K extends KindName>(object: ReadObject | undefined, kind: K): Manifest<K> | undefined {
  return object?.manifest?.kind === kind ? (object.manifest as Manifest<K>) : undefined;
}

function verdict({ kind, namespace, name, generation }: Manifest, conditions: readonly Condition[], fields: Verdict['fields']): Verdict {
  return { id: { kind, namespace, name }, generation, conditions, fields };
}

function refusedVerdict(object: ReadObject): Verdict {
  const problems = object.problems ?? [];
  const reason = problems.some((problem) => problem.reason === 'UnknownField') ? 'UnknownField' : 'InvalidField';
  const messages = problems.map((problem) => `${formatPath(problem.path)}: ${problem.message}`);
  const { kind, namespace, name, generation } = object;
  return { id: { kind, namespace, name }, generation, conditions: notAccepted(reason, summarize(messages)), fields: {} };
}

const issuersOf = (manifest: Manifest<'ExchangeClient'> | undefined): Set<string> =>
  new Set(manifest?.spec.subjects.map((subject) => subject.issuerRef.name));

function clientFields(manifest: Manifest<'ExchangeClient'>): Verdict['fields'] {
  const [first, ...more] = manifest.spec.targets;
  return {
    authentication: Object.keys(manifest.spec.authentication)[0] ?? '',
    targets: `${first?.audience ?? ''}${more.length > 0 ? ` (+${more.length})` : ''}`,
  };
}

function sameState(a: IssuerState, b: IssuerState): boolean {
  return (
    a.issuer?.revision === b.issuer?.revision &&
    a.issuer?.urlShared === b.issuer?.urlShared &&
    a.sharedWith.join() === b.sharedWith.join() &&
    JSON.stringify(a.conditions) === JSON.stringify(b.conditions)
  );
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
