// What is said of an ExchangeClient in its status.
import { accepted, stalled, summarize, type Condition } from './conditions.ts';
import type { FindIssuer } from './issuer-table.ts';
import type { Client } from './policy.ts';

/** The conditions of a client that was linked. An entry whose issuer has no keys now is told, and works all the same: its tokens wait. */
export function clientConditions(client: Client, findIssuer: FindIssuer): Condition[] {
  const waiting = client.subjects
    .filter(({ issuer }) => findIssuer(issuer.name)?.keysUsable === false)
    .map(({ field, issuer }) => ({ reason: 'IssuerNotReady' as const, message: `spec.${field}.issuerRef: TrustedIssuer ${issuer.name} has no usable keys now; its own status says why` }));
  const troubles = [...client.inert, ...waiting];
  const [first] = troubles;
  if (first === undefined) {
    return [
      { type: 'Ready', status: 'True', reason: 'Ready', message: 'requests of this client are answered' },
      accepted,
      { type: 'ResolvedRefs', status: 'True', reason: 'Resolved', message: 'everything that it refers to is in force' },
    ];
  }
  const message = summarize(troubles.map((entry) => entry.message));
  const resolved: Condition = { type: 'ResolvedRefs', status: 'False', reason: first.reason, message };
  // Keys come by themselves. An inert entry takes an edit of this object, or of another one: nothing is under way.
  if (client.inert.length === 0) {
    return [
      { type: 'Ready', status: 'False', reason: 'KeysUnavailable', message },
      accepted,
      resolved,
      { type: 'Reconciling', status: 'True', reason: 'KeysUnavailable', message },
    ];
  }
  const reason = client.subjects.length === 0 || client.targets.size === 0 ? 'NothingLoaded' : 'PartlyLoaded';
  return [{ type: 'Ready', status: 'False', reason, message }, accepted, resolved, stalled(reason, message)];
}
