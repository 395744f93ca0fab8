// Writes verdicts into the status of objects by server-side apply, and only where the facts have changed.
import { apiVersion, group, kinds, version } from '../manifests/kinds.ts';
import type { ObjectId } from '../manifests/read-object.ts';
import { keyOf, type Verdict } from '../policy/policy-store.ts';
import type { ApiServer } from './api-server.ts';
import { pause, type Pause } from './pause.ts';
import { isOlder, type KubeObject } from './reflector.ts';

/** A condition as it stands in an object (metav1.Condition). */
type LiveCondition = { type: string; status: string; reason: string; message: string; lastTransitionTime: string; observedGeneration?: number };
type LiveStatus = { observedGeneration?: number; conditions?: LiveCondition[] } & Record<string, unknown>;

/** A verdict, whatever it is on. */
type Says = Omit<Verdict, 'id'>;
/** What is known of an object that is there. */
type Live = { uid: string; resourceVersion: string; status: LiveStatus };

export type StatusWriter = {
  /** What the API server has of an object now; undefined when it is gone. Comes before the verdict on it. */
  observe: (id: ObjectId, object: KubeObject | undefined) => void;
  /** What the status shall say. The last verdict on an object counts; one on an object that is not there counts for nothing. */
  want: (verdicts: readonly Verdict[]) => void;
  /** Resolves when nothing is left to write. */
  idle: () => Promise<void>;
};

export type StatusWriterOptions = {
  api: ApiServer;
  /** Milliseconds since the epoch, for lastTransitionTime. */
  now: () => number;
  onError: (id: ObjectId, message: string) => void;
  signal: AbortSignal;
  pause?: Pause;
};

/** Writes in flight at once. */
const writers = 4;
/** How long a writer rests after a write that failed, in milliseconds; it doubles with each failure in a row, up to the second number. */
const retry = [500, 30_000] as const;
export const fieldManager = 'cambio';

/** Makes a status writer. It writes in the background until `signal` is aborted. */
export function createStatusWriter({ api, now, onError, signal, pause: rest = pause }: StatusWriterOptions): StatusWriter {
  const live = new Map<string, Live>();
  /** Verdicts that wait for a writer, the oldest first. */
  const pending = new Map<string, Verdict>();
  const inFlight = new Set<string>();
  const runs = new Set<Promise<void>>();
  let working = 0;
  let failures = 0;

  /** Writes one verdict after the other until none is left that it could take. */
  async function work(): Promise<void> {
    working++;
    for (let next = take(); next !== undefined; next = take()) {
      const [key, verdict] = next;
      const waitMs = await write(key, verdict);
      inFlight.delete(key);
      if (waitMs === undefined) continue;
      // To the end of the queue, so that an object which can't be written does not hold up the others.
      if (!pending.has(key)) pending.set(key, verdict);
      await rest(waitMs, signal);
    }
    working--;
  }

  function take(): [string, Verdict] | undefined {
    if (signal.aborted) return undefined;
    for (const entry of pending) {
      const [key, verdict] = entry;
      if (inFlight.has(key)) continue;
      pending.delete(key);
      const known = live.get(key);
      if (known === undefined || isCurrent(known.status, verdict)) continue;
      inFlight.add(key);
      return entry;
    }
    return undefined;
  }

  /** @returns undefined if this is done with, or for how many milliseconds to wait before it is tried again */
  async function write(key: string, verdict: Verdict): Promise<number | undefined> {
    const known = live.get(key);
    if (known === undefined) return undefined;
    let asked = 0;
    try {
      const { status, retryAfterSeconds, body } = await apply(verdict, known);
      if (status < 300) learn(key, body as KubeObject);
      if (status < 300 || status === 404) {
        failures = 0;
        return undefined;
      }
      // 409: the object has changed, or is another one by now, of which the watch is about to tell.
      if (status !== 409) onError(verdict.id, `its status was refused with ${status}: ${(body as { message?: string } | undefined)?.message ?? ''}`);
      if (status === 400 || status === 422) return undefined;
      asked = (retryAfterSeconds ?? 0) * 1000;
    } catch (error) {
      if (!signal.aborted) onError(verdict.id, `its status could not be written: ${(error as Error).message}`);
    }
    const [first, most] = retry;
    return Math.max(asked, Math.min(most, first * 2 ** Math.min(failures++, 10)));
  }

  /**
   * To the object as it is known only, so that one of the same name which was made meanwhile does not get this one's status.
   * (Its uid would not help: the API server does not look at it when the status of a custom resource is applied.)
   */
  function apply({ id, ...verdict }: Verdict, { resourceVersion, status }: Live) {
    const { kind, namespace, name } = id;
    const metadata = { name, ...(namespace === '' ? {} : { namespace }), resourceVersion };
    const body = { apiVersion, kind, metadata, status: statusOf(verdict, status, now()) };
    const query = { fieldManager, force: 'true' };
    return api.request({ method: 'PATCH', path: `${objectPath(id)}/status`, query, body, contentType: 'application/apply-patch+yaml', timeoutMs: 10_000, signal });
  }

  /** Takes the answer to a write, unless the watch has told of something newer by now. */
  function learn(key: string, written: KubeObject): void {
    const known = live.get(key);
    if (known?.uid === written.metadata.uid && !isOlder(written.metadata.resourceVersion, known.resourceVersion)) live.set(key, liveOf(written));
  }

  return {
    observe: (id, object) => {
      const key = keyOf(id);
      const known = live.get(key);
      if (object === undefined) live.delete(key);
      else if (known?.uid !== object.metadata.uid || !isOlder(object.metadata.resourceVersion, known.resourceVersion)) live.set(key, liveOf(object));
    },
    want: (verdicts) => {
      for (const verdict of verdicts) pending.set(keyOf(verdict.id), verdict);
      for (let more = Math.min(writers - working, verdicts.length); more > 0; more--) {
        const run = work().finally(() => runs.delete(run));
        runs.add(run);
      }
    },
    idle: async () => {
      while (runs.size > 0) await Promise.all(runs);
    },
  };
}

const liveOf = ({ metadata: { uid, resourceVersion }, status }: KubeObject): Live => ({ uid, resourceVersion, status: (status ?? {}) as LiveStatus });

/** The path of an object of one of Cambio's kinds. */
export function objectPath({ kind, namespace, name }: ObjectId): string {
  const { plural } = kinds[kind];
  return `/apis/${group}/${version}/${namespace === '' ? '' : `namespaces/${namespace}/`}${plural}/${name}`;
}

/** Whether a status already says what a verdict says; times do not count. */
export function isCurrent(live: LiveStatus, verdict: Says): boolean {
  const { conditions = [], observedGeneration, ...fields } = live;
  if (observedGeneration !== verdict.generation) return false;
  if (conditions.length !== verdict.conditions.length) return false;
  if (JSON.stringify(sorted(fields)) !== JSON.stringify(sorted(verdict.fields))) return false;
  return verdict.conditions.every((wanted) =>
    conditions.some((is) => is.type === wanted.type && is.status === wanted.status && is.reason === wanted.reason && is.message === wanted.message),
  );
}

/** The status to apply. A condition that keeps its status keeps its lastTransitionTime (metav1.Condition). */
export function statusOf(verdict: Says, live: LiveStatus, now: number): LiveStatus {
  const conditions = verdict.conditions.map((condition): LiveCondition => {
    const before = live.conditions?.find(({ type }) => type === condition.type);
    const unchanged = before !== undefined && before.status === condition.status;
    const lastTransitionTime = unchanged ? before.lastTransitionTime : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    return { ...condition, lastTransitionTime, observedGeneration: verdict.generation };
  });
  return { ...verdict.fields, observedGeneration: verdict.generation, conditions };
}

const sorted = (object: object): [string, unknown][] => Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1));
