// The verdict on an object: conditions with reasons of a closed list, as metav1.Condition and kstatus have them.

/** Every reason that a condition may have, by its type. */
export type Reasons = {
  Ready: 'Ready' | 'PartlyLoaded' | 'NothingLoaded' | 'Suspended' | 'NotAccepted' | 'KeysUnavailable' | 'ExamplesWiden';
  Accepted: 'Accepted' | 'UnknownField' | 'InvalidField' | 'InvalidExpression' | 'InvalidKey' | 'Conflicted' | 'Reserved' | 'KeysRequired';
  ResolvedRefs:
    | 'Resolved'
    | 'IssuerNotFound'
    | 'IssuerNotReady'
    | 'IssuerNotPermitted'
    | 'TargetNotReady'
    | 'AudienceNotPermitted'
    | 'AudienceReserved'
    | 'ScopeNotPermitted'
    | 'ClaimNotPermitted'
    | 'SubjectMappingNotPermitted'
    | 'ServiceAccountNotPermitted';
  KeysAvailable: 'Available' | 'Stale' | 'FetchFailed' | 'AddressRefused' | 'IssuerMismatch' | 'NoUsableKeys' | 'SharedKey';
  ExamplesPassed: 'Passed' | 'None' | 'Denied' | 'Widened';
  Reconciling: 'KeysUnavailable';
  Stalled: 'NotAccepted' | 'PartlyLoaded' | 'NothingLoaded' | 'Suspended' | 'ExamplesWiden';
};
export type ConditionType = keyof Reasons;

/** A condition without the times, which only who writes it knows. */
export type Condition<T extends ConditionType = ConditionType> = {
  [N in T]: { type: N; status: 'True' | 'False'; reason: Reasons[N]; message: string };
}[T];

/** The API server takes messages of at most 32768 characters, and a message may quote what somebody wrote. */
const mostCharacters = 4096;

/** Conditions of an object with a mistake in itself: it is off until it is changed. A long message is cut. */
export function notAccepted(reason: Exclude<Reasons['Accepted'], 'Accepted'>, why: string): Condition[] {
  const message = why.length > mostCharacters ? `${why.slice(0, mostCharacters).toWellFormed()}…` : why;
  return [
    { type: 'Ready', status: 'False', reason: 'NotAccepted', message },
    { type: 'Accepted', status: 'False', reason, message },
    stalled('NotAccepted', message),
  ];
}

/** Terminal: kstatus would otherwise take Ready=False for work in progress. */
export function stalled(reason: Reasons['Stalled'], message: string): Condition<'Stalled'> {
  return { type: 'Stalled', status: 'True', reason, message };
}

export const accepted: Condition<'Accepted'> = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the object was understood whole' };

export const suspended: Condition[] = [
  { type: 'Ready', status: 'False', reason: 'Suspended', message: 'spec.suspend is true' },
  accepted,
  stalled('Suspended', 'spec.suspend is true'),
];

/** The condition of a type, if there is one. */
export const conditionOf = (conditions: readonly Condition[], wanted: ConditionType): Condition | undefined => conditions.find(({ type }) => type === wanted);

/** The condition that says most of what is wrong with an object; undefined if nothing is. */
export function faultOf(conditions: readonly Condition[]): Condition | undefined {
  const wrong = conditions.filter(({ status }) => status === 'False');
  return wrong.find(({ type }) => type !== 'Ready') ?? wrong[0];
}

/** Names in a message. */
export function listNames(names: readonly string[], most = 8): string {
  return names.length > most ? `${names.slice(0, most).join(', ')} and ${names.length - most} more` : names.join(', ');
}

/** Several messages as one, short enough for a condition. */
export function summarize(messages: readonly string[], most = 8): string {
  const shown = messages.slice(0, most).join('; ');
  return messages.length > most ? `${shown}; and ${messages.length - most} more` : shown;
}
