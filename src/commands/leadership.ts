// What one of several replicas does for all of them: it writes status and events. A Lease decides which one.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { ApiServer } from '../kubernetes/api-server.ts';
import { createEventWriter, transitionsOf } from '../kubernetes/events.ts';
import { createLease, leaseName } from '../kubernetes/lease.ts';
import { createStatusWriter, type StatusWriter } from '../kubernetes/status-writer.ts';

export type Leadership = Pick<StatusWriter, 'observe' | 'want'> & {
  /** Stands for election from now on: to be called when all is known that a status tells of, so that a restart tells nothing new. */
  stand: () => void;
  /** Resolves when `signal` was aborted and the Lease has been given back. */
  ended: () => Promise<void>;
};

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
    stand: () => {
      standing ??= lease.run();
    },
    ended: async () => {
      await Promise.all([standing, status.idle(), events.idle()]);
    },
  };
}
