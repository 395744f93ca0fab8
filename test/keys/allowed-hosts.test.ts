// The hosts of --allowed-issuer-hosts.
import { expect, test } from 'vitest';
import { allowHosts, isHostEntry } from '../../src/keys/allowed-hosts.ts';

const isAllowed = allowHosts(['ci.example.com', '*.corp.example.com', '10.0.0.1', '[fd00::1]']);

test.each(['ci.example.com', 'a.corp.example.com', 'a.b.corp.example.com', '10.0.0.1', '[fd00::1]'])('%s is one of them', (host) => {
  expect(isAllowed(host)).toBe(true);
});

test.each(['example.com', 'x.ci.example.com', 'ci.example.com.', 'corp.example.com', '.corp.example.com', 'evilcorp.example.com', 'a.corp.example.com.evil.com', '10.0.0.10', ''])('%s is not', (host) => {
  expect(isAllowed(host)).toBe(false);
});

test('without a list every host is allowed, with an empty one none', () => {
  expect([allowHosts(undefined)('ci.example.com'), allowHosts([])('ci.example.com')]).toEqual([true, false]);
});

test.each(['ci.example.com', '*.example.com', '10.0.0.1', '[::1]', 'localhost', 'xn--bcher-kva.example'])('%s can be an entry', (entry) => {
  expect(isHostEntry(entry)).toBe(true);
});

test.each(['', '*', '*.', '*.*', '**.example.com', 'a.*.example.com', 'https://ci.example.com', 'ci.example.com:443', 'ci.example.com/', 'CI.example.com', 'bücher.example', '127.1', 'a b', 'user@ci.example.com'])('%s can not', (entry) => {
  expect(isHostEntry(entry)).toBe(false);
});
