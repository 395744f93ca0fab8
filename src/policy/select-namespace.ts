// Whether a namespace is among those that a cluster-scoped object allows, as Kubernetes reads label selectors.
import type { AllowedNamespaces, LabelSelector } from '../manifests/namespace-selection.ts';
import type { Labels } from '../manifests/read-namespace.ts';

/**
 * @param allowed undefined is None
 * @param labels undefined where it can't be told which ones the namespace has: then no selector matches
 */
export function allowsNamespace(allowed: AllowedNamespaces | undefined, labels: Labels | undefined): boolean {
  if (allowed?.from === 'All') return true;
  if (allowed?.from !== 'Selector' || allowed.selector === undefined || labels === undefined) return false;
  return matchesSelector(allowed.selector, labels);
}

function matchesSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels.get(key) === value) && matchExpressions.every(({ key, operator, values = [] }) => operators[operator](labels.get(key), values));
}

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number];

/** One entry for each operator: whether it holds for a label that has this value, or is not there. */
const operators = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
} satisfies Record<Requirement['operator'], (value: string | undefined, values: readonly string[]) => boolean>;
