// What is said of an ExchangeClient in its status.
import { accepted, stalled, summarize, type Condition, type Reasons } from './conditions.ts';
import type { ExampleOutcome } from './examples.ts';
import type { FindIssuer } from './issuer-table.ts';
import type { Client, InertEntry } from './policy.ts';

/** The conditions of a client that was linked. */
export function clientConditions(client: Client, findIssuer: FindIssuer, outcomes: readonly ExampleOutcome[]): Condition[] {
  const troubles = [...client.inert, ...waitingFor(client, findIssuer)];
  const resolved = resolvedRefs(troubles);
  const examples = examplesPassed(outcomes);
  const notReady = (reason: Exclude<Reasons['Ready'], 'Ready'>, message: string, what: Condition<'Stalled' | 'Reconciling'>): Condition[] => [
    { type: 'Ready', status: 'False', reason, message },
    accepted,
    resolved,
    examples,
    what,
  ];
  if (examples.reason === 'Widened') return notReady('ExamplesWiden', examples.message, stalled('ExamplesWiden', examples.message));
  if (troubles.length === 0) return [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'requests of this client are answered' }, accepted, resolved, examples];
  const { message } = resolved;
  // Keys come by themselves. An inert entry takes an edit of this object, or of another one: nothing is under way.
  if (client.inert.length === 0) return notReady('KeysUnavailable', message, { type: 'Reconciling', status: 'True', reason: 'KeysUnavailable', message });
  const reason = client.subjects.length === 0 || client.targets.size === 0 ? 'NothingLoaded' : 'PartlyLoaded';
  return notReady(reason, message, stalled(reason, message));
}

/** Why an entry is not in force, or not whole. */
type Trouble = Pick<InertEntry, 'reason' | 'message'>;

/** An entry whose issuer has no keys now works all the same: its tokens wait. */
function waitingFor({ subjects }: Client, findIssuer: FindIssuer): Trouble[] {
  return subjects
    .filter(({ issuer }) => findIssuer(issuer.name)?.keysUsable === false)
    .map(({ field, issuer }) => ({ reason: 'IssuerNotReady', message: `spec.${field}.issuerRef: TrustedIssuer ${issuer.name} has no usable keys now; its own status says why` }));
}

function resolvedRefs(troubles: readonly Trouble[]): Condition<'ResolvedRefs'> {
  const [first] = troubles;
  if (first === undefined) return { type: 'ResolvedRefs', status: 'True', reason: 'Resolved', message: 'everything that it refers to is in force' };
  return { type: 'ResolvedRefs', status: 'False', reason: first.reason, message: summarize(troubles.map((entry) => entry.message)) };
}

function examplesPassed(outcomes: readonly ExampleOutcome[]): Condition<'ExamplesPassed'> {
  const messages = (wanted: ExampleOutcome['result']): string => summarize(outcomes.filter(({ result }) => result === wanted).map(({ message }) => message));
  if (outcomes.some(({ result }) => result === 'widened')) return { type: 'ExamplesPassed', status: 'False', reason: 'Widened', message: messages('widened') };
  if (outcomes.some(({ result }) => result === 'denied')) return { type: 'ExamplesPassed', status: 'False', reason: 'Denied', message: messages('denied') };
  if (outcomes.length === 0) return { type: 'ExamplesPassed', status: 'True', reason: 'None', message: 'there are no examples' };
  return { type: 'ExamplesPassed', status: 'True', reason: 'Passed', message: 'all examples come out as they expect' };
}
