// A JWT taken apart: what is one, and what is not, whoever signed it.
import { describe, expect, test } from 'vitest';
import { maxTokenLength, parseJwt } from '../../src/exchange/parse-jwt.ts';

const part = (text: string): string => Buffer.from(text).toString('base64url');
const jwt = (header: string, payload = '{"sub":"a"}', signature = 'AAAA'): string => `${part(header)}.${part(payload)}.${signature}`;

test('header, claims, and the whole', () => {
  const compact = jwt('{"alg":"ES256","kid":"k","typ":"JWT","x5t":"AAAA"}', '{"sub":"a","n":{"m":[1]}}');
  expect(parseJwt(compact)).toEqual({ header: { alg: 'ES256', kid: 'k', typ: 'JWT' }, claims: { sub: 'a', n: { m: [1] } }, compact });
});

test('claims have no prototype, at any depth', () => {
  const parsed = parseJwt(jwt('{"alg":"ES256"}', '{"a":{"b":1}}'));
  const { claims } = parsed as Exclude<typeof parsed, string>;
  expect([Object.getPrototypeOf(claims), Object.getPrototypeOf(claims['a'])]).toEqual([null, null]);
});

const whiteSpace = 'not base64url: there is white space in it, such as a line feed at its end';
const noHeader = 'the header is not a JSON object without repeated names';
const noPayload = 'the payload is not a JSON object without repeated names';

describe('refused', () => {
  test.for([
    ['no dot', 'AAAA', 'not a JWS in compact form'],
    ['nothing', '', 'not a JWS in compact form'],
    ['two parts', 'AAAA.AAAA', 'not a JWS in compact form'],
    ['four parts', 'AAAA.AAAA.AAAA.AAAA', 'not a JWS in compact form'],
    ['five parts', 'A.A.A.A.A', 'encrypted (JWE)'],
    ['six parts', 'A.A.A.A.A.A', 'not a JWS in compact form'],
    ['too long', 'a'.repeat(maxTokenLength + 1), 'longer than 16384 characters'],
    ['padding', `${jwt('{"alg":"ES256"}')}=`, 'not base64url'],
    ['a plus', jwt('{"alg":"ES256"}', '{}', 'AA+A'), 'not base64url'],
    ['a slash', jwt('{"alg":"ES256"}', '{}', 'AA/A'), 'not base64url'],
    ['a space before', ` ${jwt('{"alg":"ES256"}')}`, whiteSpace],
    ['a line feed after', `${jwt('{"alg":"ES256"}')}\n`, whiteSpace],
    ['spare bits, two left over', jwt('{"alg":"ES256"}', '{}', 'AAB'), 'not base64url'],
    ['spare bits, four left over', jwt('{"alg":"ES256"}', '{}', 'AB'), 'not base64url'],
    ['a length that can not be', jwt('{"alg":"ES256"}', '{}', 'A'), 'not base64url'],
    ['an empty header', jwt(''), noHeader],
    ['a space before the header', jwt(' {"alg":"ES256"}'), noHeader],
    ['a line feed before the payload', jwt('{"alg":"ES256"}', '\n{}'), noPayload],
    ['a header that is a list', jwt('[]'), noHeader],
    ['a payload that is a number', jwt('{"alg":"ES256"}', '1'), noPayload],
    ['a payload that is another JWT', jwt('{"alg":"ES256","cty":"JWT"}', jwt('{"alg":"ES256"}')), noPayload],
    ['alg twice', jwt('{"alg":"ES256","alg":"ES256"}'), noHeader],
    ['no alg', jwt('{}'), 'the header has no alg'],
    ['alg a number', jwt('{"alg":1}'), 'the header has no alg'],
    ['kid null', jwt('{"alg":"ES256","kid":null}'), 'kid is not text'],
    ['typ null', jwt('{"alg":"ES256","typ":null}'), 'typ is not text'],
    ['enc', jwt('{"alg":"ES256","enc":"A128GCM"}'), 'the header parameter enc is not accepted'],
    ['crit of what is known', jwt('{"alg":"ES256","crit":["alg"]}'), 'the header parameter crit is not accepted'],
  ] as const)('%s', ([, compact, reason]) => {
    expect(parseJwt(compact)).toBe(reason);
  });
});

test('every other spelling of the same bytes is refused', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const accepted = (start: string): string[] => Array.from(alphabet).filter((last) => typeof parseJwt(jwt('{"alg":"ES256"}', '{}', start + last)) !== 'string');
  expect(accepted('A')).toEqual(['A', 'Q', 'g', 'w']);
  expect(accepted('AA')).toEqual(Array.from('AEIMQUYcgkosw048'));
  expect(accepted('AAA')).toHaveLength(64);
  expect(accepted('')).toEqual([]);
});
