// Reads one parsed document into a typed manifest, or into problems that say where it is wrong and what would be right.
import { z } from 'zod';
import { nameForms, namespaceName, objectName } from './fields.ts';
import { formatPath } from './format-path.ts';
import { apiVersion, group, isKind, kindNames, kinds, type KindName, type NamedObject, type Specs } from './kinds.ts';
import { nearestName } from './nearest-name.ts';

export type Path = readonly (string | number)[];

/** One mistake. An unknown field has a reason of its own: it may be a limit that Cambio does not understand. */
export type Problem = { path: Path; message: string; reason: 'UnknownField' | 'InvalidField' };

/** Which object is meant, whether or not it could be read. */
export type ObjectId = { kind: KindName; namespace: string; name: string };

type Identity<K extends KindName> = {
  kind: K;
  /** Empty for cluster-scoped kinds. */
  namespace: string;
  name: string;
  /** metadata.generation as the API server counts it; 0 in a directory. */
  generation: number;
  /** metadata.uid; empty in a directory. */
  uid: string;
};

/** An object that was understood whole. */
export type Manifest<K extends KindName = KindName> = { [N in K]: Identity<N> & { spec: Specs[N] } }[K];

/** A document of one of Cambio's kinds: its identity, and either its manifest or its problems. */
export type ReadObject = Identity<KindName> & ({ manifest: Manifest; problems?: never; written?: never } | RefusedObject);

/** An object of which nothing is used. */
export type RefusedObject = {
  manifest?: never;
  problems: readonly Problem[];
  /** What was written as its `spec`, unread; several if the object stands several times. What it was meant to limit stays closed. */
  written: readonly unknown[];
};

/** What came of one document. */
export type ReadResult =
  | { read: ReadObject; problems?: never; mayBeTarget?: never }
  /** Not one of Cambio's kinds: nothing to do with it. */
  | { read?: never; problems?: never; mayBeTarget?: never; foreign: true }
  /** One of Cambio's, but it can't be told which object it is. It may be a TargetService, with this `spec`. */
  | { read?: never; problems: readonly Problem[]; mayBeTarget: { written: unknown } | undefined };

const name = objectName('');
const namespace = namespaceName('');

/**
 * Reads one document. Nothing of a document with a problem is used.
 * @param document a JSON value as YAML or the API server gave it
 */
export function readObject(document: unknown): ReadResult {
  if (!isObject(document)) return { foreign: true };
  const { apiVersion: version, kind } = document;
  if (typeof version !== 'string' || version.split('/')[0] !== group) return { foreign: true };
  const mayBeTarget = kind === 'TargetService' || namesAudience(document['spec']) ? { written: document['spec'] } : undefined;
  if (version !== apiVersion) {
    return { problems: [problem(['apiVersion'], `${version} is not known: this release reads ${apiVersion}`)], mayBeTarget };
  }
  if (typeof kind !== 'string' || !isKind(kind)) {
    const message = kind === undefined ? `is required: one of ${kindNames.join(', ')}` : `there is no kind ${JSON.stringify(kind)} in ${apiVersion}${hint(kind, kindNames)}`;
    return { problems: [problem(['kind'], message)], mayBeTarget };
  }
  const identity = readIdentity(kind, document['metadata']);
  if ('problems' in identity) return { ...identity, mayBeTarget };
  const spec = withoutNulls(document['spec'] ?? undefined, kinds[kind].spec, deepestField);
  const problems = [...unknownRootFields(document), ...objectRuleProblems(kind, identity.name, spec)];
  const parsed = kinds[kind].spec.safeParse(spec, { reportInput: true });
  if (parsed.success && problems.length === 0) {
    // The table ties each kind to its schema, which the compiler can't follow through an index.
    return { read: { ...identity, manifest: { ...identity, spec: parsed.data } as Manifest } };
  }
  const issues = parsed.success ? [] : withoutConsequences(parsed.error.issues);
  return { read: { ...identity, problems: [...problems, ...issues.flatMap((issue) => problemsOf(issue, kinds[kind].spec))], written: [spec] } };
}

/**
 * A TargetService of which it can't be told which one it is, under a name that no object can have. It is off, and what it
 * may have limited stays closed.
 */
export function unknownTarget(place: string, problems: readonly Problem[], written: readonly unknown[]): ReadObject {
  return { kind: 'TargetService', namespace: '', name: place, generation: 0, uid: '', problems, written };
}

/** The length of text is checked even where a list should be: of a value with the wrong type nothing else is said. */
function withoutConsequences(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const pathOf = (issue: z.core.$ZodIssue): string => formatPath(issue.path as Path);
  const mistyped = new Set(issues.filter((issue) => issue.code === 'invalid_type').map(pathOf));
  return issues.filter((issue) => issue.code === 'invalid_type' || !mistyped.has(pathOf(issue)));
}

/** Whether a spec has what only a TargetService has. */
const namesAudience = (spec: unknown): boolean => isObject(spec) && typeof spec['audience'] === 'string';

function readIdentity(kind: KindName, metadata: unknown): Identity<KindName> | { problems: readonly Problem[] } {
  const known = isObject(metadata) ? metadata : {};
  const namespaced = kinds[kind].scope === 'Namespaced';
  const identity = {
    kind,
    name: known['name'] as string,
    namespace: namespaced ? ((known['namespace'] ?? 'default') as string) : '',
    generation: typeof known['generation'] === 'number' ? known['generation'] : 0,
    uid: typeof known['uid'] === 'string' ? known['uid'] : '',
  };
  const problems: Problem[] = [];
  if (!name.safeParse(identity.name).success) {
    problems.push(problem(['metadata', 'name'], `must be ${nameForms.object}`));
  }
  if (namespaced && !namespace.safeParse(identity.namespace).success) {
    problems.push(problem(['metadata', 'namespace'], `must be ${nameForms.namespace}`));
  }
  if (!namespaced && known['namespace'] !== undefined) {
    problems.push(problem(['metadata', 'namespace'], `a ${kind} belongs to the whole cluster: it has no namespace`));
  }
  return problems.length > 0 ? { problems } : identity;
}

/** Deeper than any field that a schema knows. */
const deepestField = 32;

/**
 * A member that is null is absent. The API server drops those that it knows, and stores the others. Only in free JSON, such
 * as the claims of an example, a null is a value like any other.
 */
function withoutNulls(value: unknown, schema: z.ZodType | undefined, depth: number): unknown {
  const known = schema && unwrapped(schema);
  if (depth === 0 || (known instanceof z.ZodRecord && known.valueType instanceof z.ZodUnknown)) return value;
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item, memberOf(known, 0), depth - 1));
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([key, member]) => [key, withoutNulls(member, memberOf(known, key), depth - 1)]));
}

const rootFields = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];

function unknownRootFields(document: Record<string, unknown>): Problem[] {
  return Object.keys(document)
    .filter((key) => !rootFields.includes(key) && document[key] !== null)
    .map((key) => unknownField([], key, rootFields));
}

function objectRuleProblems(kind: KindName, objectsName: string, objectsSpec: unknown): Problem[] {
  const object: NamedObject = { metadata: { name: objectsName }, spec: isObject(objectsSpec) ? objectsSpec : {} };
  return kinds[kind].objectRules
    .filter((rule) => rule.check !== undefined && !rule.check(object))
    .map((rule) => problem(rule.field === undefined ? [] : [rule.field], rule.message));
}

/** Turns what zod says into sentences of ours: an unknown field gets the nearest known name. */
function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType): Problem[] {
  const path = ['spec', ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(path, key, knownFields(schema, issue.path as Path)));
    case 'invalid_type':
      return [problem(path, issue.input === undefined ? `is required: ${article(issue.expected)}` : `must be ${article(issue.expected)}`)];
    case 'invalid_value':
      return [problem(path, `${issue.input === undefined ? 'is required:' : 'must be'} one of ${issue.values.join(', ')}${hint(issue.input, issue.values.map(String))}`)];
    case 'too_small':
    case 'too_big':
      return [problem(path, issue.origin === 'int' || issue.origin === 'number' ? boundMessage(issue) : issue.message)];
    default:
      return [problem(path, issue.message)];
  }
}

function boundMessage(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  return issue.code === 'too_small' ? `must be at least ${issue.minimum}` : `must be at most ${issue.maximum}`;
}

function unknownField(path: Path, key: string, known: readonly string[]): Problem {
  const names = known.length > 0 ? `; known are ${known.join(', ')}` : '';
  return { path: [...path, key], message: `unknown field${hint(key, known) || names}`, reason: 'UnknownField' };
}

/** The members that the schema declares at a path below `spec`. */
function knownFields(schema: z.ZodType, path: Path): readonly string[] {
  let at: z.ZodType | undefined = unwrapped(schema);
  for (const step of path) at = memberOf(at, step);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** The schema of a member of an object, or of an entry of a list. */
function memberOf(schema: z.ZodType | undefined, step: string | number): z.ZodType | undefined {
  const isKnown = schema instanceof z.ZodObject && Object.hasOwn(schema.shape, step);
  const member = schema instanceof z.ZodArray ? schema.element : isKnown ? schema.shape[step] : undefined;
  return member === undefined ? undefined : unwrapped(member as z.ZodType);
}

function unwrapped(schema: z.ZodType): z.ZodType {
  let at = schema;
  while (at instanceof z.ZodOptional || at instanceof z.ZodDefault) at = at.unwrap() as z.ZodType;
  return at;
}

function hint(written: unknown, known: readonly string[]): string {
  const nearest = typeof written === 'string' ? nearestName(written, known) : undefined;
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

const article = (type: string): string =>
  ({ int: 'a whole number', number: 'a whole number', string: 'text', boolean: 'true or false', array: 'a list', object: 'an object', record: 'an object' })[type] ?? type;

const problem = (path: Path, message: string): Problem => ({ path, message, reason: 'InvalidField' });

/** Whether a JSON value is an object (neither null nor a list). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
