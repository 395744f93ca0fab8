// What the policy makes of an object: what its status says.
import { formatPath } from '../manifests/format-path.ts';
import type { ObjectId, ReadObject } from '../manifests/read-object.ts';
import { notAccepted, summarize, type Condition } from './conditions.ts';

export type Verdict = {
  id: ObjectId;
  generation: number;
  conditions: readonly Condition[];
  /** The members of status besides conditions and observedGeneration. */
  fields: Readonly<Record<string, string | number>>;
};

/** A name for an object that no other object has. */
export const keyOf = ({ kind, namespace, name }: ObjectId): string => `${kind}/${namespace}/${name}`;

/** The verdict on an object. */
export function verdictOn({ kind, namespace, name, generation }: ReadObject, conditions: readonly Condition[], fields: Verdict['fields']): Verdict {
  return { id: { kind, namespace, name }, generation, conditions, fields };
}

/** What is said of an object with which a bug came to light. */
export const bugMessage = 'it brings a bug of Cambio to light, and is off; the log says more';

/** An object as if it could not have been read, because of a bug. */
export const withBug = ({ kind, namespace, name, generation, uid, manifest, written }: ReadObject): ReadObject => ({
  kind,
  namespace,
  name,
  generation,
  uid,
  problems: [{ path: [], message: bugMessage, reason: 'InvalidField' }],
  written: written ?? [manifest.spec],
});

/** The verdict on an object that could not be read. */
export function refusedVerdict(object: ReadObject): Verdict {
  const problems = object.problems ?? [];
  const reason = problems.some((problem) => problem.reason === 'UnknownField') ? 'UnknownField' : 'InvalidField';
  const messages = problems.map((problem) => `${formatPath(problem.path)}: ${problem.message}`);
  return verdictOn(object, notAccepted(reason, summarize(messages)), {});
}
