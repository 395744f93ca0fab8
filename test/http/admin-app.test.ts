// Probes: what turns readiness red, and what is only shown.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createAdminApp } from '../../src/http/admin-app.ts';
import { listen } from '../../src/http/listen.ts';

test.for<[path: string, policy: string | undefined, manifests: string | undefined, status: number, body: string]>([
  ['/livez', 'not loaded', 'gone', 200, 'ok\n'],
  ['/readyz', undefined, undefined, 200, 'ok\n'],
  ['/readyz', undefined, 'gone', 200, 'ok\n'],
  ['/readyz', 'not loaded', undefined, 503, '[-] policy: not loaded\n[+] manifests ok\nnot ready\n'],
  ['/readyz?verbose', undefined, 'gone', 200, '[+] policy ok\n[-] manifests: gone (readiness does not depend on it)\nok\n'],
  ['/metrics/x', undefined, undefined, 404, 'not found\n'],
  ['/token', undefined, undefined, 404, 'not found\n'],
])('%s with policy %s, manifests %s', async ([path, policy, manifests, status, body]) => {
  const app = createAdminApp([
    { name: 'policy', gates: true, detail: () => policy },
    { name: 'manifests', gates: false, detail: () => manifests },
  ]);
  const { url, close } = await listen({ host: '127.0.0.1', port: 0 }, app);
  const response = await fetch(url + path);
  expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([status, body, 'text/plain; charset=utf-8']);
  await close(0);
});

test('what has no path is not there, and nobody tries to read it', async () => {
  const { url, close } = await listen({ host: '127.0.0.1', port: 0 }, createAdminApp([]));
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 Not Found\r\nContent-Type: text\/plain; charset=utf-8\r\n[^]*not found\n/);
  await close(0);
});
