// How fast expressions are, and the longest that one can take: `npm run bench:expressions`.
import { maxTextLength } from '../../src/policy/expression-syntax.ts';
import { compileExpression, mostSteps, toExpressionValue, type CompiledExpression, type ExpressionValues } from '../../src/policy/expressions.ts';

/** Claims as a token of 16 KiB may bring them, each made to be hard on something. */
const hard: Readonly<Record<string, unknown>> = {
  l: Array.from({ length: 1500 }, (_, index) => `${index}`),
  n: Array.from({ length: 1500 }, (_, index) => index - 700),
  d: Array.from({ length: 1500 }, (_, index) => index + 0.1),
  b: Array.from({ length: 1500 }, (_, index) => index % 2 === 0),
  o: Array.from({ length: 800 }, (_, index) => ({ a: index })),
  m: Object.fromEntries(Array.from({ length: 800 }, (_, index) => [`k${index}`, index])),
  long: 'a'.repeat(15_000),
  half: `${'a'.repeat(7000)}b`,
  mixed: 'aB'.repeat(7500),
  emoji: '😀'.repeat(3900),
  spaces: ' '.repeat(15_000),
  short: 'refs/heads/main',
  text: Array.from({ length: 15_000 }, (_, index) => ((index * 7919) >> 3) % 2 === 0 ? 'a' : 'b').join(''),
  big: 9_007_199_254_740_991,
  time: '2026-01-02T03:04:05.678Z',
  deep: Array.from({ length: 30 }).reduce<unknown>((inner) => [inner, inner && 1], 'x'),
  nothing: null,
};

const valuesWith = (claims: unknown): ExpressionValues => ({
  claims: toExpressionValue(claims),
  subject: toExpressionValue({ issuer: 'github-actions', sub: 'repo:acme/payments' }),
  actor: null,
  client: toExpressionValue({ id: 'payments/deployer', namespace: 'payments', name: 'deployer', namespaceLabels: { team: 'payments' }, trusted: false }),
  request: toExpressionValue({ audience: 'kubernetes-prod', scopes: ['read'], tokenType: 'access_token' }),
});

/** What may stand in a loop over `x`; each function and operator at least once, on what it is slow with. */
const bodies: readonly string[] = [
  'true', '1', 'x', 'claims', 'claims.short', "claims['short']", 'claims[?x]', 'claims.?absent', 'has(claims.absent)', 'claims.m[?x]', 'claims.l[?0]',
  'x == x', "x == 'a'", 'claims.long == claims.long', 'claims.long == claims.long + claims.nothing', 'claims.m == claims.m', 'claims.l == claims.l', 'claims.o == claims.o', 'claims.deep == claims.deep', 'claims.l == claims.n',
  'x in claims.l', "'a' in claims.n", 'x in claims.m', 'claims.big in claims.d',
  'claims.big + 1', 'claims.big * 900', 'claims.big / 7', 'claims.big % 7', '-claims.big', '1.5 * 2.5', '!true', 'x < x', 'claims.long < claims.long', 'claims.emoji <= claims.emoji', '1 < 2.5',
  'x + x', 'claims.long + claims.long', 'claims.l + claims.l', '[] + []', '[x, x, x]', '{x: x}', "{'a': 1, 'b': 2}", '[[[[[[x]]]]]]',
  'size(claims.long)', 'size(claims.emoji)', 'size(claims.l)', 'size(claims.m)',
  "claims.long.contains('b')", 'claims.long.contains(claims.half)', "claims.long.startsWith('a')", 'claims.long.startsWith(claims.half)', 'claims.long.endsWith(claims.half)', "claims.text.contains('abab')",
  "claims.long.indexOf('b')", 'claims.long.indexOf(claims.half)', 'claims.long.lastIndexOf(claims.half)', "claims.emoji.indexOf('a')", "claims.emoji.indexOf('😀', 3000)", "claims.emoji.lastIndexOf('😀', 3000)",
  'claims.long.charAt(9)', 'claims.emoji.charAt(9)', 'claims.long.substring(1)', 'claims.emoji.substring(1)', 'claims.emoji.substring(1, 3000)',
  'claims.long.upperAscii()', 'claims.mixed.lowerAscii()', 'claims.mixed.upperAscii()', 'claims.spaces.trim()', 'claims.emoji.trim()',
  "claims.long.replace('a', '')", "claims.long.replace('a', 'bb')", "claims.long.replace('', 'b')", "claims.emoji.replace('', 'b')", 'claims.long.replace(claims.half, x)', "claims.long.replace('a', claims.short)", "claims.long.replace('a', 'b', 5)",
  "claims.long.split('')", "claims.long.split('a')", "claims.long.split('a', 3)", "claims.emoji.split('')", 'claims.long.split(claims.half)', "claims.l.join(',')", 'claims.l.join(claims.short)', "claims.l.join('')",
  "claims.long.matches('a')", "claims.long.matches('b')", "claims.long.matches('(a+)+$')", "claims.long.matches('^(a?){100}a{100}$')", "claims.text.matches('(a|b)*a(a|b){20}[c-z]')", "claims.text.matches('[ab]*a[ab]{100}[0-9]')", "claims.text.matches('\\\\pL+\\\\pN')", "claims.emoji.matches('\\\\pL')", "claims.text.matches('(?i)(ab?){50}[c-z]')", "claims.text.matches('\\\\b(a|b)+\\\\b[c-z]')", "claims.text.substring(0, 1000).matches('\\\\b[ab]*\\\\Ba[ab]{60}\\\\b[0-9]')", "claims.text.substring(0, 1000).matches('[ab]*a[ab]{90}[0-9]')", "claims.text.substring(0, 200).matches('[ab]*a[ab]{300}[0-9]')", "(x + claims.text.substring(0, 60)).matches('[ab0-9]*a[ab]{60}[c-z]')", "(x + claims.text.substring(0, 20)).matches('\\\\b[ab0-9]*a[ab]{14}\\\\b[c-z]')", "claims.text.substring(0, 4000).matches('[ab]*a[ab]{14}[0-9]')", "claims.text.matches('(.*)(.*)(.*)(.*)[0-9]$')", "x.matches('^[0-9]+$')", "x.matches('1')", "claims.short.matches('^refs/heads/(main|release/.*)$')",
  'string(claims.big)', 'string(1.5)', "int('12')", 'int(x)', 'double(x)', "int(claims.short) == 1 || true", 'claims.absent == 1 || true', 'has(claims.absent.x) || true', "[claims.absent].exists(y, true) || true", 'x.startsWith(dyn(1)) || true',
  'timestamp(claims.time)', 'timestamp(claims.big / 1000000)', 'string(timestamp(claims.time))', 'timestamp(claims.time).getDayOfYear()', "duration('1h30m')", 'duration(x + "h1.5m3s")', 'string(duration(x + "h"))', 'timestamp(claims.time) + duration("1h")',
  'type(x)', 'type(x) == string', 'dyn(x)', 'optional.of(x)', 'optional.of(x).orValue(x)', 'optional.of(x).optMap(y, y)', 'optional.none().or(optional.of(x))', 'true ? x : x', 'true && true && true', 'false || false || true',
  'claims.l.exists(y, false)', 'claims.l.all(y, y != x)', 'claims.l.filter(y, false)', 'claims.l.filter(y, true)', 'claims.l.map(y, y)', 'claims.l.map(y, [y, y])', 'claims.m.map(y, y)', 'claims.l.exists_one(y, y == x)', 'claims.n.map(y, y * y)', 'claims.n.map(y, y + y)', 'claims.n.map(y, -y)', 'claims.n.map(y, string(y))', 'claims.b.all(y, y || !y)', 'claims.o.map(y, y.a)', 'claims.o.exists(y, y.b == 1)', 'claims.o.exists(y, has(y.b))', 'claims.l.exists(y, claims.absent == 1)', 'claims.d.map(y, y * 1.5)', 'claims.n.map(y, {y: y})', 'claims.n.map(y, y < 1.5)', 'claims.l.map(y, y < x)', 'claims.l.map(y, y + x)', 'claims.l.map(y, int(y))', 'claims.l.map(y, y.size())',
];

const twice = (chain: string): string => `${chain} == ${chain}`;
const anyOf = (condition: string) => (chain: string): string => `${chain}.exists(x, ${condition})`;

/** Expressions that use what values share: each link of a chain doubles what a careless evaluation would do. */
const chains: readonly (readonly [start: string, link: string, finish: (chain: string) => string])[] = [
  ['[1]', '.map(x, [x, x])', twice],
  ['[1]', '.map(x, [x, x])', (chain) => chain],
  ["['aaaa']", '.map(x, x + x)', anyOf("x.contains('b')")],
  ["['aaaa']", '.map(x, x + x)', twice],
  ["[['a']]", '.map(x, x + x)', anyOf('x.size() == 0')],
  ["['ab']", ".map(x, x.replace('a', x))", anyOf("x == ''")],
  ["['ab']", ".map(x, x.replace('', x))", anyOf("x == ''")],
  ["[['a']]", ".map(x, [x.join('aa'), x.join('bb')])", anyOf('x.size() == 0')],
  ['[1]', ".map(x, {'a': x, 'b': x})", twice],
  ['[3]', '.map(x, x * x)', twice],
  ["['a,a']", ".map(x, (x + ',' + x).split(',').join(','))", twice],
  ['[[1, 2]]', '.map(x, x + x)', twice],
  ["['aaaaaaaa']", '.map(x, x + x)', (chain) => `${chain}.map(x, x.split(''))`],
];

function compile(text: string): CompiledExpression {
  const { expression, mistake } = compileExpression('claimMapping', text);
  if (expression === undefined) throw new Error(`${text}: ${mistake}`);
  return expression;
}

type Measured = { text: string; milliseconds: number; steps: number };

/** Milliseconds of processor that this thread has had: what else runs on the machine does not count. */
function cpuTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** The median of some runs, after one that warms up. */
function measure(text: string, values: ExpressionValues, runs = 7): Measured {
  const expression = compile(text);
  const times: number[] = [];
  let steps = 0;
  for (let run = 0; run <= runs; run++) {
    const allowance = { left: mostSteps };
    const start = cpuTime();
    expression.evaluate(values, allowance);
    times.push(cpuTime() - start);
    steps = mostSteps - Math.max(0, allowance.left);
  }
  return { text, milliseconds: times.slice(1).toSorted((a, b) => a - b)[runs >> 1] ?? 0, steps };
}

/** Repeats a link as often as the bounds allow. */
function chained([start, link, finish]: (typeof chains)[number]): string {
  const loads = (links: number): boolean => compileExpression('claimMapping', finish(start + link.repeat(links))).expression !== undefined;
  let links = 1;
  while (links < 128 && loads(links + 1)) links++;
  return finish(start + link.repeat(links));
}

const short = (text: string): string => (text.length > 76 ? `${text.slice(0, 73)}…` : text);

function worst(): void {
  const values = valuesWith(hard);
  const texts = [...bodies.flatMap((body) => [`claims.l.map(x, ${body}).size()`, `claims.l.map(z, claims.l.map(x, ${body}).size()).size()`]), ...chains.map(chained)];
  const measured = texts.map((text) => measure(text, values)).toSorted((a, b) => b.milliseconds - a.milliseconds);
  console.log(`The slowest of ${texts.length} expressions that are made to be slow (at most ${mostSteps} steps), in CPU time:`);
  for (const { text, milliseconds, steps } of measured.slice(0, 25)) console.log(`${milliseconds.toFixed(2).padStart(8)} ms ${String(steps).padStart(7)} steps ${((milliseconds * 1e6) / steps).toFixed(0).padStart(5)} ns/step  ${short(text)}`);
  const perStep = measured.filter(({ steps }) => steps > 1000).toSorted((a, b) => b.milliseconds / b.steps - a.milliseconds / a.steps);
  console.log('\nThe dearest steps:');
  for (const { text, milliseconds, steps } of perStep.slice(0, 25)) console.log(`${((milliseconds * 1e6) / steps).toFixed(0).padStart(5)} ns/step ${milliseconds.toFixed(2).padStart(8)} ms ${String(steps).padStart(7)} steps  ${short(text)}`);
}

/** A generator of numbers below 1 that are the same in every run (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Loops in loops of any bodies: looks for one that is dearer than what was thought of. */
function search(count: number): void {
  const random = numbersFrom(1);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const loop = (depth: number): string => {
    const body = depth > 0 && random() < 0.5 ? loop(depth - 1) : `[${pick(bodies)}, ${pick(bodies)}].size()`;
    const range = pick(['claims.l', 'claims.n', 'claims.d', 'claims.o', 'claims.m', '[1, 2, 3]', "claims.long.split('')", 'claims.l.map(x, [x, x])']);
    return pick([`${range}.map(x, ${body}).size()`, `${range}.filter(x, ${body} == 0 || x == x).size()`, `${range}.exists(x, ${body} == -1)`, `${range}.all(x, ${body} != -1 || x.a == 1)`]);
  };
  const values = valuesWith(hard);
  const found: Measured[] = [];
  for (let tried = 0; tried < count; tried++) {
    const text = loop(2);
    if (compileExpression('claimMapping', text).expression !== undefined) found.push(measure(text, values, 3));
  }
  console.log(`\nThe slowest of ${found.length} that were put together by chance:`);
  const slowest = found.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, 30).map(({ text }) => measure(text, values, 15));
  for (const { text, milliseconds, steps } of slowest.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, 8)) console.log(`${milliseconds.toFixed(2).padStart(8)} ms ${String(steps).padStart(7)} steps ${((milliseconds * 1e6) / steps).toFixed(0).padStart(5)} ns/step  ${text}`);
}

/** Evaluations a second of what policies usually hold. */
function usual(): void {
  const values = valuesWith({ repository: 'acme/payments', repository_owner: 'acme', repository_id: '456789', ref: 'refs/heads/main', groups: ['dev', 'ops', 'payments:deployers'], exp: 1_767_225_600 });
  console.log('\nUsual expressions:');
  for (const text of [
    "claims.repository_owner == 'acme' && claims.ref.startsWith('refs/heads/')",
    "claims.repository_id == '456789'",
    "claims.groups.all(g, g.startsWith(client.namespace + ':'))",
    "claims.ref.matches('^refs/(heads|tags)/v[0-9]+$')",
    "'ci:' + claims.repository",
    "claims.?environment.orValue('none') == 'prod'",
    "claims.absent == 'x'",
  ]) {
    const expression = compile(text);
    const count = 200_000;
    const rates = Array.from({ length: 5 }, () => {
      const start = cpuTime();
      for (let run = 0; run < count; run++) expression.evaluate(values);
      return count / (cpuTime() - start) / 1000;
    });
    console.log(`${Math.max(...rates).toFixed(2).padStart(8)} M/s  ${text}`);
  }
}

/** Milliseconds of one run, of as many as fill some time. */
function average(run: () => unknown): number {
  let runs = 0;
  const start = cpuTime();
  let now = start;
  for (; now - start < 100; now = cpuTime()) for (let more = 0; more < 10; more++, runs++) run();
  return (now - start) / runs;
}

/** What converting the claims of a token costs, once for all its expressions. */
function converting(): void {
  const usualClaims = { iss: 'https://token.example.com', sub: 'repo:acme/payments', aud: ['https://cambio.example.com'], exp: 1_767_225_600, iat: 1_767_222_000, repository: 'acme/payments', repository_id: '456789', ref: 'refs/heads/main', groups: ['dev', 'ops'] };
  console.log('\nConverting claims:');
  for (const [name, claims] of [['usual', usualClaims], ['4000 numbers', { n: Array.from({ length: 4000 }, (_, index) => index) }], ['1300 members', Object.fromEntries(Array.from({ length: 1300 }, (_, index) => [`m${index}`, index]))]] as const) {
    console.log(`${(average(() => toExpressionValue(claims)) * 1000).toFixed(1).padStart(8)} µs  ${name}`);
  }
}

/** What reading and checking takes: usual ones, and the longest. */
function loading(): void {
  const texts: readonly string[] = [
    "claims.repository_owner == 'acme' && claims.ref.startsWith('refs/heads/')",
    `claims.a in [${Array.from({ length: 440 }, (_, index) => `'${10_000 + index}'`).join(',')}]`,
    Array.from({ length: 170 }, () => "claims.abcd == 'abcdefg'").join('||').slice(0, maxTextLength).replace(/\|\|[^|]*$/, ''),
    `${'['.repeat(120)}1${']'.repeat(120)}`,
    chained(['[1]', '.map(x, [x])', twice]),
    "claims.a.matches('a{510}')",
    `claims.a.matches('${'(ab|cd|ef)'.repeat(51)}')`,
    `claims.a.matches('${'(?i:\\\\pL)'.repeat(8)}')`,
    "claims.a.matches('\\\\pL{62}')",
  ];
  console.log('\nLoading:');
  for (const text of texts) {
    const milliseconds = average(() => compileExpression('claimMapping', text));
    console.log(`${milliseconds.toFixed(3).padStart(8)} ms  ${text.length} characters: ${short(text)} ${compileExpression('claimMapping', text).mistake ?? ''}`);
  }
}

worst();
search(400);
usual();
converting();
loading();
