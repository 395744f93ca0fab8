// The TargetServices: each compiled by itself, and found by the audience that it names.
import { isObject, type Manifest, type ReadObject } from '../manifests/read-object.ts';
import { compileTargetService, type CompiledTargetService } from './compile-target-service.ts';
import { accepted, listNames, notAccepted, suspended, type Condition } from './conditions.ts';
import type { TargetService } from './policy.ts';
import { refer, referring, type References } from './references.ts';
import { refusedVerdict, verdictOn, type Verdict } from './verdict.ts';

/** What stands behind an audience: no TargetService, one that is in force, or one that is off, which closes the audience. */
export type FoundTarget = { state: 'none' } | { state: 'open'; service: TargetService } | { state: 'closed'; why: string };
export type FindTarget = (audience: string) => FoundTarget;

/** What is not what it was. */
export type TargetChanges = {
  /** TargetServices on which there is another verdict. */
  verdicts: ReadonlySet<string>;
  /** Audiences with which clients must be linked anew; `all` if that may be any. */
  audiences: ReadonlySet<string> | 'all';
};

export type TargetTable = {
  /** Takes one that was made or changed, or that is gone. */
  set: (name: string, object: ReadObject | undefined) => void;
  /** @returns what was touched since it was asked last */
  settle: () => TargetChanges;
  find: FindTarget;
  /** The names of those that name an audience. */
  named: (audience: string) => Iterable<string>;
  /** @param clients how many ExchangeClients hand out its audience */
  verdict: (name: string, clients: (audience: string) => number) => Verdict | undefined;
};

/** One that could not be read names the audiences that can be told; if one can't be told, it may be any. */
type Entry = { object: ReadObject; compiled: CompiledTargetService | undefined; audiences: readonly string[]; mayBeAny: boolean };

/** Makes an empty table. */
export function createTargetTable(): TargetTable {
  const entries = new Map<string, Entry>();
  const byAudience: References = new Map();
  /** Those of which it can't be told what they are for. While there is one, an audience that none names is closed as well. */
  const unknown = new Set<string>();
  let touched: { names: Set<string>; audiences: Set<string>; all: boolean } = { names: new Set(), audiences: new Set(), all: false };

  function set(name: string, object: ReadObject | undefined): void {
    const [before, after] = [entries.get(name), object && entryOf(object)];
    const hadUnknown = unknown.size > 0;
    refer(byAudience, name, before?.audiences ?? [], after?.audiences ?? []);
    if (after === undefined) entries.delete(name);
    else entries.set(name, after);
    if (after?.mayBeAny === true) unknown.add(name);
    else unknown.delete(name);
    touched.names.add(name);
    for (const audience of [...(before?.audiences ?? []), ...(after?.audiences ?? [])]) {
      touched.audiences.add(audience);
      for (const other of referring(byAudience, audience)) touched.names.add(other);
    }
    // What is said about an audience names one of them.
    if (hadUnknown || unknown.size > 0) touched.all = true;
  }

  const find: FindTarget = (audience) => {
    const names = [...referring(byAudience, audience)].toSorted();
    const [name, ...more] = names;
    if (name === undefined) return unknown.size === 0 ? { state: 'none' } : closed(`${listNames([...unknown].toSorted())} can't be read, and may be meant for it`);
    const entry = entries.get(name);
    if (more.length > 0) return closed(`${listNames(names)} are for one audience`);
    const service = entry?.compiled?.service;
    return service === undefined || isSuspended(entry) ? closed(`${name} is off; its own status says why`) : { state: 'open', service };
  };

  function verdict(name: string, clients: (audience: string) => number): Verdict | undefined {
    const entry = entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.compiled === undefined) return refusedVerdict(entry.object);
    const [audience = ''] = entry.audiences;
    const others = [...referring(byAudience, audience)].filter((other) => other !== name).toSorted();
    return verdictOn(entry.object, conditionsOf(entry, entry.compiled, audience, others), { clients: clients(audience) });
  }

  return {
    set,
    settle: () => {
      const { names, audiences, all } = touched;
      touched = { names: new Set(), audiences: new Set(), all: false };
      return { verdicts: names, audiences: all ? 'all' : audiences };
    },
    find,
    named: (audience) => referring(byAudience, audience),
    verdict,
  };
}

function entryOf(object: ReadObject): Entry {
  if (object.manifest === undefined) {
    const audiences = object.written.map((spec) => (isObject(spec) ? spec['audience'] : undefined));
    const told = audiences.filter((audience) => typeof audience === 'string');
    return { object, compiled: undefined, audiences: [...new Set(told)], mayBeAny: told.length < audiences.length };
  }
  const manifest = object.manifest as Manifest<'TargetService'>;
  return { object, compiled: compileTargetService(manifest), audiences: [manifest.spec.audience], mayBeAny: false };
}

function conditionsOf(entry: Entry, { refusal }: CompiledTargetService, audience: string, others: readonly string[]): readonly Condition[] {
  if (refusal !== undefined) return notAccepted(refusal.reason, refusal.message);
  if (others.length > 0) {
    return notAccepted('Conflicted', `spec.audience: ${audience} is also that of TargetService ${listNames(others)}; until one of them is gone it is closed to everybody`);
  }
  if (isSuspended(entry)) return suspended;
  return [{ type: 'Ready', status: 'True', reason: 'Ready', message: `tokens for ${audience} are issued within these limits` }, accepted];
}

const isSuspended = (entry: Entry | undefined): boolean => entry?.object.manifest?.kind === 'TargetService' && entry.object.manifest.spec.suspend;
const closed = (why: string): FoundTarget => ({ state: 'closed', why: `TargetService ${why}` });
