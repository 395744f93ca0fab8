// Time that a test turns itself: what is due happens in its order, and all that follows from it, before the next.
import { setImmediate as turn } from 'node:timers/promises';
import type { Pause } from '../../src/kubernetes/pause.ts';

export type VirtualTime = {
  /** Milliseconds since the beginning. */
  now: () => number;
  /** Calls something later. */
  after: (milliseconds: number, call: () => void) => void;
  pause: Pause;
  /** Lets so much time pass. `check` is called after everything that happened. */
  pass: (milliseconds: number, check?: () => void) => Promise<void>;
};

export function createVirtualTime(): VirtualTime {
  let time = 0;
  let count = 0;
  const due: { at: number; order: number; call: () => void }[] = [];

  function after(milliseconds: number, call: () => void): void {
    const entry = { at: time + Math.max(0, milliseconds), order: count++, call };
    const index = due.findIndex((other) => other.at > entry.at);
    due.splice(index === -1 ? due.length : index, 0, entry);
  }

  return {
    now: () => time,
    after,
    pause: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) resolve();
        else {
          signal.addEventListener('abort', () => resolve(), { once: true });
          after(milliseconds, resolve);
        }
      }),
    pass: async (milliseconds, check) => {
      const end = time + milliseconds;
      await turn();
      check?.();
      for (let next = due[0]; next !== undefined && next.at <= end; next = due[0]) {
        due.shift();
        time = next.at;
        next.call();
        await turn(); // all promises that can go on have gone on then
        check?.();
      }
      time = end;
    },
  };
}
