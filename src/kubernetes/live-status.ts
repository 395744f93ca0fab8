// The status of an object as it stands there, beside the verdict that it shall tell.
import type { ConditionType } from '../policy/conditions.ts';
import type { Verdict } from '../policy/policy-store.ts';

/** A condition as it stands in an object (metav1.Condition). */
export type LiveCondition = { type: string; status: string; reason: string; message: string; lastTransitionTime: string; observedGeneration?: number };
export type LiveStatus = { observedGeneration?: number; conditions?: LiveCondition[] } & Record<string, unknown>;

/** What a verdict has for a status, whatever it is on. */
export type StatusContent = Omit<Verdict, 'id'>;

/** The conditions that are Cambio's. One of another type is somebody else's, and left alone. */
const ownConditions = {
  Ready: true,
  Accepted: true,
  ResolvedRefs: true,
  KeysAvailable: true,
  ExamplesPassed: true,
  Reconciling: true,
  Stalled: true,
} satisfies Record<ConditionType, true>;

/** Fields that tell when something was seen to happen: after a restart the same is seen at another time. */
const timeFields = new Set(['lastFetchTime']);

const isOwn = ({ type }: { type: string }): boolean => Object.hasOwn(ownConditions, type);

/** Whether a status already says what a verdict says; times do not count. */
export function isCurrent(live: LiveStatus, verdict: StatusContent): boolean {
  const { conditions = [], observedGeneration, ...fields } = live;
  if (observedGeneration !== verdict.generation) return false;
  if (conditions.filter(isOwn).length !== verdict.conditions.length) return false;
  if (JSON.stringify(factsOf(fields)) !== JSON.stringify(factsOf(verdict.fields))) return false;
  return verdict.conditions.every((wanted) =>
    conditions.some((is) => is.type === wanted.type && is.status === wanted.status && is.reason === wanted.reason && is.message === wanted.message),
  );
}

/** Whether what a verdict dates is newer than what the status says. */
export function isNewer(verdict: StatusContent, live: LiveStatus): boolean {
  return [...timeFields].some((name) => textOf(verdict.fields[name]) > textOf(live[name]));
}

/** Whether something that both verdicts date happened between them. */
export function isRedated(before: StatusContent, after: StatusContent): boolean {
  return [...timeFields].some((name) => before.fields[name] !== undefined && after.fields[name] !== undefined && before.fields[name] !== after.fields[name]);
}

/** The status to apply. A condition that keeps its status keeps its lastTransitionTime (metav1.Condition). */
export function statusOf(verdict: StatusContent, live: LiveStatus, now: number): LiveStatus {
  const conditions = verdict.conditions.map((condition): LiveCondition => {
    const before = live.conditions?.find(({ type }) => type === condition.type);
    const unchanged = before !== undefined && before.status === condition.status;
    const lastTransitionTime = unchanged ? before.lastTransitionTime : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    return { ...condition, lastTransitionTime, observedGeneration: verdict.generation };
  });
  return { ...verdict.fields, observedGeneration: verdict.generation, conditions };
}

/**
 * What a verdict does not say and is still there after it was applied, because another field manager has set it too:
 * a merge patch of the status without it. @returns undefined if there is nothing of that kind
 */
export function removalOf(live: LiveStatus, verdict: StatusContent): Record<string, unknown> | undefined {
  const { conditions = [], observedGeneration: _, ...fields } = live;
  const strange = Object.keys(fields).filter((name) => !Object.hasOwn(verdict.fields, name));
  const kept = conditions.filter((is) => !isOwn(is) || verdict.conditions.some(({ type }) => type === is.type));
  if (strange.length === 0 && kept.length === conditions.length) return undefined;
  return { ...Object.fromEntries(strange.map((name) => [name, null])), ...(kept.length === conditions.length ? {} : { conditions: kept }) };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const factsOf = (fields: object): [string, unknown][] =>
  Object.entries(fields)
    .filter(([name]) => !timeFields.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
