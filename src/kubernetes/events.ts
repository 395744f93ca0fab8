// Events (events.k8s.io/v1) on what has become of an object: told beside its status, for `kubectl describe`.
import { LRUCache } from 'lru-cache';
import { apiVersion } from '../manifests/kinds.ts';
import type { ObjectId } from '../manifests/read-object.ts';
import type { ConditionType } from '../policy/conditions.ts';
import type { Verdict } from '../policy/policy-store.ts';
import type { ApiServer } from './api-server.ts';
import { describeFailure } from './describe-failure.ts';
import type { LiveStatus } from './live-status.ts';
import { pause, type Pause } from './pause.ts';
import { tellOnce } from './tell-once.ts';

/** A condition that is not what it was. */
export type Transition = { type: 'Normal' | 'Warning'; reason: string; note: string };

export const eventBounds = {
  /** Events a second. */
  perSecond: 10,
  /** How many wait for their turn; more are left out. The status has them all. */
  waiting: 100,
  /** The longest note, in bytes: the API server takes no more. */
  noteBytes: 1024,
  /** The same event on the same object within this time, in milliseconds, is counted in the one that is there. API servers keep events for an hour. */
  series: 3_600_000,
  /** How many events are remembered for that. */
  remembered: 1000,
} as const;

/** The conditions that events tell of, the more special ones first. */
const told: readonly ConditionType[] = ['Accepted', 'KeysAvailable', 'ExamplesPassed', 'Ready'];

/** Reasons of a condition that is False because somebody wants it so, or True with a reservation. */
const wantedReasons = new Set(['Suspended']);
const doubtfulReasons = new Set(['Stale', 'SharedKey']);

/** What a verdict tells that the status before it did not. That a new object is fine is told once, by Ready. */
export function transitionsOf(before: LiveStatus, { conditions }: Pick<Verdict, 'conditions'>): Transition[] {
  const transitions = told.flatMap((name) => {
    const now = conditions.find(({ type }) => type === name);
    const was = before.conditions?.find(({ type }) => type === name);
    if (now === undefined || (was?.status === now.status && was.reason === now.reason)) return [];
    if (was === undefined && now.status === 'True' && name !== 'Ready') return [];
    const isGood = (now.status === 'True' && !doubtfulReasons.has(now.reason)) || wantedReasons.has(now.reason);
    return [{ type: isGood ? ('Normal' as const) : ('Warning' as const), reason: now.reason, note: cutToBytes(now.message, eventBounds.noteBytes) }];
  });
  // Ready often says what the special condition has said already.
  return transitions.filter(({ note }, index) => transitions.findIndex((other) => other.note === note) === index);
}

export type EventWriterOptions = {
  api: Pick<ApiServer, 'request'>;
  /** Milliseconds since the epoch. */
  now: () => number;
  monotonic: () => number;
  /** Which process tells. */
  identity: string;
  /** 0 where this process does not lead: then nothing is told. */
  leadsFor: () => number;
  /** Told why events can't be written or are left out, once for each reason; undefined when that is over. */
  onTrouble: (trouble: string | undefined) => void;
  signal: AbortSignal;
  pause?: Pause;
};

export type EventWriter = {
  /** Tells of transitions of an object, soon or not at all. */
  tell: (id: ObjectId, uid: string, transitions: readonly Transition[]) => void;
  /** Resolves when nothing is left to tell. */
  idle: () => Promise<void>;
};

type Told = { namespace: string; name: string; count: number };

/** Makes a writer of events. What fails is not tried again: an event is a hint, and the status says the same. */
export function createEventWriter({ api, now, monotonic, identity, leadsFor, onTrouble, signal, pause: rest = pause }: EventWriterOptions): EventWriter {
  const waiting: { id: ObjectId; uid: string; transition: Transition }[] = [];
  const series = new LRUCache<string, Told>({ max: eventBounds.remembered, ttl: eventBounds.series, ttlResolution: 0, perf: { now: monotonic } });
  let running: Promise<void> | undefined;
  const report = tellOnce(onTrouble);

  async function run(): Promise<void> {
    await Promise.resolve();
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (signal.aborted || leadsFor() <= 0) continue;
      try {
        await write(next.id, next.uid, next.transition);
        if (waiting.length === 0) report(undefined);
      } catch (error) {
        if (!signal.aborted) report(`an event could not be written: ${describeFailure(error)}`);
      }
      await rest(1000 / eventBounds.perSecond, signal);
    }
    running = undefined;
  }

  async function write(id: ObjectId, uid: string, transition: Transition): Promise<void> {
    const key = JSON.stringify([uid, transition.type, transition.reason, transition.note]);
    const before = series.get(key);
    if (before !== undefined && (await repeat(before))) {
      before.count++;
      return;
    }
    const body = eventOf(id, uid, transition, { identity, eventTime: microTime(now()) });
    const { namespace } = body.metadata;
    const response = await api.request({ method: 'POST', path: pathOf(namespace), body, timeoutMs: 5_000, signal });
    const answer = response.body as { message?: string; metadata?: { name?: string } } | undefined;
    if (response.status >= 300) throw new Error(`create was refused with ${response.status}: ${answer?.message ?? ''}`);
    const name = answer?.metadata?.name;
    if (name !== undefined) series.set(key, { namespace, name, count: 1 });
  }

  /** Counts an event once more. @returns false if it is there no longer */
  async function repeat({ namespace, name, count }: Told): Promise<boolean> {
    const body = { series: { count: count + 1, lastObservedTime: microTime(now()) } };
    const { status, body: answer } = await api.request({ method: 'PATCH', path: `${pathOf(namespace)}/${name}`, body, contentType: 'application/merge-patch+json', timeoutMs: 5_000, signal });
    if (status >= 300 && status !== 404) throw new Error(`patch was refused with ${status}: ${(answer as { message?: string } | undefined)?.message ?? ''}`);
    return status < 300;
  }

  return {
    tell: (id, uid, transitions) => {
      for (const transition of transitions) {
        if (waiting.length < eventBounds.waiting) waiting.push({ id, uid, transition });
        else report('there are too many events at once: some are left out; the status of the objects says it all');
      }
      if (waiting.length > 0) running ??= run();
    },
    idle: async () => {
      for (let last = running; last !== undefined; last = running) await last;
    },
  };
}

/** The event itself. One on an object without a namespace is in `default`: the API server takes it nowhere else. */
export function eventOf(id: ObjectId, uid: string, { type, reason, note }: Transition, { identity, eventTime }: { identity: string; eventTime: string }) {
  const { kind, namespace, name } = id;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { generateName: `${name.slice(0, 50).replace(/[.-]+$/, '')}-`, namespace: namespace === '' ? 'default' : namespace },
    eventTime,
    type,
    reason,
    note,
    action: 'Reconcile',
    regarding: { apiVersion, kind, name, ...(namespace === '' ? {} : { namespace }), uid },
    reportingController: 'cambio.dev/cambio',
    reportingInstance: identity.slice(0, 128),
  };
}

const pathOf = (namespace: string): string => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;

/** As Kubernetes wants it (MicroTime): six digits after the second. */
const microTime = (milliseconds: number): string => new Date(milliseconds).toISOString().replace('Z', '000Z');

/** The beginning of a text, of so many bytes of UTF-8 at most, with nothing cut in two. */
function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - 3));
  return `${text.slice(0, read)}…`;
}
