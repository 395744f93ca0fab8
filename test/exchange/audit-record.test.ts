// Text of a caller on its way into the audit log.
import { expect, test } from 'vitest';
import { clipped, withoutTokens } from '../../src/exchange/audit-record.ts';

test.for([
  ['https://deploy.example.com', 'https://deploy.example.com'],
  ['a'.repeat(256), 'a'.repeat(256)],
  ['a'.repeat(257), `${'a'.repeat(256)}…`],
  ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA', '(a JWT)'],
  ['Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA', 'Bearer (a JWT)'],
  ['eyJhbGciOiJFUzI1NiJ9', '(a JWT)'],
  [`${'a'.repeat(250)}eyJhbGciOiJFUzI1NiJ9`, `${'a'.repeat(250)}(a JWT…`],
  [`${Buffer.from('{ "alg":"ES256"}').toString('base64url')}.${Buffer.from('{\n"sub":"a"}').toString('base64url')}.AAAA`, '(a JWT)'],
  [`${Buffer.from('{\t"alg":"ES256"}').toString('base64url')}.${Buffer.from('{"sub":"a"}').toString('base64url')}`, '(a JWT)'],
  ['https://eyewitness-news.example.com/eyewitnesses', 'https://eyewitness-news.example.com/eyewitnesses'],
  ['eyJ', 'eyJ'],
  ['keyJar', 'keyJar'],
] as const)('%s', ([text, written]) => {
  expect(clipped(text)).toBe(written);
});

test('a subject that is named by a token is written without it, and whole', () => {
  expect(withoutTokens(`ci:${'a'.repeat(300)}eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA`)).toBe(`ci:${'a'.repeat(300)}(a JWT)`);
});

// Half a megabyte takes milliseconds. Where the work grows with the square it takes minutes, and the test runs into its limit.
test.each(['ew', 'ey', 'eyJ', '-ew', '.ew', 'ewaaaaaaaa ', 'ewaaaaaaaa.', 'eyJaaaaaaaa.-'])('a long text of %s is gone through once', (part) => {
  expect(clipped(part.repeat(500_000 / part.length)).length).toBeLessThan(300);
});
