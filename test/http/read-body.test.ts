// The bytes of a body, in whatever pieces they come. What they may hold together is tested at the token endpoint.
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { createBodyReader, maxBodyBytes } from '../../src/http/read-body.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Reads a body that comes in these pieces. */
function readIn(pieces: Iterable<Uint8Array>): Promise<Uint8Array> {
  const request = Object.assign(new EventEmitter(), { headers: {}, pause: () => undefined });
  const read = createBodyReader()(request as unknown as IncomingMessage);
  for (const piece of pieces) request.emit('data', piece);
  request.emit('end');
  return read;
}

test.for([[[]], [['a']], [['', 'a']], [['a', '', 'b']], [['a', 'bc', 'def', 'g']], [['a'.repeat(maxBodyBytes - 1), 'b']], [['a', 'b'.repeat(maxBodyBytes - 1)]]])('is whole: %#', async ([pieces = []]) => {
  expect(text(await readIn(pieces.map((piece) => Buffer.from(piece))))).toBe(pieces.join(''));
});

test('its pieces are not kept: each takes many times the byte that may be in it', async () => {
  function* pieces(): Generator<Uint8Array> {
    yield Buffer.from('-');
    const piece = Buffer.alloc(1);
    for (let at = 1; at < maxBodyBytes; at++) yield piece.fill('0123456789'[at % 10] ?? '');
  }
  expect(text(await readIn(pieces()))).toBe(`-${'1234567890'.repeat(maxBodyBytes / 10 + 1)}`.slice(0, maxBodyBytes));
});
