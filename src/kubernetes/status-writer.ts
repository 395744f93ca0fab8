// Writes verdicts into the status of objects by server-side apply: by the leader, only where the facts have changed, and not too often.
import { apiVersion } from '../manifests/kinds.ts';
import type { ObjectId } from '../manifests/read-object.ts';
import { keyOf, type Verdict } from '../policy/policy-store.ts';
import type { ApiResponse, ApiServer } from './api-server.ts';
import { describeFailure } from './describe-failure.ts';
import { isCurrent, isNewer, isRedated, removalOf, statusOf, type LiveStatus } from './live-status.ts';
import { objectPath } from './object-path.ts';
import { pause, type Pause } from './pause.ts';
import { isOlder, type KubeObject } from './reflector.ts';
import { createBudget, dueAt, paceAfter, restAfter, statusBounds, type WritePace } from './status-pace.ts';
import { createWriteQueue } from './write-queue.ts';

/** What is known of an object that is there. */
type Live = { uid: string; resourceVersion: string; status: LiveStatus };

/** An object that is there, and what its status shall say. */
type Entry = {
  id: ObjectId;
  live: Live;
  wanted: Verdict | undefined;
  /** When a verdict on this generation was wanted first. */
  wantedAt: number;
  /** What the verdict dates has changed, and not only been seen again by a new process. */
  redated: boolean;
  pace: WritePace | undefined;
  /** Conflicts since something new was learned of the object, and when the last one was. */
  conflicts: { count: number; at: number };
  writing: boolean;
};

export type StatusWriter = {
  /** What the API server has of an object now; undefined when it is gone. Comes before the verdict on it. */
  observe: (id: ObjectId, object: KubeObject | undefined) => void;
  /** What the status shall say. The last verdict on an object counts; one on an object that is not there counts for nothing. */
  want: (verdicts: readonly Verdict[]) => void;
  /** Goes through everything that was wanted so far: to be called when this process begins to lead. */
  begin: () => void;
  /** Resolves when nothing is left to write. */
  idle: () => Promise<void>;
};

export type StatusWriterOptions = {
  api: Pick<ApiServer, 'request'>;
  /** Milliseconds since the epoch, for lastTransitionTime. */
  now: () => number;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  /** For how many more milliseconds this process leads; 0 if it does not, and then nothing is written. */
  leadsFor: () => number;
  /** Told what a status said before it was written. */
  onWritten?: (verdict: Verdict, uid: string, before: LiveStatus) => void;
  onError: (id: ObjectId, message: string) => void;
  signal: AbortSignal;
  pause?: Pause;
};

export const fieldManager = 'cambio';

/** How many objects are looked at before other work of the process has its turn. */
const mostLooks = 1000;

/** Makes a status writer. It writes in the background until `signal` is aborted. */
export function createStatusWriter({ api, now, monotonic, leadsFor, onWritten, onError, signal, pause: rest = pause }: StatusWriterOptions): StatusWriter {
  const entries = new Map<string, Entry>();
  const queue = createWriteQueue<Entry>();
  const budget = createBudget(statusBounds, monotonic);
  let running: Promise<void> | undefined;
  let wake = (): void => undefined;
  let writing = 0;
  let failures = 0;
  signal.addEventListener('abort', () => wake(), { once: true });

  /** Lets an entry be looked at. What is not queued now, since another process leads, is when this one begins to. */
  function enqueue(entry: Entry): void {
    if (entry.wanted === undefined || entry.writing || leadsFor() <= 0) return;
    queue.put(entry, isEdited(entry));
    running ??= run();
    wake();
  }

  async function run(): Promise<void> {
    await Promise.resolve(); // what is told in one go is looked at together
    for (let waitMs = startWrites(); waitMs !== undefined; waitMs = startWrites()) {
      const turn = new AbortController();
      wake = () => turn.abort();
      if (waitMs === Infinity) await new Promise((resolve) => turn.signal.addEventListener('abort', resolve, { once: true }));
      else await rest(waitMs, turn.signal);
    }
    running = undefined;
  }

  /** Starts what may be started. @returns after how many milliseconds there may be more; undefined if nothing is left */
  function startWrites(): number | undefined {
    if (signal.aborted || leadsFor() <= 0) queue.clear();
    for (let looks = 0; writing < statusBounds.inFlight && budget.waitMs() === 0; looks++) {
      if (looks === mostLooks) return 0;
      const at = monotonic();
      const entry = queue.take(at);
      if (entry === undefined) break;
      if (entry.wanted === undefined || saysIt(entry, entry.wanted)) continue;
      const due = dueOf(entry, entry.wanted);
      if (due > at) queue.put(entry, isEdited(entry), due);
      else void writeOut(entry, entry.wanted);
    }
    const readyAt = queue.readyAt();
    if (readyAt === undefined) return writing > 0 ? Infinity : undefined;
    return writing === statusBounds.inFlight ? Infinity : Math.max(0, readyAt - monotonic(), budget.waitMs());
  }

  function dueOf({ pace, conflicts, wantedAt, live }: Entry, wanted: Verdict): number {
    const settled = lacksOthers(wanted) && live.status.observedGeneration !== wanted.generation ? wantedAt + statusBounds.settle : -Infinity;
    return Math.max(dueAt(pace, wanted.generation), conflicts.at + restAfter(conflicts.count), settled);
  }

  async function writeOut(entry: Entry, verdict: Verdict): Promise<void> {
    entry.writing = true;
    writing++;
    budget.spend();
    const outcome = await write(entry, verdict);
    // Who failed keeps its place among the writers while it rests: if all fail, all rest.
    if (typeof outcome === 'number') await rest(outcome, signal);
    writing--;
    entry.writing = false;
    const isThere = entries.get(keyOf(entry.id)) === entry;
    if (isThere && (outcome !== 'done' || entry.wanted !== verdict)) enqueue(entry);
    wake();
  }

  /** @returns `again` if the object is not what it was, or for how many milliseconds to rest after a failure */
  async function write(entry: Entry, verdict: Verdict): Promise<'done' | 'again' | number> {
    const { uid, resourceVersion, status: before } = entry.live;
    let asked = 0;
    if (leadsFor() <= 0) return 'done'; // until it leads again
    try {
      const { status, retryAfterSeconds, body } = await apply(verdict, entry.live);
      if (status < 300) {
        failures = 0;
        entry.pace = paceAfter(entry.pace, verdict.generation, monotonic());
        entry.redated = false;
        const written = body as KubeObject;
        if (written.metadata.resourceVersion !== resourceVersion) onWritten?.(verdict, uid, before);
        return learn(entry, written) ? 'done' : 'again';
      }
      if (status === 404) return 'done';
      if (status === 409) {
        // The object has changed, or is another one by now, of which the watch is about to tell.
        entry.conflicts = { count: entry.conflicts.count + 1, at: monotonic() };
        return 'again';
      }
      onError(verdict.id, `its status was refused with ${status}: ${(body as { message?: string } | undefined)?.message ?? ''}`);
      if (status === 400 || status === 422) return 'done';
      asked = (retryAfterSeconds ?? 0) * 1000;
    } catch (error) {
      if (!signal.aborted) onError(verdict.id, `its status could not be written: ${describeFailure(error)}`);
    }
    return Math.max(asked, restAfter(++failures));
  }

  /**
   * To the object as it is known only, so that one of the same name which was made meanwhile does not get this one's status.
   * (Its uid would not help: the API server does not look at it when the status of a custom resource is applied.)
   */
  async function apply({ id, ...verdict }: Verdict, { resourceVersion, status }: Live): Promise<ApiResponse> {
    const { kind, namespace, name } = id;
    const metadata = { name, ...(namespace === '' ? {} : { namespace }), resourceVersion };
    const body = { apiVersion, kind, metadata, status: statusOf(verdict, status, now()) };
    const response = await patch(id, 'application/apply-patch+yaml', { fieldManager, force: 'true' }, body);
    if (response.status >= 300) return response;
    // Applying takes away only what no other manager has set as well.
    const written = response.body as KubeObject;
    const removal = removalOf((written['status'] ?? {}) as LiveStatus, verdict);
    if (removal === undefined) return response;
    return patch(id, 'application/merge-patch+json', { fieldManager }, { metadata: { resourceVersion: written.metadata.resourceVersion }, status: removal });
  }

  function patch(id: ObjectId, contentType: string, query: Record<string, string>, body: object): Promise<ApiResponse> {
    const timeoutMs = Math.max(1, Math.floor(Math.min(statusBounds.timeout, leadsFor())));
    return api.request({ method: 'PATCH', path: `${objectPath(id)}/status`, query, body, contentType, timeoutMs, signal });
  }

  return {
    observe: (id, object) => {
      const key = keyOf(id);
      const entry = entries.get(key);
      if (entry !== undefined && object?.metadata.uid === entry.live.uid) {
        const isNew = object.metadata.resourceVersion !== entry.live.resourceVersion;
        // Somebody else may have written into the status.
        if (learn(entry, object) && isNew) enqueue(entry);
        return;
      }
      if (entry !== undefined) queue.remove(entry);
      if (object === undefined) entries.delete(key);
      else entries.set(key, entryOf(id, object));
    },
    want: (verdicts) => {
      for (const verdict of verdicts) {
        const entry = entries.get(keyOf(verdict.id));
        if (entry === undefined) continue;
        if (entry.wanted?.generation !== verdict.generation) entry.wantedAt = monotonic();
        entry.redated ||= entry.wanted !== undefined && isRedated(entry.wanted, verdict);
        entry.wanted = verdict;
        enqueue(entry);
      }
    },
    begin: () => {
      for (const entry of entries.values()) enqueue(entry);
    },
    idle: async () => {
      for (let last = running; last !== undefined; last = running) await last;
    },
  };
}

const entryOf = (id: ObjectId, object: KubeObject): Entry => ({
  id,
  live: liveOf(object),
  wanted: undefined,
  wantedAt: -Infinity,
  redated: false,
  pace: undefined,
  conflicts: { count: 0, at: -Infinity },
  writing: false,
});

const liveOf = ({ metadata: { uid, resourceVersion }, status }: KubeObject): Live => ({ uid, resourceVersion, status: (status ?? {}) as LiveStatus });

/** Takes a state of the object, unless a newer one is known. @returns whether it was taken */
function learn(entry: Entry, object: KubeObject): boolean {
  const { uid, resourceVersion } = entry.live;
  if (object.metadata.uid !== uid || isOlder(object.metadata.resourceVersion, resourceVersion)) return false;
  if (object.metadata.resourceVersion !== resourceVersion) entry.conflicts.count = 0;
  entry.live = liveOf(object);
  return true;
}

/** Whether somebody has changed the object since its status was written. */
const isEdited = ({ live, wanted }: Entry): boolean => live.status.observedGeneration !== wanted?.generation;

const saysIt = ({ live, redated }: Entry, wanted: Verdict): boolean => isCurrent(live.status, wanted) && !(redated && isNewer(wanted, live.status));

/** Whether a verdict says that something is missing which the object refers to. */
const lacksOthers = ({ conditions }: Verdict): boolean => conditions.some(({ type, status }) => type === 'ResolvedRefs' && status === 'False');
