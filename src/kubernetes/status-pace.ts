// How often status may be written: for one object, and for all of them together.

/** Times in milliseconds. */
export const statusBounds = {
  /** Writes in flight at once. */
  inFlight: 4,
  /** Writes a second, of all objects, as many as a thousand kubelets' heartbeats; and how many may come at once after a quiet time. */
  perSecond: 100,
  burst: 100,
  /** The least between two writes of one object. */
  rest: 100,
  /** Writes of one object that no edit of it caused: so many at once, and then one in so much time. */
  changes: 20,
  refill: 120_000,
  /** For so long an object that was edited may wait for what it refers to, which is often applied together with it, before it is told to lack something. */
  settle: 2_000,
  /** For one write. */
  timeout: 10_000,
  /**
   * How long a writer rests after a write that failed: it doubles with each failure in a row, up to the second. As long
   * rests an object after a conflict, since only the watch can tell what has become of it.
   */
  retry: 500,
  longestRetry: 30_000,
} as const;

/** When an object was written last, which generation of it, and how many writes it had left then. */
export type WritePace = { generation: number; writtenAt: number; left: number };

/** The pace after a write. An edit is paced by whoever edits; only what comes about otherwise, again and again, is slowed down. */
export function paceAfter(before: WritePace | undefined, generation: number, at: number): WritePace {
  const { changes, refill } = statusBounds;
  const left = before?.generation === generation ? Math.min(changes, before.left + (at - before.writtenAt) / refill) : changes;
  return { generation, writtenAt: at, left: left - 1 };
}

/** When the object may be written again, with a verdict on this generation. */
export function dueAt(pace: WritePace | undefined, generation: number): number {
  if (pace === undefined) return -Infinity;
  const { rest, refill } = statusBounds;
  return pace.writtenAt + (pace.generation === generation ? Math.max(rest, Math.ceil((1 - pace.left) * refill)) : rest);
}

/** How long to rest after so many failures in a row, in milliseconds. */
export function restAfter(failures: number): number {
  const { retry, longestRetry } = statusBounds;
  return Math.min(longestRetry, retry * 2 ** Math.max(0, failures - 1));
}

export type Budget = {
  /** How long to wait until one more is allowed, in milliseconds. */
  waitMs: () => number;
  spend: () => void;
};

/** A token bucket that is full at first. */
export function createBudget({ perSecond, burst }: { perSecond: number; burst: number }, monotonic: () => number): Budget {
  let left = burst;
  let at = monotonic();
  function refill(): void {
    const now = monotonic();
    left = Math.min(burst, left + ((now - at) * perSecond) / 1000);
    at = now;
  }
  return {
    waitMs: () => {
      refill();
      return left >= 1 ? 0 : Math.ceil(((1 - left) * 1000) / perSecond);
    },
    spend: () => {
      left--;
    },
  };
}
