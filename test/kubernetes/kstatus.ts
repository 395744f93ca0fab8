// How kstatus reads an object of a kind that it does not know (sigs.k8s.io/cli-utils/pkg/kstatus): Flux waits by it, and so do others.
import type { Verdict } from '../../src/policy/policy-store.ts';

export type Kstatus = 'InProgress' | 'Failed' | 'Current' | 'Terminating';

type Condition = { type: string; status: string };
export type ReadableObject = { metadata: { generation?: number; deletionTimestamp?: string }; status?: { observedGeneration?: number; conditions?: readonly Condition[] } };

/** Its rules, in its order. */
export function kstatusOf({ metadata, status }: ReadableObject): Kstatus {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const { observedGeneration, conditions = [] } = status ?? {};
  if (metadata.generation !== undefined && observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  for (const { type, status: is } of conditions) {
    if (type === 'Reconciling' && is === 'True') return 'InProgress';
    if (type === 'Stalled' && is === 'True') return 'Failed';
  }
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}

/** What an object looks like to kstatus once a verdict on it has been written. */
export const kstatusOfVerdict = ({ generation, conditions }: Pick<Verdict, 'generation' | 'conditions'>): Kstatus =>
  kstatusOf({ metadata: { generation }, status: { observedGeneration: generation, conditions } });

/** The rules of conditions that a verdict breaks: those by which whoever waits for an object comes to an end. */
export function brokenKstatusRules({ conditions }: Pick<Verdict, 'conditions'>): string[] {
  const is = (name: string): string | undefined => conditions.find(({ type }) => type === name)?.status;
  const abnormal = ['Reconciling', 'Stalled'].filter((name) => is(name) !== undefined);
  const rules: [string, boolean][] = [
    ['there is a condition Ready', is('Ready') !== undefined],
    ['no condition stands twice', new Set(conditions.map(({ type }) => type)).size === conditions.length],
    ['Reconciling and Stalled are True or not there', abnormal.every((name) => is(name) === 'True')],
    ['with Ready=True there is neither', is('Ready') !== 'True' || abnormal.length === 0],
    ['with Ready=False there is one of them', is('Ready') !== 'False' || abnormal.length === 1],
    ['what is not accepted is not ready, and stalled', is('Accepted') !== 'False' || (is('Ready') === 'False' && is('Stalled') === 'True')],
  ];
  return rules.filter(([, holds]) => !holds).map(([rule]) => rule);
}
