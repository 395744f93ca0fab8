// Checks a policy: compiles everything that was read, as a server does, and says what becomes of each object.
import type { KindName } from '../manifests/kinds.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import { conditionOf, faultOf } from '../policy/conditions.ts';
import type { KeyState } from '../policy/key-state.ts';
import type { PolicySnapshot } from '../policy/policy.ts';
import { createPolicyStore, keyOf, type Verdict } from '../policy/policy-store.ts';
import type { PolicySettings } from '../policy/settings.ts';
import { findingsOf, nameOf, type Finding } from './check-findings.ts';
import type { CheckInput, Place } from './check-input.ts';
import { servicesByAudience } from './check-selectors.ts';

/** What became of one object. */
export type Row = Place & { kind: KindName; name: string; ready: boolean; reason: string };

export type PolicyReport = {
  findings: readonly Finding[];
  rows: readonly Row[];
  /** The policy with everything in it: what a server would have. */
  snapshot: PolicySnapshot;
  /** How it stands with the keys of TrustedIssuers, by their names, where these were fetched. */
  keys: KeyStates;
};

/** How it stands with the keys of TrustedIssuers, by their names. */
export type KeyStates = ReadonlyMap<string, KeyState>;

/** What a policy is made of. */
export type Compiled = { snapshot: PolicySnapshot; verdicts: ReadonlyMap<string, Verdict> };

/** Compiles objects, as a server that sees all of them for the first time. Keys of which nothing is known are supposed to be there. */
export function compilePolicy(objects: Iterable<ReadObject>, { namespaces }: Pick<CheckInput, 'namespaces'>, settings: PolicySettings, keys: KeyStates = new Map()): Compiled {
  const store = createPolicyStore(settings);
  const verdicts = new Map<string, Verdict>();
  const note = (told: readonly Verdict[]): void => {
    for (const verdict of told) verdicts.set(keyOf(verdict.id), verdict);
  };
  note(store.apply(Array.from(objects, (object) => ({ id: object, object })), [...namespaces.values()]));
  // A server will have them, and says so where it has not.
  for (const { name, revision } of store.snapshot().issuers.values()) note(store.setKeyState(name, revision, keys.get(name) ?? supposedKeys(name)));
  store.complete();
  return { snapshot: store.snapshot(), verdicts };
}

/** No two issuers have one key: who copies a cluster knows that, and it can't be known here. */
const supposedKeys = (name: string): KeyState => ({ reason: 'Available', message: 'they are supposed to be there', usable: true, thumbprints: [`supposed to be of ${name}`], changedAt: undefined });

/** Checks what was read. */
export function checkPolicy(input: CheckInput, settings: PolicySettings, keys: KeyStates = new Map()): PolicyReport {
  const objects = [...input.objects.values()];
  const { snapshot, verdicts } = compilePolicy(objects, input, settings, keys);
  const services = servicesByAudience(input);
  const read = input.problems.map((problem): Finding => ({ severity: 'error', ...problem }));
  const compiled = objects.flatMap((object) => {
    const verdict = verdicts.get(keyOf(object));
    // What reading has found in it is told already.
    return verdict === undefined || object.manifest === undefined ? [] : findingsOf(object.manifest, verdict, snapshot, input, services);
  });
  const rows = objects.flatMap((object) => {
    const verdict = verdicts.get(keyOf(object));
    return verdict === undefined ? [] : [rowOf(verdict, input)];
  });
  return { findings: [...read, ...compiled, ...missingKeys(keys, input)].toSorted(byPlace), rows, snapshot, keys };
}

/** Issuers whose keys could not be had. */
function missingKeys(keys: KeyStates, { placeOf }: CheckInput): Finding[] {
  return [...keys].flatMap(([name, { usable, reason, message }]): Finding[] => {
    if (usable) return [];
    const place = placeOf(keyOf({ kind: 'TrustedIssuer', namespace: '', name }), ['spec', 'verification']);
    return [{ severity: 'error', ...place, field: 'spec.verification', message: `its keys can't be had (${reason}): ${message}` }];
  });
}

function rowOf({ id, conditions }: Verdict, { placeOf }: CheckInput): Row {
  const ready = conditionOf(conditions, 'Ready');
  const why = ready?.status === 'True' ? ready : faultOf(conditions);
  const reasons = new Set([ready?.reason ?? '', ...(why === undefined ? [] : [why.reason])]);
  return { ...placeOf(keyOf(id), ['metadata', 'name']), kind: id.kind, name: nameOf(id), ready: ready?.status === 'True', reason: [...reasons].join(': ') };
}

function byPlace(a: Finding, b: Finding): number {
  return compare(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

