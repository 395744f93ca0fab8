// The body as a form (application/x-www-form-urlencoded): literal bodies and what is read from them.
import { describe, expect, test } from 'vitest';
import { maxParameters, parseForm } from '../../src/exchange/parse-form.ts';
import type { TokenRequest } from '../../src/exchange/token-request.ts';

const request = (body: string | Uint8Array, more: Partial<TokenRequest> = {}): TokenRequest => ({
  clientIdInPath: undefined,
  query: '',
  contentType: 'application/x-www-form-urlencoded',
  authorization: undefined,
  unsupportedHeader: undefined,
  body: typeof body === 'string' ? Buffer.from(body) : body,
  ...more,
});

describe('one parameter', () => {
  test.for([
    ['a=b', 'b'],
    ['a=b=c', 'b=c'],
    ['a==', '='],
    ['a=b+c%20d%2Be', 'b c d+e'],
    ['%61=%C3%A9%f0%9f%98%80', 'é😀'],
    ['a=é', 'é'],
    ['a=%00', '\0'],
    ['a=b%26c', 'b&c'],
    ['a=%EF%BB%BFx', '\ufeffx'],
    ['&&a=b&', 'b'],
    ['=x&a=b', 'b'],
    ['a', undefined],
    ['a=', undefined],
    ['A=b', undefined],
    [' a=b', undefined],
    ['\ufeffa=b', undefined],
    ['', undefined],
  ] as const)('%s', ([body, value]) => {
    const form = parseForm(request(body));
    expect(form.get('a')).toBe(value);
    expect(form.has('a')).toBe(value !== undefined);
  });
});

test('audience and resource may be repeated; those that are empty are not there', () => {
  const form = parseForm(request('audience=a&resource=b&audience=&audience=c&audience=a&resource='));
  expect(form.all('audience')).toEqual(['a', 'c', 'a']);
  expect(form.all('resource')).toEqual(['b']);
  expect(form.all('scope')).toEqual([]);
});

test('names of what every object inherits are names like any other', () => {
  const form = parseForm(request('__proto__=a&constructor=b'));
  expect([form.get('__proto__'), form.get('constructor'), form.get('toString')]).toEqual(['a', 'b', undefined]);
});

describe('refused', () => {
  test.for([
    ['a=1&a=1', 'the parameter "a" stands twice'],
    ['a=&a=', 'the parameter "a" stands twice'],
    ['a=1&%61=2', 'the parameter "a" stands twice'],
    [`${'a'.repeat(300)}=&${'a'.repeat(300)}=`, `the parameter "${'a'.repeat(256)}…" stands twice`],
    ['a=%', 'broken percent-encoding'],
    ['a=%4', 'broken percent-encoding'],
    ['a=%u0041', 'broken percent-encoding'],
    ['a=%ff', 'broken percent-encoding'],
    ['a=%ED%A0%80', 'broken percent-encoding'],
    ['%=a', 'broken percent-encoding'],
    [Uint8Array.of(0x61, 0x3d, 0xff), 'the body is not UTF-8'],
    ['&'.repeat(maxParameters), 'more than 64 parameters'],
  ] as const)('%s', ([body, reason]) => {
    expect(() => parseForm(request(body))).toThrow(expect.objectContaining({ mistake: 'malformed_request', check: 'form', reason }));
  });
});

describe('the content type', () => {
  test.for([
    ['application/x-www-form-urlencoded', true],
    ['application/x-www-form-urlencoded;charset=UTF-8', true],
    ['APPLICATION/X-WWW-FORM-URLENCODED ; charset="utf-8"', true],
    ['application/x-www-form-urlencoded-v2', false],
    ['application/x-www-form-urlencoded, text/plain', false],
    ['application/json', false],
    ['', false],
    [undefined, false],
  ] as const)('%s', ([contentType, accepted]) => {
    const reason = 'the content type is not application/x-www-form-urlencoded';
    const wanted = accepted ? 'b' : reason;
    expect(readOrReason(() => parseForm(request('a=b', { contentType })).get('a'))).toBe(wanted);
  });
});

function readOrReason(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return (error as { reason?: unknown }).reason;
  }
}
