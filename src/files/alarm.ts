// Waits until something in some directories is touched, or until a time is over: not every file system tells.
import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export type Alarm = {
  /** From now on these directories count, and no others. One that did not count before counts as touched: what happened there until now was not told. */
  watch: (dirs: readonly string[]) => Promise<void>;
  /** Resolves when one of them is touched, when the time is over, or when it all ends. What happened since the last call counts. */
  next: (milliseconds: number) => Promise<void>;
};

/** A directory that counts. Its name may come to stand for another one. */
type Watched = { identity: string; watcher: FSWatcher };

/** Changes that belong together are often made one after the other: so long is waited for the rest, in milliseconds. */
const settle = 20;

/** So often, in milliseconds, it is asked whether a name still stands for the same directory. Nobody tells of a link on its path that is swapped. */
export const glance = 400;

/** Makes an alarm that ends, with all that it holds, when `signal` is aborted. */
export function createAlarm(signal: AbortSignal): Alarm {
  const watched = new Map<string, Watched>();
  /** Those that are in none of the others. Of these nobody tells when another one takes their place. */
  let outermost: readonly string[] = [];
  let wake = new AbortController();
  signal.addEventListener('abort', () => closeAll(), { once: true });

  function closeAll(): void {
    for (const dir of watched.keys()) close(dir);
  }

  function close(dir: string): void {
    watched.get(dir)?.watcher.close();
    watched.delete(dir);
  }

  function open(dir: string, identity: string): void {
    try {
      const watcher = watch(dir, () => wake.abort());
      watcher.on('error', () => watcher.close());
      watched.set(dir, { identity, watcher });
      wake.abort();
    } catch {
      // Looking again after a while must do, as it must where a watcher fails later.
    }
  }

  async function isOneReplaced(): Promise<boolean> {
    for (const dir of outermost) {
      const known = watched.get(dir);
      if (known !== undefined && known.identity !== (await identityOf(dir))) return true;
    }
    return false;
  }

  return {
    watch: async (dirs) => {
      const wanted = new Set(dirs);
      const places = new Set(dirs.map((dir) => resolve(dir)));
      outermost = dirs.filter((dir) => !places.has(resolve(dir, '..')));
      for (const dir of watched.keys()) if (!wanted.has(dir)) close(dir);
      for (const dir of wanted) {
        // Asked before it is opened: if it is replaced in between, that shows the next time.
        const identity = await identityOf(dir);
        if (signal.aborted) return;
        if (watched.get(dir)?.identity === identity) continue;
        close(dir);
        if (identity !== undefined) open(dir, identity);
      }
    },
    next: async (milliseconds) => {
      const end = AbortSignal.any([signal, wake.signal]);
      for (let left = milliseconds; left > 0 && !end.aborted; left -= glance) {
        await wait(Math.min(left, glance), undefined, { signal: end }).catch(() => undefined);
        if (await isOneReplaced()) break;
      }
      if (wake.signal.aborted) await wait(settle, undefined, { signal }).catch(() => undefined);
      wake = new AbortController();
    },
  };
}

/** Tells a directory from another one of the same name, also from one that was made when it was gone: that may have its inode. */
async function identityOf(dir: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(dir, { bigint: true });
    return [dev, ino, birthtimeNs].join();
  } catch {
    return undefined;
  }
}
