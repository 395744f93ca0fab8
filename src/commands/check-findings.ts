// What the compile step says of an object, each sentence put where in the manifests it is about.
import { parsePath } from '../manifests/format-path.ts';
import { nearestName } from '../manifests/nearest-name.ts';
import type { Manifest, ObjectId } from '../manifests/read-object.ts';
import { conditionOf, type Condition } from '../policy/conditions.ts';
import { clientId } from '../policy/link-client.ts';
import type { InertEntry, PolicySnapshot } from '../policy/policy.ts';
import { keyOf, type Verdict } from '../policy/policy-store.ts';
import type { CheckInput, Place } from './check-input.ts';
import { undecidedEntries, type ServicesByAudience } from './check-selectors.ts';

/** Something that somebody should know, and where it is. A warning stops no pipeline. */
export type Finding = Place & { severity: 'error' | 'warning'; field: string; message: string };

/** The object's name as people write it. */
export const nameOf = ({ namespace, name }: Pick<ObjectId, 'namespace' | 'name'>): string => (namespace === '' ? name : `${namespace}/${name}`);

/** What there is to say of an object that could be read. */
export function findingsOf(manifest: Manifest, verdict: Verdict, snapshot: PolicySnapshot, input: CheckInput, services: ServicesByAudience): Finding[] {
  const at = (severity: Finding['severity']) => (message: string): Finding => placed(message, manifest, severity, input);
  // Who suspends an object means it.
  if (manifest.spec.suspend) return [at('warning')('spec.suspend: is true: nothing of this object is in force')];
  if (manifest.kind !== 'ExchangeClient') return [...messagesOf(verdict.conditions).map(at('error')), ...openIssuer(manifest, verdict).map(at('warning'))];
  const client = snapshot.clients.get(clientId(manifest.namespace, manifest.name));
  if (client === undefined) return messagesOf(verdict.conditions).map(at('error'));
  const undecided = client.trusted ? [] : undecidedEntries(manifest, input, services);
  const certain = client.inert.filter(({ reason, message }) => !isSelected.has(reason) || !undecided.some(({ field }) => message.startsWith(`${field}: `)));
  return [
    ...certain.map((entry) => at(isConsequence(entry) ? 'warning' : 'error')(entry.message + hint(entry, input))),
    ...undecided.map(({ field, message }) => at('warning')(`${field}: ${message}`)),
    ...literalStars(manifest).map(at('warning')),
    // An example that is denied where an entry is inert may well come out once that is mended.
    ...messagesOf(verdict.conditions.filter(({ type }) => type === 'ExamplesPassed')).map(at(client.inert.length > 0 ? 'warning' : 'error')),
  ];
}

/** A `*` in a subject is nothing but itself, and hardly ever meant so. */
function literalStars({ spec }: Manifest<'ExchangeClient'>): string[] {
  return spec.subjects.flatMap(({ subject }, index) => (subject?.includes('*') === true ? [`spec.subjects[${index}].subject: is compared exactly, and "*" stands for itself; for a pattern use subjectPattern`] : []));
}

/** Why an entry is inert that a selector does not let in. */
const isSelected: ReadonlySet<string> = new Set<InertEntry['reason']>(['IssuerNotPermitted', 'AudienceNotPermitted']);

/** What it refers to is off, which is told where that stands. */
const isConsequence = ({ reason }: InertEntry): boolean => reason === 'IssuerNotReady' || reason === 'TargetNotReady';

/** The TrustedIssuer that a mistyped name was probably meant to be. */
function hint({ reason, message }: InertEntry, { objects }: CheckInput): string {
  const [written = ''] = reason === 'IssuerNotFound' ? (/\S+$/.exec(message) ?? []) : [];
  const names = written === '' ? [] : [...objects.values()].flatMap(({ kind, name }) => (kind === 'TrustedIssuer' ? [name] : []));
  const near = nearestName(written, names);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** The messages of the conditions that say no, save those which only sum up what others say. */
function messagesOf(conditions: readonly Condition[]): string[] {
  const bad = conditions.filter(({ type, status }) => status === 'False' && type !== 'Ready' && type !== 'KeysAvailable');
  return [...new Set(bad.flatMap(({ message }) => splitMessages(message)))];
}

/** A condition's message may be several, each with the path of its field before it. */
const splitMessages = (message: string): string[] => message.split(/; (?=(?:spec|metadata)[.[]|example ")/);

/** An issuer that is open to other namespaces without a rule that ties its subjects to them: the compile step says so in its message. */
function openIssuer({ kind }: Manifest, { conditions }: Verdict): string[] {
  const [, warning] = /; (any permitted namespace may accept .*)$/.exec(conditionOf(conditions, 'Ready')?.message ?? '') ?? [];
  return kind !== 'TrustedIssuer' || warning === undefined ? [] : [`spec.allowedNamespaces: ${warning}; tie them together by a rule of claimValidationRules that uses client`];
}

/** Puts a message where the field, or the example, is that it begins with; else where the object's name is. */
function placed(written: string, manifest: Manifest, severity: Finding['severity'], { placeOf }: CheckInput): Finding {
  const message = withPathOfExample(written, manifest);
  const [, field = '', rest] = /^([a-z][^\s:]*): (.+)$/s.exec(message) ?? [];
  const path = parsePath(field);
  if (rest === undefined || path === undefined) return { severity, ...placeOf(keyOf(manifest), ['metadata', 'name']), field: 'metadata.name', message };
  return { severity, ...placeOf(keyOf(manifest), path), field, message: rest };
}

/** An example is told by its name: `example "a fork may not": …` → `spec.examples[1]: example "a fork may not": …`. */
function withPathOfExample(message: string, { kind, spec }: Manifest): string {
  const index = kind === 'ExchangeClient' ? spec.examples.findIndex(({ name }) => message.startsWith(`example ${JSON.stringify(name)}: `)) : -1;
  return index < 0 ? message : `spec.examples[${index}]: ${message}`;
}
