// Waits until something in some directories is touched, or until a time is over: not every file system tells.
import { watch, type FSWatcher } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

export type Alarm = {
  /** From now on these directories count, and no others. */
  watch: (dirs: readonly string[]) => void;
  /** Resolves when one of them is touched, when the time is over, or when it all ends. What happened since the last call counts. */
  next: (milliseconds: number) => Promise<void>;
};

/** Changes that belong together are often made one after the other: so long is waited for the rest, in milliseconds. */
const settle = 20;

/** Makes an alarm that ends, with all that it holds, when `signal` is aborted. */
export function createAlarm(signal: AbortSignal): Alarm {
  const watchers = new Map<string, FSWatcher>();
  let wake = new AbortController();
  signal.addEventListener('abort', () => closeAll(), { once: true });

  function closeAll(): void {
    for (const dir of watchers.keys()) close(dir);
  }

  function close(dir: string): void {
    watchers.get(dir)?.close();
    watchers.delete(dir);
  }

  function open(dir: string): void {
    try {
      const watcher = watch(dir, () => wake.abort());
      watcher.on('error', () => close(dir));
      watchers.set(dir, watcher);
    } catch {
      // Looking again after a while must do.
    }
  }

  return {
    watch: (dirs) => {
      if (signal.aborted) return;
      const wanted = new Set(dirs);
      for (const dir of watchers.keys()) if (!wanted.has(dir)) close(dir);
      for (const dir of wanted) if (!watchers.has(dir)) open(dir);
    },
    next: async (milliseconds) => {
      await wait(milliseconds, undefined, { signal: AbortSignal.any([signal, wake.signal]) }).catch(() => undefined);
      if (wake.signal.aborted) await wait(settle, undefined, { signal }).catch(() => undefined);
      wake = new AbortController();
    },
  };
}
