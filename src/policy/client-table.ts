// The ExchangeClients: each compiled by itself, and linked anew whenever something that it refers to has changed.
import type { Manifest, ObjectId, ReadObject } from '../manifests/read-object.ts';
import { clientConditions } from './client-conditions.ts';
import { compileClient, type CompiledClient } from './compile-client.ts';
import { faultOf, notAccepted, suspended, type Condition } from './conditions.ts';
import type { ExampleOutcome, RunExamples } from './examples.ts';
import { linkClient, type World } from './link-client.ts';
import type { Client } from './policy.ts';
import { refer, referring, type References } from './references.ts';
import { bugMessage, refusedVerdict, verdictOn, type Verdict } from './verdict.ts';

/** What is not what it was. */
export type ClientChanges = {
  /** Clients that are in force now, and undefined for those that are so no longer. */
  clients: ReadonlyMap<string, Client | undefined>;
  /** Why clients are not in force, and undefined for those of which that is no longer so. */
  off: ReadonlyMap<string, string | undefined>;
  /** Audiences that another number of clients hand out. */
  audiences: ReadonlySet<string>;
  verdicts: readonly Verdict[];
};

export type ClientTable = {
  /** Takes one that was made or changed, or that is gone, by its client_id. */
  set: (id: string, object: ReadObject | undefined) => void;
  /** Say that something has changed to which clients may refer. `keys`: of an issuer, whether its keys can be used. */
  touch: {
    issuer: (name: string) => void;
    keys: (name: string) => void;
    audience: (audience: string) => void;
    namespace: (name: string) => void;
    all: () => void;
  };
  /** Links what was touched. @returns what is not what it was */
  settle: () => ClientChanges;
  /** How many clients hand out an audience now. */
  handingOut: (audience: string) => number;
};

type Entry = {
  object: ReadObject;
  compiled: CompiledClient | undefined;
  mistake: string | undefined;
  /** As it is with what it refers to, and what its examples say of that. */
  linked: Client | undefined;
  outcomes: readonly ExampleOutcome[];
  /** A bug came to light when it was linked last. */
  failed: boolean;
  /** What is in force of it: nothing, if it is wider than its examples say. */
  client: Client | undefined;
  /** Why nothing is. */
  off: string | undefined;
};

/**
 * Makes an empty table.
 * @param onBug told of what was thrown when a client was linked: that client is off then, and no other
 */
export function createClientTable(world: World, runExamples: RunExamples, onBug: (error: unknown, id: ObjectId) => void): ClientTable {
  const entries = new Map<string, Entry>();
  const byIssuer: References = new Map();
  const byAudience: References = new Map();
  const byNamespace: References = new Map();
  const counts = new Map<string, number>();
  /** Since it was settled last: what must be linked anew, and of what something else must be told. */
  const unlinked = new Set<string>();
  const untold = new Set<string>();
  const gone = new Map<string, Client | undefined>();

  function set(id: string, object: ReadObject | undefined): void {
    const before = entries.get(id);
    const [was, is] = [referencesOf(before?.object), referencesOf(object)];
    refer(byIssuer, id, was.issuers, is.issuers);
    refer(byAudience, id, was.audiences, is.audiences);
    refer(byNamespace, id, was.namespaces, is.namespaces);
    unlinked.delete(id);
    if (object === undefined) {
      entries.delete(id);
      if (before !== undefined) gone.set(id, before.client);
      return;
    }
    const manifest = manifestOf(object);
    const { value, mistake } = manifest === undefined ? {} : compileClient(manifest);
    entries.set(id, { object, compiled: value, mistake, linked: undefined, outcomes: [], failed: false, client: before?.client, off: before?.off });
    unlinked.add(id);
  }

  function settle(): ClientChanges {
    const clients = new Map<string, Client | undefined>();
    const off = new Map<string, string | undefined>();
    const audiences = new Set<string>();
    for (const [id, client] of gone) {
      clients.set(id, undefined);
      off.set(id, undefined);
      count(client, undefined, audiences);
    }
    const verdicts: Verdict[] = [];
    for (const id of new Set([...unlinked, ...untold])) {
      const entry = entries.get(id);
      if (entry === undefined) continue;
      const { client: before, off: wasOff } = entry;
      if (unlinked.has(id)) {
        linkOrTurnOff(entry);
        count(before, entry.client, audiences);
        if (before !== undefined || entry.client !== undefined) clients.set(id, entry.client);
      }
      const verdict = verdictOnClient(entry);
      verdicts.push(verdict);
      const fault = entry.client === undefined ? faultOf(verdict.conditions) : undefined;
      entry.off = fault && `${fault.reason}: ${fault.message}`;
      if (entry.off !== wasOff) off.set(id, entry.off);
    }
    for (const touched of [unlinked, untold, gone]) touched.clear();
    return { clients, off, audiences, verdicts };
  }

  /** A bug that one object brings to light must not keep all the others, and every change after it, from coming into force. */
  function linkOrTurnOff(entry: Entry): void {
    entry.failed = false;
    try {
      link(entry);
    } catch (error) {
      Object.assign(entry, { linked: undefined, outcomes: [], client: undefined, failed: true } satisfies Partial<Entry>);
      onBug(error, entry.object);
    }
  }

  function link(entry: Entry): void {
    const { object, compiled } = entry;
    const manifest = manifestOf(object);
    const isOff = manifest === undefined || compiled === undefined || manifest.spec.suspend;
    entry.linked = isOff ? undefined : linkClient(manifest, compiled, world);
    entry.outcomes = isOff || entry.linked === undefined || manifest.spec.examples.length === 0 ? [] : runExamples(entry.linked, manifest.spec.examples);
    entry.client = entry.outcomes.some(({ result }) => result === 'widened') ? undefined : entry.linked;
  }

  function verdictOnClient(entry: Entry): Verdict {
    const manifest = manifestOf(entry.object);
    if (manifest === undefined) return refusedVerdict(entry.object);
    return verdictOn(entry.object, conditionsOf(entry), fieldsOf(manifest));
  }

  function conditionsOf({ mistake, linked, outcomes, failed }: Entry): readonly Condition[] {
    if (failed) return notAccepted('InvalidField', bugMessage);
    if (mistake !== undefined) return notAccepted('InvalidExpression', mistake);
    return linked === undefined ? suspended : clientConditions(linked, world.findIssuer, outcomes);
  }

  function count(before: Client | undefined, after: Client | undefined, changed: Set<string>): void {
    const [had, has] = [new Set(before?.targets.keys()), new Set(after?.targets.keys())];
    for (const audience of had.symmetricDifference(has)) {
      const number = (counts.get(audience) ?? 0) + (has.has(audience) ? 1 : -1);
      if (number === 0) counts.delete(audience);
      else counts.set(audience, number);
      changed.add(audience);
    }
  }

  const all = (ids: Iterable<string>, touched: Set<string>): void => {
    for (const id of ids) touched.add(id);
  };
  return {
    set,
    touch: {
      issuer: (name) => all(referring(byIssuer, name), unlinked),
      keys: (name) => all(referring(byIssuer, name), untold),
      audience: (audience) => all(referring(byAudience, audience), unlinked),
      namespace: (name) => all(referring(byNamespace, name), unlinked),
      all: () => all(entries.keys(), unlinked),
    },
    settle,
    handingOut: (audience) => counts.get(audience) ?? 0,
  };
}

const manifestOf = (object: ReadObject | undefined): Manifest<'ExchangeClient'> | undefined => (object?.manifest?.kind === 'ExchangeClient' ? object.manifest : undefined);

function referencesOf(object: ReadObject | undefined): { issuers: Set<string>; audiences: Set<string>; namespaces: string[] } {
  const manifest = manifestOf(object);
  return {
    issuers: new Set(manifest?.spec.subjects.map((subject) => subject.issuerRef.name)),
    audiences: new Set(manifest?.spec.targets.map((target) => target.audience)),
    namespaces: manifest === undefined ? [] : [manifest.namespace],
  };
}

function fieldsOf({ spec }: Manifest<'ExchangeClient'>): Verdict['fields'] {
  const [first, ...more] = spec.targets;
  return {
    authentication: Object.keys(spec.authentication)[0] ?? '',
    targets: `${first?.audience ?? ''}${more.length > 0 ? ` (+${more.length})` : ''}`,
  };
}
