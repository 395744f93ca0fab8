// Why an entry of a client that would have been meant does not work: for the audit log, never for callers.
import type { Client, InertEntry } from '../policy/policy.ts';

/** The reasons of those inert entries, each with its sentence; empty if there are none. */
export function describeInert({ inert }: Client, isMeant: (entry: InertEntry) => boolean): string {
  return inert
    .filter(isMeant)
    .slice(0, 4)
    .map(({ reason, message }) => `; ${reason}: ${message}`)
    .join('');
}
