// Expressions made by chance so that their types fit, over the values of the corpus: most have a value, some fail.
import * as fc from 'fast-check';

const literals = {
  bool: ['true', 'false', 'claims.verified', 'client.trusted', "has(claims.sub)", "has(claims.missing)", "'ops' in claims.groups"],
  int: ['0', '1', '7', '-3', 'claims.run_attempt', 'claims.exp', 'claims.groups.size()', 'claims.missing', 'int(claims.run_number)'],
  double: ['0.5', '-2.0', '1e3', 'claims.share'],
  text: ["''", "'a'", "'co'", "'é😀'", "':'", 'claims.sub', 'claims.text', 'claims.unicode', 'claims.spaces', 'client.namespace', 'claims.labels.team', 'claims.missing', "claims.?team.orValue('none')"],
  texts: ['claims.groups', 'request.scopes', "['a', 'b', 'a']", "{'k': 1}.map(k, k)", "['x'].filter(s, false)", "claims.sub.split(':')"],
  ints: ['[1, 2, 3]', '[0]', 'claims.nested.list[0]', '[5].filter(n, n > 9)'],
  time: ["timestamp('2026-01-02T03:04:05.678Z')", 'timestamp(claims.time)', 'timestamp(claims.iat)', "timestamp('2000-02-29T23:59:59Z')"],
  span: ["duration('1h')", "duration('-1.5s')", "duration('90m')"],
};

type Types = Record<keyof typeof literals, string>;

const call = (parts: readonly fc.Arbitrary<string>[], write: (...parts: string[]) => string): fc.Arbitrary<string> => fc.tuple(...parts).map((made) => write(...made));

/** Expressions by the type of their value. */
export const typed = fc.letrec<Types>((tie) => {
  const [bool, int, double, text, texts, ints, time, span] = (['bool', 'int', 'double', 'text', 'texts', 'ints', 'time', 'span'] as const).map((name) => tie(name)) as [fc.Arbitrary<string>, fc.Arbitrary<string>, fc.Arbitrary<string>, fc.Arbitrary<string>, fc.Arbitrary<string>, fc.Arbitrary<string>, fc.Arbitrary<string>, fc.Arbitrary<string>];
  const compare = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');
  const same = fc.constantFrom('==', '!=');
  const small = fc.integer({ min: -1, max: 8 }).map(String);
  const choose = (type: fc.Arbitrary<string>): fc.Arbitrary<string> => call([bool, type, type], (condition, yes, no) => `(${condition} ? ${yes} : ${no})`);
  const of = (name: keyof Types, ...more: fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.oneof({ maxDepth: 4, depthIdentifier: 'typed' }, fc.constantFrom(...literals[name]), ...more);
  return {
    bool: of(
      'bool',
      call([bool, fc.constantFrom('&&', '||'), bool], (a, operator, b) => `(${a} ${operator} ${b})`),
      bool.map((a) => `!(${a})`),
      choose(bool),
      call([int, compare, int], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([double, compare, double], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([int, fc.constantFrom('<', '<=', '>', '>='), double], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([text, compare, text], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([texts, same, texts], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([time, compare, time], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([span, compare, span], (a, operator, b) => `(${a} ${operator} ${b})`),
      call([text, texts], (a, b) => `(${a} in ${b})`),
      call([int, ints], (a, b) => `(${a} in ${b})`),
      call([text, fc.constantFrom('startsWith', 'endsWith', 'contains'), text], (a, name, b) => `${a}.${name}(${b})`),
      call([text, fc.constantFrom('^[a-z]+$', 'c.', '(?i)A', '\\\\p{L}', '^$', '[^a-z]')], (a, pattern) => `${a}.matches('${pattern}')`),
      call([texts, fc.constantFrom('all', 'exists', 'exists_one'), text], (range, macro, part) => `${range}.${macro}(s, s.contains(${part}))`),
      call([ints, fc.constantFrom('all', 'exists', 'exists_one'), compare, int], (range, macro, operator, b) => `${range}.${macro}(n, n ${operator} ${b})`),
    ),
    int: of(
      'int',
      call([int, fc.constantFrom('+', '-', '*', '/', '%'), int], (a, operator, b) => `(${a} ${operator} ${b})`),
      int.map((a) => `-(${a})`),
      choose(int),
      text.map((a) => `${a}.size()`),
      texts.map((a) => `size(${a})`),
      double.map((a) => `int(${a})`),
      call([text, fc.constantFrom('indexOf', 'lastIndexOf'), text], (a, name, b) => `${a}.${name}(${b})`),
      call([text, fc.constantFrom('indexOf', 'lastIndexOf'), text, small], (a, name, b, at) => `${a}.${name}(${b}, ${at})`),
      call([ints, small], (a, at) => `${a}[${at}]`),
      call([time, fc.constantFrom('getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds')], (a, name) => `${a}.${name}()`),
      call([span, fc.constantFrom('getHours', 'getMinutes', 'getSeconds', 'getMilliseconds')], (a, name) => `${a}.${name}()`),
    ),
    double: of('double', call([double, fc.constantFrom('+', '-', '*', '/'), double], (a, operator, b) => `(${a} ${operator} ${b})`), int.map((a) => `double(${a})`), double.map((a) => `-(${a})`), choose(double)),
    text: of(
      'text',
      call([text, text], (a, b) => `(${a} + ${b})`),
      choose(text),
      call([text, fc.constantFrom('lowerAscii', 'upperAscii', 'trim')], (a, name) => `${a}.${name}()`),
      call([text, small], (a, at) => `${a}.charAt(${at})`),
      call([text, small], (a, at) => `${a}.substring(${at})`),
      call([text, small, small], (a, from, to) => `${a}.substring(${from}, ${to})`),
      call([text, text, text], (a, from, to) => `${a}.replace(${from}, ${to})`),
      call([text, text, text, small], (a, from, to, limit) => `${a}.replace(${from}, ${to}, ${limit})`),
      call([texts, text], (a, separator) => `${a}.join(${separator})`),
      call([texts, small], (a, at) => `${a}[${at}]`),
      call([texts, small], (a, at) => `${a}[?${at}].orValue('none')`),
      int.map((a) => `string(${a})`),
      double.map((a) => `string(${a})`),
      time.map((a) => `string(${a})`),
      span.map((a) => `string(${a})`),
    ),
    texts: of(
      'texts',
      call([text, text], (a, separator) => `${a}.split(${separator})`),
      call([text, text, small], (a, separator, limit) => `${a}.split(${separator}, ${limit})`),
      call([texts, texts], (a, b) => `(${a} + ${b})`),
      call([texts, text], (a, part) => `${a}.filter(s, s.contains(${part}))`),
      call([texts, text], (a, start) => `${a}.map(s, ${start} + s)`),
      call([ints, text], (a, start) => `${a}.map(n, ${start} + string(n))`),
      choose(texts),
    ),
    ints: of('ints', call([ints, int], (a, b) => `${a}.map(n, n + ${b})`), call([texts], (a) => `${a}.map(s, s.size())`), call([ints, ints], (a, b) => `(${a} + ${b})`), choose(ints)),
    time: of('time', call([time, fc.constantFrom('+', '-'), span], (a, operator, b) => `(${a} ${operator} ${b})`)),
    span: of('span', call([span, fc.constantFrom('+', '-'), span], (a, operator, b) => `(${a} ${operator} ${b})`), call([time, time], (a, b) => `(${a} - ${b})`)),
  };
});

/** Expressions whose value is JSON. */
export const anyExpression: fc.Arbitrary<string> = fc.oneof(typed.bool, typed.int, typed.text, typed.texts, typed.ints, typed.double.map((made) => `string(${made})`));
