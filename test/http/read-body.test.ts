// What bodies hold that have not ended: no more than their bytes, in however many pieces they come.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createBodyReader, maxBodyBytes } from '../../src/http/read-body.ts';
import { deferred } from './serve-app.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is held now, in bytes. */
function memory(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test('bodies of single bytes hold hardly more than these, and are read whole', async () => {
  const bodies = 8;
  const readBody = createBodyReader();
  const read: Promise<Uint8Array>[] = [];
  const arrived = deferred();
  let bytes = 0;
  const server = createServer((request, response) => {
    read.push(readBody(request));
    request.on('data', (piece: Uint8Array) => {
      bytes += piece.length;
      if (bytes === bodies * (maxBodyBytes - 1)) arrived.resolve();
    });
    request.on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const head = 'POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunks = '1\r\na\r\n'.repeat(maxBodyBytes - 1);
  const before = memory();
  const sockets = Array.from({ length: bodies }, () => connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined));
  for (const socket of sockets) socket.resume().write(head + chunks);
  await arrived.promise;
  // Kept as they came, the pieces were more than 100 MB.
  expect(memory() - before).toBeLessThan(30 * bodies * maxBodyBytes);
  for (const socket of sockets) socket.write('1\r\nb\r\n0\r\n\r\n');
  const expected = Buffer.from(`${'a'.repeat(maxBodyBytes - 1)}b`);
  for (const body of await Promise.all(read)) expect(Buffer.compare(body, expected)).toBe(0);
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});
