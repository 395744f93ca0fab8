// Splits a stream of bytes into lines, as a watch sends its events.

/** The longest line: etcd holds objects up to 1.5 MiB, which JSON may make longer. */
export const maxLineBytes = 8 * 1024 * 1024;

/** Yields the lines that each chunk completes, together. Throws where a line is too long, or the stream ends in the middle of one. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > maxLineBytes) throw new RangeError('a line of the watch is too long');
    const lines = parts.filter((line) => line.trim() !== '');
    if (lines.length > 0) yield lines;
  }
  if (rest.trim() !== '') throw new Error('the watch was cut off in the middle of an event');
}
