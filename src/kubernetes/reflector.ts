// A reflector: lists a collection, then watches it, for ever, and delivers what changed. It knows nothing of what it watches.
import type { ApiServer } from './api-server.ts';
import { describeFailure } from './describe-failure.ts';
import { linesOf } from './lines.ts';
import { listCollection } from './list-collection.ts';
import { pause, type Pause } from './pause.ts';

/** The members of an object that the reflector itself looks at. */
export type KubeObject = {
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string; generation?: number };
} & Record<string, unknown>;

/** An object that is there now, or the name of one that is gone. */
export type Delivery = { name: string; namespace: string; object: KubeObject | undefined };

export type ReflectorState = {
  /** The collection has been listed once. */
  synced: boolean;
  /** Why it does not follow the API server now; undefined while it does. */
  trouble: string | undefined;
};

export type ReflectorOptions = {
  api: ApiServer;
  /** The path of the collection, such as /apis/cambio.dev/v1alpha1/trustedissuers. */
  path: string;
  /** Which of its objects are meant, such as a labelSelector. Default: all. */
  query?: Readonly<Record<string, string>>;
  /**
   * Takes what changed. The first call has the whole collection, which may be empty. What it takes is gone through again
   * if it throws, so it must bear to see a change twice.
   */
  deliver: (deliveries: readonly Delivery[]) => void;
  onState?: (state: ReflectorState) => void;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  /** From 0 to below 1. */
  random: () => number;
  times?: ReflectorTimes;
  pause?: Pause;
};

export type ReflectorTimes = {
  listTimeout: number;
  watchSeconds: readonly [least: number, most: number];
  silence: number;
  relist: number;
  backoff: readonly [first: number, most: number];
};

/** The times of a reflector, in milliseconds where nothing else is said. */
export const reflectorTimes: ReflectorTimes = {
  listTimeout: 60_000,
  /** A watch is asked to end by itself after so many seconds, at random between these. */
  watchSeconds: [240, 480],
  /** A watch that is silent for so long is dead: bookmarks come each minute. */
  silence: 150_000,
  /** A full list from time to time, as a net below everything else. */
  relist: 600_000,
  /** After a failure, doubled with each in a row. A full list that failed is tried again after the longest. */
  backoff: [800, 30_000],
};

/** The API server no longer has the version that a watch was to start from: only a list can tell what was missed. */
class Gone extends Error {}

/** The API server answered, but not with what was asked for. */
class Refused extends Error {
  readonly retryAfterSeconds: number | undefined;
  constructor(message: string, retryAfterSeconds: number | undefined) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Runs until `signal` is aborted. Never rejects: whatever fails is tried again, later and later up to half a minute. */
export async function runReflector(options: ReflectorOptions, signal: AbortSignal): Promise<void> {
  const { api, path, query: selection = {}, deliver, monotonic, random, times = reflectorTimes, pause: rest = pause } = options;
  /** What was delivered: uid and resourceVersion of each object by its name. */
  const known = new Map<string, string>();
  let state: ReflectorState = { synced: false, trouble: 'not listed yet' };
  let synced = false;
  let failures = 0;
  /** Where the next watch starts; undefined if only a list can tell what was missed. */
  let version: string | undefined;
  /** When the next list is due. If it fails, the watch goes on where it was all the same. */
  let listAt = 0;

  while (!signal.aborted) {
    try {
      await watch(version === undefined ? await list() : await listIfDue(version));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Gone) version = undefined;
      if (!isCut(error)) listAt = 0;
      setState({ synced, trouble: describeFailure(error) });
      await backOff(error);
    }
  }

  /** Lists where that is due. @returns where the watch starts: if the list fails, where it was */
  async function listIfDue(from: string): Promise<string> {
    if (monotonic() < listAt) return from;
    try {
      return await list();
    } catch (error) {
      // What was listed and not delivered is newer than `from`: the watch would tell the past after it.
      if (signal.aborted || version === undefined) throw error;
      listAt = monotonic() + times.backoff[1] + askedPause(error);
      setState({ synced, trouble: describeFailure(error) });
      return from;
    }
  }

  async function list(): Promise<string> {
    const listed = await listCollection<KubeObject>(api, path, { query: selection, timeoutMs: times.listTimeout, signal });
    if (listed.refusal !== undefined) {
      const { status, retryAfterSeconds } = listed.refusal;
      throw new Refused(status === 410 ? 'the list has expired' : `the list was answered with ${status}`, retryAfterSeconds);
    }
    const items = new Map(listed.items.map((object) => [nameOf(object), deliveryOf(object)]));
    const gone = [...known.keys()].filter((name) => !items.has(name));
    const changed = [...items].filter(([name, { object }]) => object !== undefined && known.get(name) !== versionOf(object));
    const deliveries = [...gone.map(goneDelivery), ...changed.map(([, delivery]) => delivery)];
    version = undefined;
    if (deliveries.length > 0 || !synced) hand(deliveries);
    synced = true;
    listAt = monotonic() + times.relist;
    version = listed.resourceVersion;
    return version;
  }

  /** Follows the collection from a version until the watch ends by itself, and keeps in `version` how far it came. */
  async function watch(from: string): Promise<void> {
    const [least, most] = times.watchSeconds;
    const query = {
      ...selection,
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: String(Math.floor(least + random() * (most - least))),
    };
    const end = new AbortController();
    const silence = setTimeout(() => end.abort(new Error('the watch was silent for too long')), times.silence);
    const startedAt = monotonic();
    const wasGood = (): boolean => version !== from || monotonic() - startedAt > times.backoff[1];
    try {
      const stream = await api.stream(path, query, AbortSignal.any([signal, end.signal]));
      if (stream.status === 410) throw new Gone('the version to watch from is gone');
      if (stream.status !== 200) throw new Refused(`the watch was answered with ${stream.status}`, stream.retryAfterSeconds);
      setState({ synced, trouble: undefined });
      for await (const lines of linesOf(stream.body)) {
        silence.refresh();
        follow(lines, version ?? from);
      }
      // Without this a server that ends each watch at once would be asked again at once, for ever.
      if (!wasGood()) throw new Error('the watch ended at once');
    } finally {
      clearTimeout(silence);
      end.abort();
      if (wasGood()) failures = 0;
    }
  }

  /** Delivers the events of some lines. */
  function follow(lines: readonly string[], from: string): void {
    const deliveries: Delivery[] = [];
    let reached = from;
    try {
      for (const line of lines) {
        const { type, object } = JSON.parse(line) as { type: string; object: KubeObject & { code?: number; message?: string } };
        if (type === 'ERROR') throw object.code === 410 ? new Gone('the watch has expired') : new Refused(`the watch failed: ${object.code ?? '?'} ${object.message ?? ''}`, undefined);
        const { resourceVersion } = object.metadata;
        if (isOlder(resourceVersion, reached)) throw new Refused('the watch went back in time', undefined);
        if (type === 'DELETED') deliveries.push(goneDelivery(nameOf(object)));
        else if (type !== 'BOOKMARK') deliveries.push(deliveryOf(object));
        reached = resourceVersion;
      }
    } finally {
      if (deliveries.length > 0) hand(deliveries);
      version = reached;
    }
  }

  function hand(deliveries: readonly Delivery[]): void {
    deliver(deliveries);
    // Only now: what could not be delivered is not known, and the next list or watch brings it again.
    for (const { namespace, name, object } of deliveries) {
      if (object === undefined) known.delete(`${namespace}/${name}`);
      else known.set(`${namespace}/${name}`, versionOf(object));
    }
  }

  function setState(next: ReflectorState): void {
    if (next.synced === state.synced && next.trouble === state.trouble) return;
    state = next;
    options.onState?.(next);
  }

  async function backOff(error: unknown): Promise<void> {
    const [first, most] = times.backoff;
    const ceiling = Math.min(most, first * 2 ** Math.min(failures++, 10));
    await rest(askedPause(error) + random() * ceiling, signal);
  }
}

/** How long the API server wants to be left alone, in milliseconds. */
const askedPause = (error: unknown): number => (error instanceof Refused ? (error.retryAfterSeconds ?? 0) * 1000 : 0);

/** After a cut connection nothing speaks against the version; after anything else a list is due. */
const isCut = (error: unknown): boolean =>
  !(error instanceof Gone || error instanceof Refused || error instanceof SyntaxError || error instanceof TypeError);

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;
/** Whether one resourceVersion was there before another. One that is not a number can't be told. */
export function isOlder(version: string, than: string): boolean {
  if (!/^[1-9]\d*$/.test(version) || !/^[1-9]\d*$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}

const versionOf = ({ metadata }: KubeObject): string => `${metadata.uid}/${metadata.resourceVersion}`;

function deliveryOf(object: KubeObject): Delivery {
  const { name, namespace = '' } = object.metadata;
  return { name, namespace, object };
}

function goneDelivery(key: string): Delivery {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1), object: undefined };
}
