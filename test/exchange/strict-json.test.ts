// Strict JSON, held against a parser that is written as the grammar reads (RFC 8259) and remembers every name.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxDepth, parseStrictObject } from '../../src/exchange/strict-json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('accepted', () => {
  test.for([
    ['{}', {}],
    [' {"a" : [1, 2.5e3, -0.1, true, false, null, "x"]}\r\n\t', { a: [1, 2500, -0.1, true, false, null, 'x'] }],
    [String.raw`{"a\"b:c": "{\"x\":1}", "a\\": "\\"}`, { 'a"b:c': '{"x":1}', 'a\\': '\\' }],
    ['{"a":{"x":1},"b":{"x":1}}', { a: { x: 1 }, b: { x: 1 } }],
    ['{"2":1,"1":2}', { 2: 1, 1: 2 }],
    ['{"":0}', { '': 0 }],
    ['{"a":"::::{{{{[[[["}', { a: '::::{{{{[[[[' }],
    ['{"é":"\\u00e9\\ud83d\\ude00"}', { é: 'é😀' }],
    [String.raw`{"a":"\\ud800 \\\ud83d\ude00"}`, { a: '\\ud800 \\😀' }],
    ['{"a":1e400}', { a: Infinity }],
  ] as const)('%s', ([text, value]) => {
    expect(parseStrictObject(bytes(text))).toEqual(value);
  });

  test('names of what every object inherits are names like any other', () => {
    const parsed = parseStrictObject(bytes('{"__proto__":{"a":1},"constructor":2,"hasOwnProperty":3}'));
    expect(Object.getPrototypeOf(parsed)).toBeNull();
    expect(Object.keys(parsed ?? {})).toEqual(['__proto__', 'constructor', 'hasOwnProperty']);
    expect(Object.getPrototypeOf(parsed?.['__proto__'])).toBeNull();
    expect('toString' in (parsed ?? {})).toBe(false);
  });

  test.for([
    [`${maxDepth} objects in each other`, nested(maxDepth)],
    [`${maxDepth - 1} lists in an object`, `{"a":${'[1,'.repeat(maxDepth - 1)}1${']'.repeat(maxDepth - 1)}}`],
    ['100 lists beside each other', `{"a":[${Array.from({ length: 100 }, () => '[[]]').join(',')}]}`],
  ] as const)('%s', ([, text]) => {
    expect(parseStrictObject(bytes(text))).toBeDefined();
  });
});

describe('refused', () => {
  test.for([
    [''], [' '], ['null'], ['1'], ['"x"'], ['[]'], ['[{}]'], ['{'], ['}'], ['{}}'], ['{}{}'], ['{"a":1,}'], ['{,}'], ['{a:1}'], ["{'a':1}"], ['{"a":01}'],
    ['{"a":.5}'], ['{"a":+1}'], ['{"a":NaN}'], ['{"a":undefined}'], ['{"a":"\t"}'], ['{"a":"\\x"}'], ['{"a":"'], ['{"a":"\\'], ['{"a"}'], ['{"a":1 "b":2}'],
    ['{/**/}'], ['\ufeff{}'], ['{"a":1,"a":1}'], ['{"a":1,"\\u0061":1}'], ['{"a":{"b":1,"b":2}}'], ['{"a":[{"b":1,"b":2}]}'],
    ['{"__proto__":1,"__proto__":2}'], ['{"1":1,"1":2}'], ['{"":1,"":2}'], ['{"a":1,"b":{"c":2},"a":{"c":2}}'],
  ])('%s', ([text]) => {
    expect(parseStrictObject(bytes(text ?? ''))).toBeUndefined();
  });

  test.for([
    [String.raw`{"a":"\ud800"}`], [String.raw`{"a":"x\uDFFFx"}`], [String.raw`{"a":"\ude00\ud83d"}`], [String.raw`{"a":["b",{"c":"\ud83d\ud83d\ude00"}]}`], [String.raw`{"\ud800":1}`], [String.raw`{"a":{"b\udc00":1}}`],
  ])('half of a surrogate pair: %s', ([text]) => {
    expect(parseStrictObject(bytes(text ?? ''))).toBeUndefined();
  });

  test.for([
    ['not UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
    ['an overlong spelling', Uint8Array.of(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d)],
    ['UTF-16', new Uint8Array(Buffer.from('{}', 'utf16le'))],
    [`${maxDepth + 1} objects in each other`, bytes(nested(maxDepth + 1))],
    [`${maxDepth} lists in an object, with numbers between them`, bytes(`{"a":${'[1,'.repeat(maxDepth)}1${']'.repeat(maxDepth)}}`)],
    ['10,000 lists in each other', bytes(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)],
    ['100,000 braces that nobody closes', bytes('{'.repeat(100_000))],
  ] as const)('%s', ([, input]) => {
    expect(parseStrictObject(input)).toBeUndefined();
  });
});

test('it says what the grammar says, for whatever text', () => {
  fc.assert(
    fc.property(almostJSON, (text) => {
      expect(plain(parseStrictObject(bytes(text)))).toEqual(parseByGrammar(text));
    }),
    { numRuns: 3000, seed: 8259 },
  );
});

/** Objects in which names are often the same, in several spellings; some texts have a character too many or too few. */
const name = fc.constantFrom('"a"', '"b"', String.raw`"\u0061"`, '"__proto__"', '"a:b"', String.raw`"\""`, '"é"', '""');
const { object } = fc.letrec<{ value: string; object: string; list: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom('1', '-0.5e1', 'true', 'null', '"x"', String.raw`"{\"a\":1}"`, '""'), tie('object'), tie('list')),
  object: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((pairs) => `{${pairs.map((pair) => pair.join(' : ')).join(',')}}`),
  list: fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
}));
const almostJSON = fc.oneof(
  { weight: 3, arbitrary: object },
  { weight: 1, arbitrary: fc.tuple(object, fc.nat(), fc.constantFrom('', '"', ':', ',', '{', '}', '[', ']', '\\', ' ', '0', 'e', '\u0000')).map(([text, at, inserted]) => edit(text, at, inserted)) },
);

/** Puts something at a place, or takes away what stands there. */
function edit(text: string, anywhere: number, inserted: string): string {
  const at = anywhere % (text.length + 1);
  return text.slice(0, at) + inserted + text.slice(inserted === '' ? at + 1 : at);
}

type Plain = undefined | null | boolean | number | string | Plain[] | Map<string, Plain>;

/** Objects as Maps, so that `__proto__` is compared like any other name. */
function plain(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  return value as Plain;
}

/** The grammar of RFC 8259, one function for each rule. @returns undefined for what is no object without repeated names */
function parseByGrammar(text: string): Plain {
  let at = 0;
  const broken = (): never => {
    throw new SyntaxError(`at ${at}`);
  };
  const take = (pattern: RegExp): string | undefined => {
    const sticky = new RegExp(pattern, 'y');
    sticky.lastIndex = at;
    const found = sticky.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const space = (): unknown => take(/[ \t\n\r]*/);
  const string = (): string => JSON.parse(take(/"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/) ?? broken()) as string;
  const listOf = (close: RegExp, item: () => void): void => {
    space();
    if (take(close) !== undefined) return;
    do item();
    while (take(/,/) !== undefined);
    if (take(close) === undefined) broken();
  };
  const parseObject = (): Plain => {
    const members = new Map<string, Plain>();
    listOf(/\}/, () => {
      space();
      const key = string();
      if (members.has(key)) broken();
      space();
      if (take(/:/) === undefined) broken();
      members.set(key, parseValue());
    });
    return members;
  };
  const parseList = (): Plain => {
    const items: Plain[] = [];
    listOf(/\]/, () => items.push(parseValue()));
    return items;
  };
  const parseValue = (): Plain => {
    space();
    const value = parseBare();
    space();
    return value;
  };
  const parseBare = (): Plain => {
    if (take(/\{/) !== undefined) return parseObject();
    if (take(/\[/) !== undefined) return parseList();
    if (text[at] === '"') return string();
    const literal = take(/true|false|null/) ?? take(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/) ?? broken();
    return JSON.parse(literal) as Plain;
  };
  try {
    const value = parseValue();
    return at === text.length && value instanceof Map ? value : undefined;
  } catch {
    return undefined;
  }
}
