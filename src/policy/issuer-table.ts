// The TrustedIssuers: each compiled by itself, and resolved beside those that share something with it.
import { isObject, type Manifest, type ReadObject } from '../manifests/read-object.ts';
import { clusterSecretOf, compileIssuer, type CompiledIssuer } from './compile-issuer.ts';
import { keyQuestionOf } from './key-fetch.ts';
import type { KeyState } from './key-state.ts';
import type { ClusterFacts, Issuer } from './policy.ts';
import { refer, referring, type References } from './references.ts';
import { resolveIssuer, type IssuerState } from './resolve-issuer.ts';
import type { PolicySettings } from './settings.ts';
import { thumbprintOf } from './thumbprint.ts';
import { refusedVerdict, verdictOn, type Verdict } from './verdict.ts';

/** What a client may find behind an issuerRef; undefined if there is nothing. Without `issuer` it is off. */
export type FindIssuer = (name: string) => { issuer?: Issuer; keysUsable: boolean; url: string | undefined } | undefined;

/** What is not what it was. */
export type IssuerChanges = {
  /** TrustedIssuers on which there is another verdict. */
  verdicts: ReadonlySet<string>;
  /** Those of them with which clients must be linked anew. */
  issuers: ReadonlySet<string>;
  /** Those of which clients must tell something else. */
  keys: ReadonlySet<string>;
  /** Audiences that are reserved now, or no longer. */
  audiences: ReadonlySet<string>;
};

export type IssuerTable = {
  /** Takes one that was made or changed, or that is gone. */
  set: (name: string, object: ReadObject | undefined) => void;
  /** Takes what is known of another cluster now, by the name of its Secret. */
  setClusterFacts: (name: string, facts: ClusterFacts | undefined) => void;
  /** Takes how it stands with the keys of one, in the version that `revision` names. */
  setKeyState: (name: string, revision: string, state: KeyState) => void;
  /** Resolves what was touched. @returns what is not what it was */
  settle: () => IssuerChanges;
  find: FindIssuer;
  /** Whether an API server takes this audience for its own. */
  isOfAPIServer: (audience: string) => boolean;
  /** Those that are in force, and those that would be if their keys were published. */
  followed: () => Map<string, Issuer>;
  verdict: (name: string) => Verdict | undefined;
};

/** What has become of one: the resolved issuer, and the fields of its status. */
type State = IssuerState & { fields: Verdict['fields'] };

/** A TrustedIssuer as it is by itself; one that could not be read has no prefix, but its URL is taken all the same. */
type Entry = {
  object: ReadObject;
  compiled: CompiledIssuer | undefined;
  prefix: string | undefined;
  urls: readonly string[];
  cluster: string | undefined;
};

/** Makes an empty table. */
export function createIssuerTable(settings: PolicySettings): IssuerTable {
  const entries = new Map<string, Entry>();
  const states = new Map<string, State>();
  const facts = new Map<string, ClusterFacts>();
  const keyStates = new Map<string, { revision: string; state: KeyState }>();
  const byPrefix: References = new Map();
  const byURL: References = new Map();
  const byCluster: References = new Map();
  const byAudience: References = new Map();
  /** Since it was settled last: what was set, what must be resolved anew, and audiences. */
  const changed = new Set<string>();
  const dirty = new Set<string>();
  const reserved = new Set<string>();

  function set(name: string, object: ReadObject | undefined): void {
    const entry = object && entryOf(object, settings, facts);
    const state = keysThatStay(name, entry);
    replace(name, entry);
    changed.add(name);
    if (state === undefined) keyStates.delete(name);
    else keyStates.set(name, state);
  }

  /** What was changed may have nothing to do with the keys: then what is known of them is still so. */
  function keysThatStay(name: string, entry: Entry | undefined): { revision: string; state: KeyState } | undefined {
    const { issuer, waiting } = states.get(name) ?? {};
    const [before, after, state] = [issuer ?? waiting, entry?.compiled?.issuer, keysOf(name)];
    if (before === undefined || after === undefined || state === undefined) return undefined;
    return keyQuestionOf(before) === keyQuestionOf(after) ? { revision: after.revision, state } : undefined;
  }

  function replace(name: string, after: Entry | undefined): void {
    const before = entries.get(name);
    touch(before);
    for (const audience of new Set(audiencesOf(before)).symmetricDifference(new Set(audiencesOf(after)))) reserved.add(audience);
    refer(byPrefix, name, listOf(before?.prefix), listOf(after?.prefix));
    refer(byURL, name, before?.urls ?? [], after?.urls ?? []);
    refer(byCluster, name, listOf(before?.cluster), listOf(after?.cluster));
    refer(byAudience, name, audiencesOf(before), audiencesOf(after));
    if (after === undefined) entries.delete(name);
    else entries.set(name, after);
    dirty.add(name);
    touch(after);
  }

  /** Notes that those which share something with it must be resolved anew. */
  function touch(entry: Entry | undefined): void {
    for (const prefix of listOf(entry?.prefix)) for (const other of referring(byPrefix, prefix)) dirty.add(other);
    for (const url of entry?.urls ?? []) for (const other of referring(byURL, url)) dirty.add(other);
  }

  function settle(): IssuerChanges {
    const [verdicts, issuers, keys, audiences] = [new Set(changed), new Set(changed), new Set<string>(), new Set(reserved)];
    for (const name of dirty) {
      const before = states.get(name);
      const after = resolve(name);
      if (after === undefined) states.delete(name);
      else if (changed.has(name) || before === undefined) states.set(name, after);
      else {
        if (!isSame(verdictParts(before), verdictParts(after))) verdicts.add(name);
        if (before.keysUsable !== after.keysUsable) keys.add(name);
        const same = before.issuer?.urlShared === after.issuer?.urlShared;
        if (!same) issuers.add(name);
        states.set(name, same && before.issuer !== undefined ? { ...after, issuer: before.issuer } : after);
      }
    }
    for (const touched of [changed, dirty, reserved]) touched.clear();
    return { verdicts, issuers, keys, audiences };
  }

  function resolve(name: string): State | undefined {
    const entry = entries.get(name);
    if (entry === undefined) return undefined;
    const { object, compiled, prefix, urls } = entry;
    if (compiled === undefined || prefix === undefined) return { keysUsable: false, conditions: refusedVerdict(object).conditions, fields: {} };
    const sameURL = others(byURL, urls[0], name);
    const own = new Set(sameURL.length === 0 ? [] : thumbprintsOf(name));
    const state = resolveIssuer({
      manifest: object.manifest as Manifest<'TrustedIssuer'>,
      compiled,
      prefix,
      samePrefix: others(byPrefix, prefix, name),
      sameURL,
      keys: keysOf(name),
      sameKey: sameURL.filter((other) => thumbprintsOf(other).some((thumbprint) => own.has(thumbprint))),
    });
    return { ...state, fields: fieldsOf(entry, keysOf(name)) };
  }

  /** What is known of the keys of an issuer as it is now. */
  function keysOf(name: string): KeyState | undefined {
    const known = keyStates.get(name);
    return known !== undefined && known.revision === entries.get(name)?.compiled?.issuer?.revision ? known.state : undefined;
  }

  function thumbprintsOf(name: string): readonly string[] {
    const verification = entries.get(name)?.compiled?.issuer?.verification;
    if (verification?.method === 'jwks') return verification.keys.map(({ key }) => thumbprintOf(key));
    return keysOf(name)?.thumbprints ?? [];
  }

  function verdict(name: string): Verdict | undefined {
    const object = entries.get(name)?.object;
    const state = states.get(name);
    return object && state && verdictOn(object, state.conditions, state.fields);
  }

  return {
    set,
    setClusterFacts: (name, known) => {
      if (isSame(known, facts.get(name))) return;
      if (known === undefined) facts.delete(name);
      else facts.set(name, known);
      for (const issuer of new Set(referring(byCluster, name))) {
        const object = entries.get(issuer)?.object;
        if (object !== undefined) set(issuer, object);
      }
    },
    setKeyState: (name, revision, state) => {
      const entry = entries.get(name);
      if (entry?.compiled?.issuer?.revision !== revision) return;
      keyStates.set(name, { revision, state });
      touch(entry);
    },
    settle,
    find: (name) => {
      const state = states.get(name);
      return state && { ...(state.issuer && { issuer: state.issuer }), keysUsable: state.keysUsable, url: entries.get(name)?.urls[0] };
    },
    isOfAPIServer: (audience) => byAudience.has(audience),
    followed: () => new Map([...states].flatMap(([name, { issuer, waiting }]) => listOf(issuer ?? waiting).map((followed) => [name, followed] as const))),
    verdict,
  };
}

function entryOf(object: ReadObject, settings: PolicySettings, facts: ReadonlyMap<string, ClusterFacts>): Entry {
  if (object.manifest === undefined) return { object, compiled: undefined, prefix: undefined, urls: object.written.flatMap(urlOf), cluster: undefined };
  const manifest = object.manifest as Manifest<'TrustedIssuer'>;
  const compiled = compileIssuer(manifest, settings, (name) => facts.get(name));
  return {
    object,
    compiled,
    prefix: manifest.spec.subjectPrefix ?? `${manifest.name}:`,
    urls: listOf(compiled.issuer?.url ?? manifest.spec.issuer.url),
    cluster: clusterSecretOf(manifest.spec),
  };
}

/** The URL in the spec of a TrustedIssuer that could not be read. */
function urlOf(spec: unknown): string[] {
  const issuer = isObject(spec) ? spec['issuer'] : undefined;
  const url = isObject(issuer) ? issuer['url'] : undefined;
  return typeof url === 'string' ? [url] : [];
}

/** Members of a group besides one, in the order of their names: what is said must not depend on which one came first. */
const others = (references: References, to: string | undefined, name: string): string[] =>
  to === undefined ? [] : [...referring(references, to)].filter((other) => other !== name).toSorted();

const audiencesOf = (entry: Entry | undefined): Iterable<string> => entry?.compiled?.issuer?.apiServerAudiences ?? [];
const listOf = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);

function fieldsOf({ object, compiled, urls }: Entry, state: KeyState | undefined): Verdict['fields'] {
  if (object.manifest === undefined) return {};
  const { verification } = object.manifest.spec as Manifest<'TrustedIssuer'>['spec'];
  const inline = compiled?.issuer?.verification.method === 'jwks' ? compiled.issuer.verification.keys.length : undefined;
  const keys = inline ?? state?.thumbprints.length;
  return {
    ...(urls[0] === undefined ? {} : { issuerURL: urls[0] }),
    verification: Object.keys(verification)[0] ?? '',
    ...(keys === undefined ? {} : { keys }),
    ...(state?.changedAt === undefined ? {} : { lastFetchTime: new Date(state.changedAt).toISOString() }),
  };
}

const verdictParts = ({ conditions, fields }: State): unknown => [conditions, fields];
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
