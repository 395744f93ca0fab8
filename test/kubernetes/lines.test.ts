import { describe, expect, test } from 'vitest';
import { linesOf, maxLineBytes } from '../../src/kubernetes/lines.ts';

const text = '{"a":"ä€😀"}\n\n{"b":1}\r\n';
const bytes = Buffer.from(text);

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

async function read(stream: AsyncIterable<Uint8Array>): Promise<string[][]> {
  const groups: string[][] = [];
  for await (const lines of linesOf(stream)) groups.push(lines);
  return groups;
}

describe('linesOf', () => {
  test('gives the lines that a chunk completes together, without empty ones', async () => {
    expect(await read(chunks('a\nb\nc', '\n\n', 'd\n'))).toEqual([['a', 'b'], ['c'], ['d']]);
    expect(await read(chunks())).toEqual([]);
  });

  test('gives the same lines wherever the bytes are parted, inside a character too', async () => {
    for (let at = 0; at <= bytes.length; at++) {
      expect((await read(chunks(bytes.subarray(0, at), bytes.subarray(at)))).flat()).toEqual(['{"a":"ä€😀"}', '{"b":1}\r']);
    }
    expect((await read(chunks(...Array.from(bytes, (byte) => Uint8Array.of(byte))))).flat()).toEqual(['{"a":"ä€😀"}', '{"b":1}\r']);
  });

  test.for([
    ['the stream ends in the middle of a line', chunks('a\n{"b":'), 'the watch was cut off in the middle of an event'],
    ['the stream ends in the middle of a character', chunks('a\n"', Uint8Array.of(0xe2, 0x82)), 'the watch was cut off in the middle of an event'],
    ['a line is too long', chunks('x'.repeat(maxLineBytes), 'x'), 'a line of the watch is too long'],
    ['the bytes are not UTF-8', chunks('a\n', Uint8Array.of(0xff, 0x0a)), 'The encoded data was not valid for encoding utf-8'],
  ] as const)('throws where %s', async ([, stream, message]) => {
    await expect(read(stream)).rejects.toThrow(message);
  });

  test('lets go of its source when its reader does', async () => {
    let released = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.from('a\n');
      } finally {
        released = true;
      }
    }
    for await (const lines of linesOf(source())) if (lines.length > 0) break;
    expect(released).toBe(true);
  });
});
