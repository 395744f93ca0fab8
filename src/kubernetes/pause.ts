// A pause between two tries, which the end of the process cuts short.
import { setTimeout as wait } from 'node:timers/promises';

/** Resolves after so many milliseconds, or as soon as `signal` is aborted. */
export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

export const pause: Pause = (milliseconds, signal) => wait(milliseconds, undefined, { signal }).catch(() => undefined);
