// Names with escapes, in a process whose JSON parser has met a name that it confuses with them: refused rather than misread.
import { expect, test } from 'vitest';
import { parseStrictObject } from '../../src/exchange/strict-json.ts';

const parse = (text: string): unknown => parseStrictObject(Buffer.from(text));

test('a name in an escape is never taken for one of an earlier text', () => {
  expect(Object.keys(parse(String.raw`{"a":1,"\\":1}`) as object)).toEqual(['a', '\\']);
  expect(parse(String.raw`{"a":1,"\u0061":1}`)).toBeUndefined();
  const [, second] = Object.keys((parse(String.raw`{"a":1,"\u0062":1}`) as object | undefined) ?? { a: 1, b: 1 });
  expect(second).toBe('b');
});
