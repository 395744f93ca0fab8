// What is said of an ExchangeClient in its status.
import { accepted, stalled, summarize, type Condition } from './conditions.ts';
import type { ExampleOutcome } from './examples.ts';
import type { FindIssuer } from './issuer-table.ts';
import type { Client, InertEntry } from './policy.ts';

/** The conditions of a client that was linked. */
export function clientConditions(client: Client, findIssuer: FindIssuer, outcomes: readonly ExampleOutcome[]): Condition[] {
  const troubles = [...client.inert, ...waitingFor(client, findIssuer)];
  const resolved = resolvedRefs(troubles);
  const examples = examplesPassed(outcomes);
  if (examples.reason === 'Widened') {
    const { message } = examples;
    return [{ type: 'Ready', status: 'False', reason: 'ExamplesWiden', message }, accepted, resolved, examples, stalled('ExamplesWiden', message)];
  }
  if (troubles.length === 0) return [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'requests of this client are answered' }, accepted, resolved, examples];
  const nothing = client.subjects.length === 0 || client.targets.size === 0;
  const { message } = resolved;
  return [
    { type: 'Ready', status: 'False', reason: nothing ? 'NothingLoaded' : 'PartlyLoaded', message },
    accepted,
    resolved,
    examples,
    ...(nothing ? [stalled('NothingLoaded', message)] : []),
  ];
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
