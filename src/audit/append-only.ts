// Text that is in a file, or in a pipe, when the call returns: whole, or the call throws and nothing of it comes later.
import { openSync, writeSync } from 'node:fs';

/** Writes a text. Throws if it can't be written whole; what of it was written then ends in a line of its own. */
export type Append = (text: string) => void;

/** How long to wait, in milliseconds, before a pipe that is full is tried again. */
const pauseWhileFull = 10;

const stdout = 1;

/** Appends to a file, which is made for its own account only, or to `stdout`. Throws if it can't be opened. */
export function openAppender(destination: string): Append {
  const descriptor = destination === 'stdout' ? stdout : openSync(destination, 'a', 0o600);
  return appendBy((bytes, from) => {
    try {
      return writeSync(descriptor, bytes, from);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseWhileFull);
      return 0;
    }
  });
}

/** @param writeSome writes bytes from a place on, and says how many, or throws */
export function appendBy(writeSome: (bytes: Uint8Array, from: number) => number): Append {
  /** The last text was written in part: the next one must not go on from there. */
  let torn = false;
  return (text) => {
    const bytes = Buffer.from(torn ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSome(bytes, written);
      torn = false;
    } catch (error) {
      torn ||= written > 0;
      throw error;
    }
  };
}
