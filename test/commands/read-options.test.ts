// Options of a command: from arguments and variables, with every mistake told at once.
import { describe, expect, test } from 'vitest';
import { address, duration, flag, issuerURL, list, oneOf, text, wholeNumber } from '../../src/commands/option-values.ts';
import { describeOptions, readOptions, takeOperands, variableOf, type Options, type ReadValue } from '../../src/commands/read-options.ts';

const options = {
  'config-dir': { value: 'DIR', help: 'Where the manifests are.', read: text },
  'max-lifetime': { value: 'DURATION', help: 'The longest life.', read: duration('60s', '24h'), fallback: '1h' },
  'explain-denials': { help: 'Tell why.', read: flag, fallback: 'false' },
} as const satisfies Options;

const defaults = { 'max-lifetime': 3_600_000, 'explain-denials': false };

describe('values', () => {
  test.each<{ name: string; args: string[]; env?: Record<string, string>; values: object }>([
    { name: 'nothing given', args: [], values: defaults },
    { name: 'an argument', args: ['--config-dir', '/etc/cambio'], values: { ...defaults, 'config-dir': '/etc/cambio' } },
    { name: 'with an equals sign', args: ['--config-dir=/etc/cambio'], values: { ...defaults, 'config-dir': '/etc/cambio' } },
    { name: 'a value that begins with a dash', args: ['--config-dir', '-'], values: { ...defaults, 'config-dir': '-' } },
    { name: 'a value that looks like an option', args: ['--config-dir=--odd'], values: { ...defaults, 'config-dir': '--odd' } },
    { name: 'a flag', args: ['--explain-denials'], values: { ...defaults, 'explain-denials': true } },
    { name: 'a flag that is taken back', args: ['--explain-denials=false'], values: defaults },
    { name: 'a variable', args: [], env: { CAMBIO_CONFIG_DIR: '/etc/cambio', CAMBIO_EXPLAIN_DENIALS: 'true' }, values: { ...defaults, 'config-dir': '/etc/cambio', 'explain-denials': true } },
    { name: 'the argument goes before the variable', args: ['--config-dir', 'a'], env: { CAMBIO_CONFIG_DIR: 'b' }, values: { ...defaults, 'config-dir': 'a' } },
    { name: 'a flag goes before the variable', args: ['--explain-denials=false'], env: { CAMBIO_EXPLAIN_DENIALS: 'true' }, values: defaults },
    { name: 'an argument, where the variable is wrong', args: ['--max-lifetime', '2h'], env: { CAMBIO_MAX_LIFETIME: 'long' }, values: { ...defaults, 'max-lifetime': 7_200_000 } },
    { name: 'an empty variable is none', args: [], env: { CAMBIO_CONFIG_DIR: '', CAMBIO_MAX_LIFETIME: '' }, values: defaults },
    { name: 'other variables', args: [], env: { CAMBIO_OTHER: '1', CONFIG_DIR: 'x', cambio_config_dir: 'y' }, values: defaults },
    { name: 'a double dash and nothing after it', args: ['--'], values: defaults },
  ])('$name', ({ args, env, values }) => {
    expect(readOptions(options, args, env ?? {})).toEqual({ values });
  });
});

describe('mistakes', () => {
  test.each<{ name: string; args: string[]; env?: Record<string, string>; mistakes: string[] }>([
    { name: 'an unknown option', args: ['--config-dri', 'x'], mistakes: ['--config-dri: there is no such option; see --help', '"x": this command takes options only'] },
    { name: 'a short option', args: ['-v'], mistakes: ['-v: there is no such option; see --help'] },
    { name: 'a name that every object has', args: ['--constructor', '--__proto__'], mistakes: ['--constructor: there is no such option; see --help', '--__proto__: there is no such option; see --help'] },
    { name: 'an argument that is no option', args: ['manifests'], mistakes: ['"manifests": this command takes options only'] },
    { name: 'after a double dash', args: ['--', '--config-dir'], mistakes: ['"--config-dir": this command takes options only'] },
    { name: 'a missing value at the end', args: ['--config-dir'], mistakes: ['--config-dir: needs a value (DIR)'] },
    { name: 'a missing value before the next option', args: ['--config-dir', '--explain-denials'], mistakes: ['--config-dir: needs a value (DIR)'] },
    { name: 'an empty value', args: ['--config-dir='], mistakes: ['--config-dir: needs a value (DIR)'] },
    { name: 'an option twice', args: ['--config-dir', 'a', '--config-dir', 'a'], mistakes: ['--config-dir: stands twice'] },
    { name: 'a flag twice', args: ['--explain-denials', '--explain-denials'], mistakes: ['--explain-denials: stands twice'] },
    { name: 'a flag with a value of its own', args: ['--explain-denials', 'true'], mistakes: ['"true": this command takes options only'] },
    { name: 'a wrong value', args: ['--max-lifetime', 'long'], mistakes: ['--max-lifetime: must be a duration such as 90s, 10m or 1h30m, from 60s to 24h, and is "long"'] },
    { name: 'a wrong variable', args: [], env: { CAMBIO_EXPLAIN_DENIALS: 'yes' }, mistakes: ['CAMBIO_EXPLAIN_DENIALS: must be true or false, and is "yes"'] },
    {
      name: 'all at once',
      args: ['--wrong', '--config-dir', '--max-lifetime=1s'],
      env: { CAMBIO_EXPLAIN_DENIALS: 'maybe' },
      mistakes: [
        '--wrong: there is no such option; see --help',
        '--config-dir: needs a value (DIR)',
        'CAMBIO_EXPLAIN_DENIALS: must be true or false, and is "maybe"',
      ],
    },
  ])('$name', ({ args, env, mistakes }) => {
    expect(readOptions(options, args, env ?? {})).toEqual({ mistakes });
  });
});

test.each([
  ['config-dir', 'CAMBIO_CONFIG_DIR'],
  ['issuer', 'CAMBIO_ISSUER'],
  ['max-requests-in-flight', 'CAMBIO_MAX_REQUESTS_IN_FLIGHT'],
])('the variable of --%s is %s', (name, variable) => {
  expect(variableOf(name)).toBe(variable);
});

describe('kinds of value', () => {
  const kinds: { kind: string; read: ReadValue<unknown>; good: [string, unknown][]; bad: string[]; mistake: string }[] = [
    { kind: 'flag', read: flag, good: [['true', true], ['false', false]], bad: ['', 'yes', 'TRUE', '1', ' true'], mistake: 'must be true or false' },
    { kind: 'list', read: list, good: [['a', ['a']], ['a,b', ['a', 'b']], [' a , b,', ['a', 'b']], [',', []]], bad: [], mistake: '' },
    { kind: 'one of several', read: oneOf('ES256', 'RS256'), good: [['ES256', 'ES256']], bad: ['es256', 'ES256 ', '', 'HS256'], mistake: 'must be one of ES256, RS256' },
    { kind: 'whole number', read: wholeNumber(1, 100), good: [['1', 1], ['100', 100], ['007', 7]], bad: ['0', '101', '-1', '1.5', '1e2', '0x10', ' 5', '', 'NaN', '9'.repeat(400)], mistake: 'must be a whole number from 1 to 100' },
    {
      kind: 'duration',
      read: duration('60s', '24h'),
      good: [['60s', 60_000], ['60000ms', 60_000], ['1m', 60_000], ['1h30m', 5_400_000], ['24h', 86_400_000], ['0h90s', 90_000]],
      bad: ['59s', '59999ms', '24h1ms', '0', '3600', '1d', '1.5h', '-1h', '1h ', 'h', '', '1H', `${'9'.repeat(400)}h`],
      mistake: 'must be a duration such as 90s, 10m or 1h30m, from 60s to 24h',
    },
    { kind: 'duration that may be nothing', read: duration('0s', '60s'), good: [['0', 0], ['0s', 0], ['10s', 10_000]], bad: ['00', '61s'], mistake: 'must be a duration such as 90s, 10m or 1h30m, from 0s to 60s' },
    {
      kind: 'address',
      read: address,
      good: [
        ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
        ['localhost:0', { host: 'localhost', port: 0 }],
        [':8080', { host: '::', port: 8080 }],
        ['[::1]:65535', { host: '::1', port: 65_535 }],
        ['[::ffff:127.0.0.1]:1', { host: '::ffff:127.0.0.1', port: 1 }],
      ],
      bad: ['', '8080', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '127.0.0.1:x', '::1:8080', '[::1]', '[]:80', '[localhost]:80', 'http://127.0.0.1:8080'],
      mistake: 'must be HOST:PORT, such as 127.0.0.1:8080',
    },
    {
      kind: 'issuer URL',
      read: issuerURL,
      good: ['https://cambio.example.com', 'https://cambio.example.com:8443', 'https://example.com/cambio/v1', 'https://192.0.2.1', 'http://127.0.0.1:8080', 'http://127.5.5.5', 'http://localhost:8080', 'http://[::1]:8080'].map((url) => [url, url]),
      bad: [
        '', 'cambio', 'cambio.example.com', '//cambio.example.com', 'http://cambio.example.com', 'http://0.0.0.0:8080', 'http://localhost.example.com', 'http://127.0.0.1.example.com', 'ftp://127.0.0.1',
        'https://cambio.example.com/', 'https://cambio.example.com/a/', 'https://cambio.example.com?a', 'https://cambio.example.com/?', 'https://cambio.example.com#a', 'https://me@cambio.example.com', 'https://:x@cambio.example.com', ' https://cambio.example.com', 'https://cambio.example.com\n',
      ],
      mistake: 'must be an https URL (http on loopback only) without user info, query, fragment or slash at its end',
    },
  ];
  const good = kinds.flatMap(({ kind, read, good: pairs }) => pairs.map(([written, value]) => ({ kind, read, written, value })));
  const bad = kinds.flatMap(({ kind, read, bad: texts, mistake }) => texts.map((written) => ({ kind, read, written, mistake })));

  test.each(good)('$kind: $written is good', ({ read, written, value }) => {
    expect(read(written)).toEqual(value);
  });

  test.each(bad)('$kind: $written is refused', ({ read, written, mistake }) => {
    expect(() => read(written)).toThrow(new Error(mistake));
  });

  test.each([
    { written: 'https://Cambio.example.com', normal: 'https://cambio.example.com' },
    { written: 'HTTPS://cambio.example.com', normal: 'https://cambio.example.com' },
    { written: 'https://cambio.example.com:443', normal: 'https://cambio.example.com' },
    { written: 'https://cambio.example.com/a/../b', normal: 'https://cambio.example.com/b' },
    { written: 'https://bücher.example.com', normal: 'https://xn--bcher-kva.example.com' },
    { written: 'http://127.1:8080', normal: 'http://127.0.0.1:8080' },
    { written: 'https:cambio.example.com', normal: 'https://cambio.example.com' },
    { written: 'https:\\\\cambio.example.com', normal: 'https://cambio.example.com' },
  ])('issuer URL: $written is not in its normal form', ({ written, normal }) => {
    expect(() => issuerURL(written)).toThrow(new Error(`must be written in its normal form (${normal})`));
  });
});

test('the help is a table with the defaults, wrapped', () => {
  const long = { 'a-name': { value: 'X', help: 'word '.repeat(30).trim(), read: text, fallback: 'x' }, b: { help: 'A flag.', read: flag, fallback: 'false' } };
  expect(describeOptions(long)).toBe(
    [
      '  --a-name X  word word word word word word word word word word word word word word word word word',
      '              word word word word word word word word word word word word word (default x)',
      '  --b         A flag.',
    ].join('\n'),
  );
});

describe('operands', () => {
  test.each<{ name: string; args: string[]; operands: string[]; rest: string[] }>([
    { name: 'none', args: ['--config-dir', 'a'], operands: [], rest: ['--config-dir', 'a'] },
    { name: 'before, between and after options', args: ['a', '--config-dir', 'b', 'c', '--explain-denials', 'd'], operands: ['a', 'c', 'd'], rest: ['--config-dir', 'b', '--explain-denials'] },
    { name: 'standard input', args: ['-', '--config-dir', '-'], operands: ['-'], rest: ['--config-dir', '-'] },
    { name: 'after a double dash', args: ['--explain-denials', '--', '--config-dir'], operands: ['--config-dir'], rest: ['--explain-denials', '--'] },
    { name: 'after an option that is not known', args: ['--wrong', 'a'], operands: ['a'], rest: ['--wrong'] },
  ])('$name', ({ args, operands, rest }) => {
    expect(takeOperands(options, args)).toEqual({ operands, rest });
  });
});

test('an option without a variable is given as an argument only', () => {
  const unshared = { token: { value: 'FILE', help: '', read: text, variable: false } } as const satisfies Options;
  expect(readOptions(unshared, [], { CAMBIO_TOKEN: 'a' })).toEqual({ values: {} });
  expect(readOptions(unshared, ['--token', 'b'], { CAMBIO_TOKEN: 'a' })).toEqual({ values: { token: 'b' } });
});
