// Leader election on a Lease (coordination.k8s.io/v1): of all replicas one leads, and only that one writes status and events.
import type { ApiResponse, ApiServer } from './api-server.ts';
import { describeFailure } from './describe-failure.ts';
import { pause, type Pause } from './pause.ts';
import { tellOnce } from './tell-once.ts';

/** The name of the Lease in Cambio's own namespace; RBAC names it too. */
export const leaseName = 'cambio-leader';

/** The times of an election, in milliseconds. */
export const leaseTimes = {
  /** A record that was not seen to change for so long is nobody's any more. */
  duration: 15_000,
  /** Who could not renew for so long leads no longer. What is left to `duration` is for clocks that run at different speeds. */
  deadline: 10_000,
  /** From one try to the next, give or take a fifth: replicas must not keep step. */
  retry: 2_000,
  /** For one request, and at the end of the process. */
  request: 5_000,
  release: 2_000,
} as const;

export type Lease = {
  /** For how many more milliseconds this process leads, as far as it knows now; 0 if it does not. To be asked before each write. */
  leadsFor: () => number;
  /** Stands for election until the signal is aborted, and gives the Lease back then. Never rejects. */
  run: () => Promise<void>;
};

export type LeaseOptions = {
  api: Pick<ApiServer, 'request'>;
  namespace: string;
  /** A name that no other process has. */
  identity: string;
  /** Milliseconds since the epoch, for people who read the Lease. Nothing is decided by it. */
  now: () => number;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  /** From 0 to below 1. */
  random: () => number;
  onChange: (leads: boolean) => void;
  /** Told why the Lease can't be read or written, once for each reason; undefined when that is over. */
  onTrouble: (trouble: string | undefined) => void;
  signal: AbortSignal;
  pause?: Pause;
};

type LeaseSpec = { holderIdentity?: string; leaseDurationSeconds?: number; acquireTime?: string; renewTime?: string; leaseTransitions?: number };
type LeaseObject = { metadata: { resourceVersion: string } & Record<string, unknown>; spec?: LeaseSpec };

/**
 * Makes a candidate, as client-go's leaderelection does it. Two never lead at once: a leader counts its time from before
 * its last renewal was sent, another waits for longer than that from after it has read it, each on a clock of its own,
 * and every write names the resourceVersion that it changes.
 */
export function createLease(options: LeaseOptions): Lease {
  const { api, namespace, identity, now, monotonic, random, onChange, onTrouble, signal, pause: rest = pause } = options;
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  /** Until when this process leads, by the monotonic clock. */
  let deadline = -Infinity;
  /** The record as this process wrote it last; undefined where it may be another by now. */
  let held: LeaseObject | undefined;
  /** The record of another, or that there was none, and since when that has not changed. */
  let seen: { record: string; at: number } | undefined;
  /** Whether it was ever seen that somebody held it. */
  let sawHolder = false;
  let renewals = 0;
  let told = false;
  const report = tellOnce(onTrouble);

  const leadsFor = (): number => (signal.aborted ? 0 : Math.max(0, deadline - monotonic()));

  /** One try to get the Lease, or to keep it. */
  async function stand(): Promise<void> {
    if (held !== undefined && (await write(held, specOf(held.spec)))) return;
    const lease = await read();
    if (lease?.spec?.holderIdentity === identity) {
      await write(lease, specOf(lease.spec));
      return;
    }
    const free = isFree(lease);
    deadline = -Infinity;
    if (!free) return;
    if (lease === undefined) await create();
    else await write(lease, specOf(lease.spec));
  }

  async function read(timeoutMs: number = leaseTimes.request): Promise<LeaseObject | undefined> {
    const response = await api.request({ method: 'GET', path: `${collection}/${leaseName}`, timeoutMs });
    const lease = response.status === 404 ? undefined : leaseIn(response, 'get');
    const record = JSON.stringify(lease?.spec ?? null);
    if (record !== seen?.record) seen = { record, at: monotonic() };
    return lease;
  }

  async function create(): Promise<void> {
    const sentAt = monotonic();
    const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: leaseName, namespace }, spec: specOf(undefined) };
    const response = await api.request({ method: 'POST', path: collection, body, timeoutMs: leaseTimes.request });
    // 409: another one was faster.
    if (response.status !== 409) lead(leaseIn(response, 'create'), sentAt);
  }

  /** @returns whether the record is this one now. If not, or if it can't be told (it throws), it has to be read again */
  async function write(lease: LeaseObject, spec: LeaseSpec, timeoutMs: number = leaseTimes.request): Promise<boolean> {
    held = undefined;
    const sentAt = monotonic();
    const response = await api.request({ method: 'PUT', path: `${collection}/${leaseName}`, body: { ...lease, spec }, timeoutMs });
    if (response.status === 409 || response.status === 404) return false;
    const written = leaseIn(response, 'update');
    if (spec.holderIdentity === identity) lead(written, sentAt);
    return true;
  }

  function lead(lease: LeaseObject, sentAt: number): void {
    tell(); // that it did not lead any more, if the answer came too late for the time before
    held = lease;
    seen = undefined;
    sawHolder = true;
    deadline = sentAt + leaseTimes.deadline;
    tell();
  }

  /** A record in which this process holds the Lease. */
  function specOf(before: LeaseSpec | undefined): LeaseSpec {
    const renewTime = microTime();
    const kept = before?.holderIdentity === identity;
    const transitions = before?.leaseTransitions ?? 0;
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: leaseTimes.duration / 1000,
      acquireTime: (kept ? before.acquireTime : undefined) ?? renewTime,
      renewTime,
      leaseTransitions: before === undefined || kept ? transitions : transitions + 1,
    };
  }

  /** Whether nobody holds the Lease: it was given back, or is not renewed any more. */
  function isFree(lease: LeaseObject | undefined): boolean {
    const holder = lease?.spec?.holderIdentity ?? '';
    if (lease !== undefined && holder === '') return true;
    // One that is not there, but was: somebody has deleted it, and its holder may not know yet, unless this is its holder.
    if (lease === undefined && (!sawHolder || leadsFor() > 0)) return true;
    sawHolder = true;
    return seen !== undefined && monotonic() - seen.at >= durationOf(lease);
  }

  /** The Lease's time as a MicroTime. Its last digits count, so that no renewal looks like the one before, even if the clock stands. */
  const microTime = (): string => new Date(now()).toISOString().replace('Z', `${String(renewals++ % 1000).padStart(3, '0')}Z`);

  function tell(): void {
    const leads = leadsFor() > 0;
    if (leads === told) return;
    told = leads;
    onChange(leads);
  }

  /** A candidate is there when the holder's time is over. */
  function untilNext(): number {
    const usual = leaseTimes.retry * (0.8 + 0.4 * random());
    const left = seen === undefined ? 0 : seen.at + leaseTimes.duration - monotonic();
    return left > 0 ? Math.min(usual, left + 0.1 * leaseTimes.retry * random()) : usual;
  }

  /** Gives the Lease back, so that another need not wait. */
  async function release(): Promise<void> {
    tell();
    const giveBack = (lease: LeaseObject): Promise<boolean> => write(lease, { ...lease.spec, holderIdentity: '', renewTime: microTime() }, leaseTimes.release);
    try {
      if (held !== undefined && (await giveBack(held))) return;
      const lease = await read(leaseTimes.release);
      if (lease?.spec?.holderIdentity === identity) await giveBack(lease);
    } catch (error) {
      report(describeFailure(error));
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await stand();
        report(undefined);
      } catch (error) {
        report(describeFailure(error));
      }
      tell();
      await rest(untilNext(), signal);
    }
    await release();
  }

  return { leadsFor, run };
}

/** For how long a holder is believed, in milliseconds: never for less than this version's own time. */
const durationOf = (lease: LeaseObject | undefined): number => Math.max(leaseTimes.duration, (lease?.spec?.leaseDurationSeconds ?? 0) * 1000);

function leaseIn({ status, body }: ApiResponse, verb: string): LeaseObject {
  const answer = body as { message?: string; metadata?: { resourceVersion?: unknown } } | undefined;
  if (status >= 300) throw new Error(`${verb} was refused with ${status}: ${answer?.message ?? ''}`);
  if (typeof answer?.metadata?.resourceVersion !== 'string') throw new Error(`${verb} was answered with something else than a Lease`);
  return body as LeaseObject;
}
