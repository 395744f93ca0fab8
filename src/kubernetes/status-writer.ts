// Writes verdicts into the status of objects by server-side apply, and only where the facts have changed.
import { setTimeout as wait } from 'node:timers/promises';
import { apiVersion, group, kinds, version } from '../manifests/kinds.ts';
import type { ObjectId } from '../manifests/read-object.ts';
import { keyOf, type Verdict } from '../policy/policy-store.ts';
import type { ApiServer } from './api-server.ts';
import type { KubeObject } from './reflector.ts';

/** A condition as it stands in an object (metav1.Condition). */
type LiveCondition = { type: string; status: string; reason: string; message: string; lastTransitionTime: string; observedGeneration?: number };
type LiveStatus = { observedGeneration?: number; conditions?: LiveCondition[] } & Record<string, unknown>;

export type StatusWriter = {
  /** What the API server has of an object now; undefined when it is gone. */
  observe: (id: ObjectId, object: KubeObject | undefined) => void;
  /** What the status shall say. The last verdict on an object counts. */
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
};

/** Writes in flight at once. */
const writers = 4;
/** The wait after a write that failed, in milliseconds; it doubles with each further one, up to the second number. */
const retry = [500, 30_000] as const;
export const fieldManager = 'cambio';

/** Makes a status writer. It writes in the background until `signal` is aborted. */
export function createStatusWriter({ api, now, onError, signal }: StatusWriterOptions): StatusWriter {
  const live = new Map<string, LiveStatus>();
  const pending = new Map<string, Verdict>();
  const running = new Set<Promise<void>>();
  const busy = new Set<string>();

  function fill(): void {
    for (const [key, verdict] of pending) {
      if (running.size >= writers || signal.aborted) return;
      if (busy.has(key)) continue;
      pending.delete(key);
      busy.add(key);
      const run = write(key, verdict).finally(() => {
        busy.delete(key);
        running.delete(run);
        fill();
      });
      running.add(run);
    }
  }

  async function write(key: string, verdict: Verdict): Promise<void> {
    for (let attempt = 0; !signal.aborted && !pending.has(key); attempt++) {
      const known = live.get(key);
      if (known === undefined || isCurrent(known, verdict)) return;
      try {
        const { status, body } = await apply(verdict, statusOf(verdict, known, now()));
        if (status === 200 || status === 201) live.set(key, (body as { status?: LiveStatus }).status ?? {});
        if (status < 300 || status === 404 || status === 409) return;
        onError(verdict.id, `its status was refused with ${status}: ${(body as { message?: string } | undefined)?.message ?? ''}`);
        if (status === 422) return;
      } catch (error) {
        if (!signal.aborted) onError(verdict.id, `its status could not be written: ${(error as Error).message}`);
      }
      await wait(Math.min(retry[1], retry[0] * 2 ** attempt), undefined, { signal }).catch(() => undefined);
    }
  }

  function apply({ id }: Verdict, status: LiveStatus) {
    const { kind, namespace, name } = id;
    const body = { apiVersion, kind, metadata: { name, ...(namespace === '' ? {} : { namespace }) }, status };
    const query = { fieldManager, force: 'true' };
    return api.request({ method: 'PATCH', path: `${objectPath(id)}/status`, query, body, contentType: 'application/apply-patch+yaml', timeoutMs: 10_000 });
  }

  return {
    observe: (id, object) => {
      if (object === undefined) live.delete(keyOf(id));
      else live.set(keyOf(id), (object['status'] ?? {}) as LiveStatus);
    },
    want: (verdicts) => {
      for (const verdict of verdicts) pending.set(keyOf(verdict.id), verdict);
      fill();
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** The path of an object of one of Cambio's kinds. */
export function objectPath({ kind, namespace, name }: ObjectId): string {
  const { plural } = kinds[kind];
  return `/apis/${group}/${version}/${namespace === '' ? '' : `namespaces/${namespace}/`}${plural}/${name}`;
}

/** Whether a status already says what a verdict says; times do not count. */
export function isCurrent(live: LiveStatus, verdict: Verdict): boolean {
  const { conditions = [], observedGeneration, ...fields } = live;
  if (observedGeneration !== verdict.generation) return false;
  if (conditions.length !== verdict.conditions.length) return false;
  if (JSON.stringify(sorted(fields)) !== JSON.stringify(sorted(verdict.fields))) return false;
  return verdict.conditions.every((wanted) =>
    conditions.some((is) => is.type === wanted.type && is.status === wanted.status && is.reason === wanted.reason && is.message === wanted.message),
  );
}

/** The status to apply. A condition that keeps its status keeps its lastTransitionTime (metav1.Condition). */
export function statusOf(verdict: Verdict, live: LiveStatus, now: number): LiveStatus {
  const conditions = verdict.conditions.map((condition): LiveCondition => {
    const before = live.conditions?.find(({ type }) => type === condition.type);
    const unchanged = before !== undefined && before.status === condition.status;
    const lastTransitionTime = unchanged ? before.lastTransitionTime : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    return { ...condition, lastTransitionTime, observedGeneration: verdict.generation };
  });
  return { ...verdict.fields, observedGeneration: verdict.generation, conditions };
}

const sorted = (object: object): [string, unknown][] => Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1));
