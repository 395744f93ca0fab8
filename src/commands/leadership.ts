// What one of several replicas does for all of them: it writes status and events. A Lease decides which one.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { ApiServer } from '../kubernetes/api-server.ts';
import { createEventWriter, transitionsOf } from '../kubernetes/events.ts';
import { createLease, leaseName } from '../kubernetes/lease.ts';
import { pause } from '../kubernetes/pause.ts';
import { createStatusWriter, type StatusWriter } from '../kubernetes/status-writer.ts';

export type Leadership = Pick<StatusWriter, 'observe' | 'want'> & {
  /**
   * Stands for election as soon as all is known that a status tells of, or after some seconds: so that a restart tells
   * nothing new, and an issuer that does not answer does not hold up the others.
   */
  stand: (isAllKnown: () => boolean) => void;
  /** Resolves when `signal` was aborted and the Lease has been given back. */
  ended: () => Promise<void>;
};

/** For how long a new process waits at most before it stands for election, in milliseconds. */
export const patience = 15_000;

/** How often it looks whether it may, in milliseconds. */
const lookEvery = 100;

/** @param namespace Cambio's own, where the Lease is */
export function openLeadership(api: ApiServer, namespace: string, log: Logger, signal: AbortSignal): Leadership {
  const identity = `${hostname()}_${randomUUID()}`;
  const monotonic = (): number => performance.now();
  let standing: Promise<void> | undefined;

  const lease = createLease({
    api,
    namespace,
    identity,
    now: Date.now,
    monotonic,
    random: Math.random,
    onChange: (leads) => {
      log.info({ lease: `${namespace}/${leaseName}`, identity }, leads ? 'this replica leads: it writes status and events' : 'this replica does not lead any more');
      if (leads) status.begin();
    },
    onTrouble: (trouble) => {
      if (trouble === undefined) log.info({ lease: `${namespace}/${leaseName}` }, 'the Lease can be read and written again');
      else log.warn({ lease: `${namespace}/${leaseName}`, trouble }, 'this replica can not lead, and writes no status; exchanges go on. If it is forbidden: deploy/rbac.yaml has the rights that are needed');
    },
    signal,
  });
  const events = createEventWriter({
    api,
    now: Date.now,
    monotonic,
    identity,
    leadsFor: lease.leadsFor,
    onTrouble: (trouble) => {
      if (trouble === undefined) log.info('events are written again');
      else log.warn({ trouble }, 'events are left out');
    },
    signal,
  });
  const status = createStatusWriter({
    api,
    now: Date.now,
    monotonic,
    leadsFor: lease.leadsFor,
    onWritten: (verdict, uid, before) => events.tell(verdict.id, uid, transitionsOf(before, verdict)),
    onError: (id, message) => log.warn({ object: id }, message),
    signal,
  });

  return {
    observe: status.observe,
    want: status.want,
    stand: (isAllKnown) => {
      standing ??= untilKnown(isAllKnown, signal).then(() => (signal.aborted ? undefined : lease.run()));
    },
    ended: async () => {
      await Promise.all([standing, status.idle(), events.idle()]);
    },
  };
}

async function untilKnown(isAllKnown: () => boolean, signal: AbortSignal): Promise<void> {
  // Not at once: what was read just now is followed a moment later.
  for (let waited = 0; waited < patience && !signal.aborted; waited += lookEvery) {
    await pause(lookEvery, signal);
    if (isAllKnown()) return;
  }
}
