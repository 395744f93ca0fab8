// Checks a policy: the verdicts of the store that `serve` has, each put where in the manifests it is about.
import { parsePath } from '../manifests/format-path.ts';
import type { KindName } from '../manifests/kinds.ts';
import type { Path } from '../manifests/read-object.ts';
import type { Condition } from '../policy/conditions.ts';
import { createPolicyStore, keyOf, type PolicyStore, type Verdict } from '../policy/policy-store.ts';
import type { PolicySettings } from '../policy/settings.ts';
import type { CheckInput, Place } from './check-input.ts';

/** Something that somebody should know, and where it is. A warning turns nothing off. */
export type Finding = Place & { severity: 'error' | 'warning'; field: string; message: string };

/** What became of one object. */
export type Row = Place & { kind: KindName; name: string; ready: boolean; reason: string };

export type PolicyReport = {
  findings: readonly Finding[];
  rows: readonly Row[];
  /** The store with everything in it: what a server would have. */
  store: PolicyStore;
};

/** Compiles everything that was read, as a server would that sees it for the first time. */
export function checkPolicy(input: CheckInput, settings: PolicySettings): PolicyReport {
  const store = createPolicyStore(settings);
  const verdicts = new Map(store.apply([...input.objects.values()].map((object) => ({ id: object, object }))).map((verdict) => [keyOf(verdict.id), verdict]));
  store.complete();
  const read = input.problems.map((problem): Finding => ({ severity: 'error', ...problem }));
  const told = [...input.objects.values()].flatMap((object) => {
    const verdict = verdicts.get(keyOf(object));
    // What reading has found in it is told already.
    return verdict === undefined || object.problems !== undefined ? [] : findingsOf(verdict, input);
  });
  const rows = [...input.objects.keys()].flatMap((key) => {
    const verdict = verdicts.get(key);
    return verdict === undefined ? [] : [rowOf(verdict, input)];
  });
  return { findings: [...read, ...told].toSorted(byPlace), rows, store };
}

function rowOf({ id, conditions }: Verdict, input: CheckInput): Row {
  const ready = conditions.find(({ type }) => type === 'Ready');
  const why = conditions.find((condition) => condition.type !== 'Ready' && isBad(condition) && condition.reason !== ready?.reason);
  const reason = [ready?.reason ?? '', ...(ready?.status === 'True' || why === undefined ? [] : [why.reason])].join(': ');
  return { ...input.placeOf(keyOf(id), ['metadata', 'name']), kind: id.kind, name: nameOf(id), ready: ready?.status === 'True', reason };
}

/** The object's name as people write it. */
export const nameOf = ({ namespace, name }: Verdict['id']): string => (namespace === '' ? name : `${namespace}/${name}`);

const isBad = ({ type, status }: Condition): boolean => (type === 'Stalled' || type === 'Reconciling' ? false : status === 'False');

/** Who suspends an object means it: that is told, and does not stop a pipeline. */
function findingsOf({ id, conditions }: Verdict, input: CheckInput): Finding[] {
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return [];
  if (ready?.reason === 'Suspended') return [place('spec.suspend: is true: nothing of this object is in force', id, 'warning', input)];
  const bad = conditions.filter((condition) => condition.type !== 'Ready' && isBad(condition));
  const messages = new Set((bad.length > 0 ? bad : conditions.filter(({ type }) => type === 'Ready')).flatMap(({ message }) => splitMessages(message)));
  return [...messages].map((message) => place(message, id, 'error', input));
}

/** A condition's message may be several, each with the path of its field before it. */
const splitMessages = (message: string): string[] => message.split(/; (?=(?:spec|metadata)[.[])/);

function place(message: string, id: Verdict['id'], severity: Finding['severity'], input: CheckInput): Finding {
  const [, field, rest] = /^([a-z][^\s:]*): (.+)$/s.exec(message) ?? [];
  const path: Path | undefined = field === undefined ? undefined : parsePath(field);
  if (field === undefined || rest === undefined || path === undefined) return { severity, ...input.placeOf(keyOf(id), ['metadata', 'name']), field: 'metadata.name', message };
  return { severity, ...input.placeOf(keyOf(id), path), field, message: rest };
}

function byPlace(a: Finding, b: Finding): number {
  return compare(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
