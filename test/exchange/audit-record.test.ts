// Text of a caller on its way into the audit log.
import { expect, test } from 'vitest';
import { clipped } from '../../src/exchange/audit-record.ts';

test.for([
  ['https://deploy.example.com', 'https://deploy.example.com'],
  ['a'.repeat(256), 'a'.repeat(256)],
  ['a'.repeat(257), `${'a'.repeat(256)}…`],
  ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA', '(a JWT)'],
  ['Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA', 'Bearer (a JWT)'],
  ['eyJhbGciOiJFUzI1NiJ9', '(a JWT)'],
  [`${'a'.repeat(250)}eyJhbGciOiJFUzI1NiJ9`, `${'a'.repeat(250)}(a JWT…`],
  ['eyJ', 'eyJ'],
  ['keyJar', 'keyJar'],
] as const)('%s', ([text, written]) => {
  expect(clipped(text)).toBe(written);
});
