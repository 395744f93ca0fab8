// Reading YAML as kubectl does. The values are kubectl's own (v1.35.4). To see one, with no cluster at hand:
//
//   printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\na: 0o17\n' | kubectl annotate --local -f - seen=yes -o json
//
// or `kubectl create --dry-run=client -o json -f -` against a cluster. Null members are the exception: kubectl sends them,
// and the API server drops them.
import { describe, expect, it } from 'vitest';
import type { Position } from '../../src/manifests/parse-yaml.ts';
import { parseYaml } from './parse-yaml.ts';

/** As JSON, which does not know of null prototypes; a problem fails the test. */
function valuesOf(text: string): unknown {
  const { documents, problems } = parseYaml(text);
  expect(problems).toEqual([]);
  return JSON.parse(JSON.stringify(documents.map((document) => document.value)));
}

function problemsOf(text: string): string[] {
  return parseYaml(text).problems.map(({ position, message }) => `${position.line}:${position.column} ${message}`);
}

describe('a scalar without quotes', () => {
  const scalars: [text: string, value: unknown][] = [
    ['y', true], ['Y', true], ['yes', true], ['Yes', true], ['YES', true], ['yEs', 'yEs'],
    ['on', true], ['On', true], ['ON', true], ['oN', 'oN'],
    ['true', true], ['True', true], ['TRUE', true], ['tRUE', 'tRUE'],
    ['n', false], ['N', false], ['no', false], ['No', false], ['NO', false], ['nO', 'nO'],
    ['off', false], ['Off', false], ['OFF', false], ['oFF', 'oFF'],
    ['false', false], ['False', false], ['FALSE', false], ['fALSE', 'fALSE'],
    ['0', 0], ['-0', 0], ['+1', 1], ['00', 0],
    ['0777', 511], ['-017', -15], ['08', 8], ['0_7', 7], ['0o17', 15], ['0O17', 15], ['0o8', '0o8'],
    ['0b11', 3], ['-0b11', -3], ['0b12', '0b12'], ['0x1F', 31], ['0X1f', 31], ['-0x1F', -31], ['0x1G', '0x1G'], ['0x', '0x'],
    ['1_000', 1000], ['1__0', 10], ['1_', 1], ['_1', '_1'], ['1,000', '1,000'],
    ['9007199254740991', 9007199254740991], ['-9007199254740991', -9007199254740991],
    ['.5', 0.5], ['-.5', -0.5], ['.5e3', 500], ['.5_0', 0.5], ['._5', '._5'], ['1.', 1], ['1.e3', 1000], ['1e3', 1000], ['1E-3', 0.001],
    ['-0.0', 0], ['0.1', 0.1], ['1_000.5', 1000.5], ['1e20', 1e20], ['1e-400', 0], ['1.5e300', 1.5e300],
    ['1e', '1e'], ['1.2.3', '1.2.3'], ['.', '.'], ['-', [null]], ['--', '--'], ['inf', 'inf'], ['.iNF', '.iNF'],
    ['1:30', '1:30'], ['190:20:30', '190:20:30'], ['2026-01-01', '2026-01-01'], ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['nULL', 'nULL'], ['<<', '<<'], ['=', '='], ['a:b', 'a:b'], ['a#b', 'a#b'], ['a # b', 'a'], ['https://x.example/?a=b#c', 'https://x.example/?a=b#c'],
    ['it\'s', 'it\'s'], ['?a', '?a'], ['-a', '-a'], [':a', ':a'], ['日本 😀', '日本 😀'],
  ];
  it.each(scalars)('%s', (text, value) => expect(valuesOf(`a:\n  ${text}`)).toEqual([{ a: value }]));

  it.each(['', '~', 'null', 'Null', 'NULL'])('%j is null, in objects and in lists', (text) => {
    expect(valuesOf(`a: ${text}\nb: {c: ${text}}\nd: [1, {e: ${text}}]\nf:\n- ${text}\n`)).toEqual([{ a: null, b: { c: null }, d: [1, { e: null }], f: [null] }]);
  });
});

describe('text', () => {
  const texts: [name: string, text: string, value: string][] = [
    ['quotes', '"yes"', 'yes'],
    ['quotes', "'0777'", '0777'],
    ['nothing', '""', ''],
    ['an apostrophe', "'it''s'", "it's"],
    ['no escapes', "'a\\nb'", 'a\\nb'],
    ['escapes', '"\\x41\\u00e9\\U0001F600\\t\\e\\0\\_\\N\\L\\P"', 'Aé😀\t\x1b\0\xa0\x85\u2028\u2029'],
    ['folded quotes', '"a\n\n  b\n  c"', 'a\nb c'],
    ['an escaped line break', '"b \\\n  c"', 'b c'],
    ['a hash in quotes', '"a # b" # c', 'a # b'],
    ['several lines', 'a\n  b\n\n  c', 'a b\nc'],
    ['literal', '|\n  a\n   b\n\n  c\n', 'a\n b\n\nc\n'],
    ['literal, no line break at the end of the file', '|\n  a', 'a\n'],
    ['literal, stripped', '|-\n  a\n\n', 'a'],
    ['literal, kept', '|+\n  a\n\n', 'a\n\n'],
    ['literal, kept, with spaces at the end of the file', '|+\n  a\n ', 'a\n\n'],
    ['literal, with a comment', '| # not text\n  # text\n', '# text\n'],
    ['literal, with a separator that is indented', '|\n  ---\n  a\n', '---\na\n'],
    ['literal, with tabs', '|\n  a\n  \tb\n', 'a\n\tb\n'],
    ['folded', '>\n  a\n  b\n\n  c\n   d\n  e\n', 'a b\nc\n d\ne\n'],
    ['folded, stripped', '>-\n  a\n  b\n', 'a b'],
    ['line ends of Windows', '|\r\n  a\r\n  b\r\n', 'a\nb\n'],
    ['tagged', '!!str 1', '1'],
    ['tagged', '!!str', ''],
    ['tagged', '!<tag:yaml.org,2002:str> y', 'y'],
  ];
  it.each(texts)('%s: %j', (_, text, value) => expect(valuesOf(`a: ${text}`)).toEqual([{ a: value }]));

  it('other core tags', () => {
    expect(valuesOf('a: !!int "1"\nb: !!bool "y"\nc: !!float "1.5"\nd: !!null "~"\ne: !!map {f: !!seq [1]}')).toEqual([{ a: 1, b: true, c: 1.5, d: null, e: { f: [1] } }]);
  });
});

describe('keys', () => {
  const keys: [text: string, key: string][] = [
    ['y', 'true'], ['n', 'false'], ['On', 'true'], ['true', 'true'], ['"y"', 'y'], ['1', '1'], ['0777', '511'], ['0x1F', '31'], ['-0', '0'], ['1_000', '1000'],
    ['1:30', '1:30'], ['2026-01-01', '2026-01-01'], ['a b', 'a b'], ['""', ''], ['a:', 'a:'], ['!!str 1', '1'], ['&x k', 'k'],
    ['__proto__', '__proto__'], ['constructor', 'constructor'], ["'<<'", '<<'],
  ];
  it.each(keys)('%s', (text, key) => {
    expect(parseYaml(`${text}: {z: 1}`).documents.map(({ value }) => Object.keys(value as object))).toEqual([[key]]);
  });

  it('are safe: objects have no prototype', () => {
    const [document] = parseYaml('__proto__: {polluted: yes}\na: {}\nb: [{}]').documents;
    const value = document?.value as Record<string, Record<string | number, unknown>>;
    expect([value, value['a'], value['b']?.[0]].map((object) => Object.getPrototypeOf(object))).toEqual([null, null, null]);
    expect(Object.keys(value)).toEqual(['__proto__', 'a', 'b']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('documents', () => {
  const files: [name: string, text: string, values: unknown[]][] = [
    ['nothing', '', []],
    ['only a comment', '# a\n\n', []],
    ['only separators', '---\n---\n', []],
    ['two', 'a: 1\n---\nb: 2\n', [{ a: 1 }, { b: 2 }]],
    ['empty ones are skipped', '---\n---\na: 1\n---\n# nothing\n---\nnull\n---\n{}\n---\n', [{ a: 1 }, {}]],
    ['a comment after the separator', '--- # first\na: 1\n--- \t# second\nb: 2', [{ a: 1 }, { b: 2 }]],
    ['Windows', '---\r\na: 1\r\n---\r\nb: 2\r\n', [{ a: 1 }, { b: 2 }]],
    ['a byte order mark', '\uFEFFa: 1', [{ a: 1 }]],
    ['an end', 'a: 1\n...\n---\nb: 2\n... # c\n', [{ a: 1 }, { b: 2 }]],
    ['JSON', '{\n\t"a": 1,\n\t"b": {"c": [true, null, "\\u00e9\\ud83d\\ude00\\/"], "d": null}\n}\n', [{ a: 1, b: { c: [true, null, 'é😀/'], d: null } }]],
    ['JSON and YAML', '{"a":1}\n---\nb: y\n', [{ a: 1 }, { b: true }]],
    ['flow style', 'a: {b: [c, "d e", {f: 1}], g: }\nh: [\n  1, # one\n  2,\n]\n', [{ a: { b: ['c', 'd e', { f: 1 }], g: null }, h: [1, 2] }]],
    ['an object in a list without braces', 'a: [b: 1, c: 2]', [{ a: [{ b: 1 }, { c: 2 }] }]],
    ['lists at the indentation of their key', 'a:\n- b: 1\n  c: 2\n-\n  - d\n', [{ a: [{ b: 1, c: 2 }, ['d']] }]],
  ];
  it.each(files)('%s', (_, text, values) => expect(valuesOf(text)).toEqual(values));
});

describe('aliases and merge keys', () => {
  const files: [name: string, text: string, value: unknown][] = [
    ['scalars', 'a: &x 1\nb: *x\n', { a: 1, b: 1 }],
    ['collections', 'a: &x {b: [1]}\nc: [*x, *x]\n', { a: { b: [1] }, c: [{ b: [1] }, { b: [1] }] }],
    ['nothing', 'a: &x\nb: [*x]\n', { a: null, b: [null] }],
    ['as a key', 'a: &x k\n*x : 1\n', { a: 'k', k: 1 }],
    ['what is written later wins', 'b: &b {x: 1, z: 1}\na: {<<: *b, x: 2}', { b: { x: 1, z: 1 }, a: { x: 2, z: 1 } }],
    ['what is merged later wins, too', 'b: &b {x: 1}\na: {x: 2, <<: *b}', { b: { x: 1 }, a: { x: 1 } }],
    ['the first of a list wins', 'a: {<<: [{x: 1}, {x: 2, z: 2}]}', { a: { x: 1, z: 2 } }],
    ['in what is merged', 'a: {<<: {<<: {x: 1}, z: 2}}', { a: { x: 1, z: 2 } }],
    ['objects are replaced whole', 'a: {<<: {x: {p: 1}}, x: {q: 2}}', { a: { x: { q: 2 } } }],
    ['null replaces, too', 'a: {<<: {x: 1, z: 1}, x: null}', { a: { x: null, z: 1 } }],
    ['null replaces, too', 'a: {x: 1, <<: {x: null}}', { a: { x: null } }],
    ['in quotes it is a key', 'a: {"<<": 1}', { a: { '<<': 1 } }],
  ];
  it.each(files)('%s: %j', (_, text, value) => expect(valuesOf(text)).toEqual([value]));
});

describe('what kubectl refuses', () => {
  const files: [text: string, problem: string][] = [
    ['a: "x', '2:1 Missing closing "quote'],
    ['a: "\\"', '2:1 Missing closing "quote'],
    ['a: b: c', '1:4 a line that is indented too far, or a value with ": " in it that is not in quotes'],
    ['spec:\n  a: 1\n   b: 2', '2:6 a line that is indented too far, or a value with ": " in it that is not in quotes'],
    ['a:\n  b: 1\n c: 2', '3:1 All mapping items must start at the same column'],
    ['a:1\nb: 2', '1:1 this line should begin with a key and ": "'],
    ['a:\n\tb: 1', '2:1 Tabs are not allowed as indentation'],
    ['a:\n-\tb', '2:3 a tab can\'t be indentation'],
    ['a: |\n  \tb\n', '1:4 a tab can\'t be indentation'],
    ['a: [b?c]', '1:5 inside [] and {} this must be in quotes'],
    ['a: {b: :c}', '1:8 inside [] and {} this must be in quotes'],
    ['a: `b`', '1:4 Plain value cannot start with reserved character `'],
    ['a: "\\q"', '1:5 Invalid escape sequence \\q'],
    ['a: "\\/"', '1:4 "\\\\/" is not in YAML 1.1'],
    ['a: "\\ud83d\\ude00"', '1:4 "\\\\ud8" is not in YAML 1.1'],
    ['a: \x01', '1:4 the character U+0001 can only be written in double quotes, as an escape'],
    ['a: "\uFFFE"', '1:5 the character U+FFFE can only be written in double quotes, as an escape'],
    ['--- {a: 1}', '1:4 only a comment can follow "---" in its line'],
    ['a: 1\n----\nb: 1', '2:4 only a comment can follow "---" in its line'],
    ['%YAML 1.1\n---\na: 1', '2:1 Missing directives-end indicator line'],
    ['a: *x', '1:4 there is no anchor &x before this alias'],
    ['a: &x 1\n---\nb: *x', '3:4 there is no anchor &x before this alias'],
    ['a: &x.y 1', '1:9 an anchor can only have the characters A-Z a-z 0-9 _ -'],
    ['a: &x [*x]', '1:7 nested more than 100 levels deep, or an alias inside its own anchor'],
    ['a: {<<: 1}', '1:9 only objects can be merged with "<<"'],
    ['a: {<<: }', '1:9 only objects can be merged with "<<"'],
    ['a: .inf', '1:4 this number can\'t be kept exactly: put it in quotes if it is meant as text'],
    ['a: .NaN', '1:4 this number can\'t be kept exactly: put it in quotes if it is meant as text'],
    ['null: 1', '1:1 a null can\'t be a key: put it in quotes'],
    ['{a: 1}: 1', '1:1 a list or object can\'t be a key: put it in quotes'],
    ['a: !!int x', '1:10 the tag !!int is not for this value, or not supported'],
    ['- a', '1:1 this is not an object, but a list or a scalar'],
    ['text', '1:1 this is not an object, but a list or a scalar'],
  ];
  it.each(files)('%j', (text, problem) => expect(problemsOf(text)).toEqual([problem]));
});

describe('what kubectl reads and Cambio refuses', () => {
  const files: [why: string, text: string, problem: string][] = [
    ['kubectl takes the last', 'a: 1\nb: 2\na: 3', '3:1 the key "a" is there twice'],
    ['kubectl takes the last', '{"a": {"b": 1, "b": 2}}', '1:16 the key "b" is there twice'],
    ['kubectl takes any', '1: 1\n"1": 2', '2:1 the key "1" is there twice'],
    ['kubectl takes any', 'y: 1\ntrue: 2', '2:1 the key "true" is there twice'],
    ['exact in kubectl up to 64 bits, not in JavaScript', 'a: 9007199254740992', '1:4 this number can\'t be kept exactly: put it in quotes if it is meant as text'],
    ['exact in kubectl up to 64 bits, not in JavaScript', 'a: 0x7FFFFFFFFFFFFFFF', '1:4 this number can\'t be kept exactly: put it in quotes if it is meant as text'],
    ['rounded by kubectl', 'a: 12345678901234567890', '1:4 this number can\'t be kept exactly: put it in quotes if it is meant as text'],
    ['text for kubectl in YAML, refused in JSON', 'a: 1e400', '1:4 this number can\'t be kept exactly: put it in quotes if it is meant as text'],
    ['kubectl writes a float with 32 bits', '1.35: a', '1:1 a float can\'t be a key: put it in quotes'],
    ['kubectl skips what follows', 'a: 1\n...\nb: 2', '3:1 text after the end of the document: begin the next one with a line "---"'],
    ['kubectl skips what follows', ' a: 1\nb: 2', '2:1 Unexpected scalar at node end'],
    ['kubectl reads two objects', '{"a":1}\n{"b":2}', '2:1 Unexpected flow-map-start at node end'],
    ['kubectl drops the tag', 'a: !mine 1', '1:10 the tag !mine is not for this value, or not supported'],
    ['kubectl drops the tag', 'a: !!set {b: 1}', '1:10 the tag !!set is not for this value, or not supported'],
    ['kubectl decodes, if it is UTF-8', 'a: !!binary aGk=', '1:13 the tag !!binary is not for this value, or not supported'],
    ['the last one counts', 'a: &x 1\nb: &x 2\nc: *x', '2:7 the anchor &x is there twice'],
    ['not worth it', '? a\n: 1', '1:3 a key can\'t begin with "? "'],
    ['the library reads the last line otherwise', 'a: |2\n   b\n   ', '1:4 a digit after | or > is not supported: put this text in quotes'],
    ['the library reads {b: null}', 'a: [b:]', '1:5 a key must be followed by ": " in its line'],
    ['the library reads "a - b"', 'k:\n-\n#c\n a\n- b', '4:2 a line of this text is not indented enough'],
    ['the library drops a line break', 'a: "b \\\n\n  c"', '1:4 "\\\\\\n\\n" is not in YAML 1.1'],
    ['a line break in YAML 1.1', 'a: "b\u2028c"', '1:6 the character U+2028 can only be written in double quotes, as an escape'],
    ['a line break in YAML 1.1', 'a: 1\rb: 2', '1:5 the character U+000D can only be written in double quotes, as an escape'],
    ['kubectl puts U+FFFD there', '{"a": "\\ud83d"}', '1:7 half of a surrogate pair is no character'],
  ];
  it.each(files)('%s: %j', (_, text, problem) => expect(problemsOf(text)).toEqual([problem]));
});

it('leaves out the documents with a problem, one problem each, and reads the others', () => {
  const { documents, problems } = parseYaml('a: 1\n---\nb: [\n---\nc: 3\n--- x\nd: 4\n---\ne: &e 5\nf: *g\nh: *g\n');
  expect(documents.map((document) => ({ ...(document.value as object) }))).toEqual([{ a: 1 }, { c: 3 }]);
  expect(problems.map((problem) => problem.position.line)).toEqual([4, 6, 10]);
});

describe('bounds', () => {
  it.each([
    ['lists', (depth: number) => `a: ${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['objects', (depth: number) => `a: ${'{b: '.repeat(depth)}1${'}'.repeat(depth)}`],
  ])('of depth: %s', (_, nested) => {
    expect(problemsOf(nested(99))).toEqual([]);
    expect(problemsOf(nested(100)).join()).toMatch(/nested more than 100 levels deep/);
    expect(problemsOf(nested(10_000)).join()).toMatch(/nested too deep/);
  });

  it('of aliases, as kubectl has it where it is tighter', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level++) bomb.push(`a${level}: &a${level} [${`*a${level - 1}, `.repeat(9)}]`);
    expect(problemsOf(bomb.join('\n')).join()).toMatch(/aliases repeat too much/);
    const merges = ['a0: &a0 {x: 1}'];
    for (let level = 1; level < 40; level++) merges.push(`a${level}: &a${level} {<<: [*a${level - 1}, *a${level - 1}]}`);
    expect(problemsOf(merges.join('\n')).join()).toMatch(/aliases repeat too much/);
    expect(problemsOf(`a: &x 1\nb: [${'*x, '.repeat(10_001)}]`)).toEqual(['1:7 aliases repeat too much']);
    expect(problemsOf(`a: &x 1\nb: [${'*x, '.repeat(10_000)}]`)).toEqual([]);
  });
});

describe('positions', () => {
  const text = [
    '# a comment',
    '---',
    'metadata: {name: x, "labels": {y: 1}}',
    'base: &base',
    '  deep: [1]',
    '  gone: null',
    'spec:',
    '  <<: *base',
    '  list:',
    '  - one',
    '  - a: 1',
    '    b: 2',
    '  -',
    'alias: *base',
    '---',
    '{"json": [{"a": 1}]}',
  ].join('\n');
  const places: [document: number, path: (string | number)[], position: Position][] = [
    [0, [], { line: 3, column: 1 }],
    [0, ['metadata'], { line: 3, column: 1 }],
    [0, ['metadata', 'name'], { line: 3, column: 12 }],
    [0, ['metadata', 'labels'], { line: 3, column: 21 }],
    [0, ['metadata', 'labels', 'true'], { line: 3, column: 32 }],
    [0, ['metadata', 'namespace'], { line: 3, column: 1 }],
    [0, ['nowhere', 'name'], { line: 3, column: 1 }],
    [0, ['spec', 'list'], { line: 9, column: 3 }],
    [0, ['spec', 'list', 0], { line: 10, column: 5 }],
    [0, ['spec', 'list', 0, 'deeper'], { line: 10, column: 5 }],
    [0, ['spec', 'list', 1, 'b'], { line: 12, column: 5 }],
    [0, ['spec', 'list', 2], { line: 13, column: 4 }],
    [0, ['spec', 'list', 3], { line: 9, column: 3 }],
    // What came through an alias stands where it was written.
    [0, ['spec', 'deep'], { line: 5, column: 3 }],
    [0, ['spec', 'deep', 0], { line: 5, column: 10 }],
    [0, ['alias'], { line: 14, column: 1 }],
    [0, ['alias', 'deep'], { line: 5, column: 3 }],
    // The place of a member that is null.
    [0, ['base', 'gone'], { line: 6, column: 3 }],
    [0, ['base', 'gone', 'deeper'], { line: 6, column: 3 }],
    [1, [], { line: 16, column: 1 }],
    [1, ['json', 0, 'a'], { line: 16, column: 12 }],
  ];
  const { documents } = parseYaml(text);
  it.each(places)('%i %j', (index, path, position) => expect(documents[index]?.positionOf(path)).toEqual(position));

  it('does not count a byte order mark', () => {
    expect(parseYaml('\uFEFFa: 1').documents[0]?.positionOf(['a'])).toEqual({ line: 1, column: 1 });
  });
});
