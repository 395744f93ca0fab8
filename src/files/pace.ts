// Long work in short turns: requests are answered in between, and the end of the process ends it.
import { setImmediate as nextTurn } from 'node:timers/promises';

export type Pace = {
  /** Resolves at once, or after others have had their turn. Rejects when it all ends. */
  giveWay: () => Promise<void>;
  ended: () => boolean;
};

/** For so long, in milliseconds, others wait at most. */
const turn = 5;

/** Makes a pace. `monotonic` is in milliseconds. */
export function createPace(monotonic: () => number, signal: AbortSignal): Pace {
  let since = monotonic();
  return {
    giveWay: async () => {
      if (monotonic() - since < turn) return;
      await nextTurn();
      signal.throwIfAborted();
      since = monotonic();
    },
    ended: () => signal.aborted,
  };
}
