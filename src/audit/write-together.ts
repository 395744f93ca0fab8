// Lines that come in one turn of the event loop are written together: one call of the system for many, and nobody goes on before his own is written.

/** Most lines that are written together: the first of them waits for the last. */
export const mostTogether = 16;

/**
 * Makes what writes lines. What it answers resolves when the line has been written, and rejects if it could not be.
 * Where lines come one by one each is written at once.
 * @param write writes text, or throws
 */
export function writeTogether(write: (text: string) => void): (line: string) => Promise<void> {
  let waiting = '';
  let lines = 0;
  let written = Promise.withResolvers<void>();
  /** In this turn, and whether there was more than one in the last turn that had any. */
  let ofTurn = 0;
  let crowded = false;

  function flush(): void {
    const [text, ended] = [waiting, written];
    [waiting, lines, written] = ['', 0, Promise.withResolvers()];
    try {
      write(text);
      ended.resolve();
    } catch (error) {
      ended.reject(error);
    }
  }

  function endTurn(): void {
    crowded = ofTurn > 1;
    ofTurn = 0;
    if (lines > 0) flush();
  }

  return (line) => {
    const { promise } = written;
    waiting += line;
    lines++;
    if (ofTurn++ === 0) setImmediate(endTurn);
    if (!crowded || lines === mostTogether) flush();
    return promise;
  };
}
