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
  /** It doubles with each write that no edit caused, up to this … */
  longestRest: 300_000,
  /** … and is as at first after so long without a write. */
  calm: 600_000,
  /** For so long an object that was edited may wait for what it refers to, which is often applied together with it, before it is told to lack something. */
  settle: 2_000,
  /** For one write. */
  timeout: 10_000,
  /** How long a writer rests after a write that failed: it doubles with each failure in a row, up to the second. */
  retry: 500,
  longestRetry: 30_000,
} as const;

/** When an object was written last, which generation of it, and how long it rests after that. */
export type Pace = { generation: number; writtenAt: number; rest: number };

/** The pace after a write. An edit is paced by whoever edits; only what comes about by itself, again and again, is slowed down. */
export function paceAfter(before: Pace | undefined, generation: number, at: number): Pace {
  const fresh = before === undefined || before.generation !== generation || at - before.writtenAt >= statusBounds.calm;
  return { generation, writtenAt: at, rest: fresh ? statusBounds.rest : Math.min(statusBounds.longestRest, before.rest * 2) };
}

/** When the object may be written again, with a verdict on this generation. */
export function dueAt(pace: Pace | undefined, generation: number): number {
  if (pace === undefined) return -Infinity;
  return pace.writtenAt + (pace.generation === generation ? pace.rest : statusBounds.rest);
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
