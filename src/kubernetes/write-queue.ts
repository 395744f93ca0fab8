// The order of writes: what is urgent before what is not, the oldest first, and nothing before its time.

export type WriteQueue<T> = {
  /** Puts an item in, or changes when it comes. One that waits already keeps its place among those as urgent as it is. */
  put: (item: T, urgent: boolean, notBefore?: number) => void;
  /** The next item whose time has come. */
  take: (now: number) => T | undefined;
  /** When there may be something to take; undefined where nothing waits. */
  readyAt: () => number | undefined;
  remove: (item: T) => void;
  clear: () => void;
};

/** How often those that rest are looked through at most, in milliseconds: there may be many. */
const lookEvery = 100;

/** Makes an empty queue. Times are of a clock that never jumps, in milliseconds. */
export function createWriteQueue<T>(): WriteQueue<T> {
  const urgents = new Set<T>();
  const others = new Set<T>();
  const resting = new Map<T, { urgent: boolean; notBefore: number }>();
  let lookAt = Infinity;

  function remove(item: T): void {
    urgents.delete(item);
    others.delete(item);
    resting.delete(item);
  }

  function put(item: T, urgent: boolean, notBefore = -Infinity): void {
    const lane = urgent ? urgents : others;
    if (notBefore === -Infinity && lane.has(item)) return;
    remove(item);
    if (notBefore === -Infinity) lane.add(item);
    else {
      resting.set(item, { urgent, notBefore });
      lookAt = Math.min(lookAt, notBefore);
    }
  }

  function wakeResting(now: number): void {
    if (now < lookAt) return;
    let next = Infinity;
    for (const [item, { urgent, notBefore }] of resting) {
      if (notBefore <= now) put(item, urgent);
      else next = Math.min(next, notBefore);
    }
    lookAt = Math.max(next, now + lookEvery);
  }

  return {
    put,
    take: (now) => {
      wakeResting(now);
      for (const lane of [urgents, others]) {
        for (const item of lane) {
          lane.delete(item);
          return item;
        }
      }
      return undefined;
    },
    readyAt: () => {
      if (urgents.size + others.size > 0) return -Infinity;
      return resting.size > 0 ? lookAt : undefined;
    },
    remove,
    clear: () => {
      for (const waiting of [urgents, others, resting]) waiting.clear();
    },
  };
}
