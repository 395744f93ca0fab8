// The shape of the source, held by a test: which way imports go, what the pure folders may touch, how files begin.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transform } from 'esbuild';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const files = globSync('src/**/*.ts', { cwd: root }).toSorted();
const pure = ['manifests', 'policy', 'exchange'];
const adapters = ['kubernetes', 'files', 'keys', 'http', 'audit'];

/** What each part of src may import besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  manifests: [],
  policy: ['manifests'],
  exchange: ['manifests', 'policy'],
  ...Object.fromEntries(adapters.map((adapter) => [adapter, pure])),
  commands: [...pure, ...adapters],
  'main.ts': [...pure, ...adapters, 'commands'],
};

/** What the pure folders may use from outside the repository: nothing that has effects. */
const purePackages: Readonly<Record<string, readonly string[] | 'all'>> = {
  zod: 'all',
  yaml: 'all',
  'node:crypto': ['constants', 'createHash', 'createPublicKey', 'hash', 'KeyObject', 'SigningOptions', 'verify', 'X509Certificate'],
  '@marcbachmann/cel-js': ['Environment', 'ParseError', 'ASTNode'],
  re2js: ['RE2JS'],
};

const source = (file: string): string => readFileSync(join(root, file), 'utf8');
const partOf = (file: string): string => relative('src', file).split('/')[0] ?? '';

type Import = { from: string; names: readonly string[] };

/** Every import of a file, of types too, and `import()`, with the names as they are exported. */
function importsOf(file: string): Import[] {
  const statements = source(file).matchAll(/^(?:import|export)\s+(?:type\s+)?(?:([^'"=;()]+?)\s+from\s+)?'([^']+)';/gm);
  const calls = source(file).matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  return [
    ...Array.from(statements, ([, clause = '', from = '']) => ({ from, names: clause.replace(/[{}]/g, '').split(',').map(nameOf).filter((name) => name !== '') })),
    ...Array.from(calls, ([, from = '']) => ({ from, names: ['*'] })),
  ];
}

const nameOf = (specifier: string): string => specifier.trim().replace(/^type /, '').replace(/ as .*$/, '');

/** The code without types and comments. */
const codeOf = async (file: string): Promise<string> => (await transform(source(file), { loader: 'ts', format: 'esm', minifyWhitespace: true, charset: 'utf8' })).code;

test('there is a source to look at', () => {
  expect(files.length).toBeGreaterThan(40);
  expect([...new Set(files.map(partOf))].toSorted()).toEqual(Object.keys(mayImport).toSorted());
});

describe.each(files)('%s', (file) => {
  const part = partOf(file);

  test('imports only what stands to its left, with the ending .ts', () => {
    const local = importsOf(file).map(({ from }) => from).filter((from) => from.startsWith('.'));
    const foreign = local.map((from) => partOf(join(dirname(file), from))).filter((other) => other !== part && !(mayImport[part] ?? []).includes(other));
    expect(foreign).toEqual([]);
    expect(local.filter((from) => !from.endsWith('.ts'))).toEqual([]);
  });

  test('opens with a sentence that says what it is for', () => {
    expect(source(file)).toMatch(/^\/\/ [A-Z`][^\n]*[.:)]\n/);
  });

  test('has a kebab-case name that says more than utils', () => {
    expect(file).toMatch(/^src\/(?:[a-z]+\/)?[a-z]+(?:-[a-z0-9]+)*\.ts$/);
    expect(file).not.toMatch(/util|helper|common|manager|base\b/);
  });

  test('keeps no state of the module', () => {
    const state = /^(?:export )?(?:(?:let|var) .*|const \w+(?:: [^=]+)? = (?:new \w+(?:<.*>)?\(\)|\[\]|\{\});.*)$/gm;
    expect(source(file).match(state) ?? []).toEqual([]);
  });
});

test.each(files.filter((file) => !['main.ts', 'commands'].includes(partOf(file))))('%s leaves the process alone', async (file) => {
  expect(await codeOf(file)).not.toMatch(/\bprocess\.|\bprocess\[/);
  expect(importsOf(file).map(({ from }) => from)).not.toContain('node:process');
});

describe.each(files.filter((file) => pure.includes(partOf(file))))('%s is pure', (file) => {
  test('by what it imports', () => {
    const outside = importsOf(file).filter(({ from }) => !from.startsWith('.'));
    const refused = outside.flatMap(({ from, names }) => {
      const allowed = purePackages[from];
      return allowed === 'all' ? [] : names.filter((name) => !(allowed ?? []).includes(name)).map((name) => `${name} from ${from}`);
    });
    expect(refused).toEqual([]);
  });

  test('by the globals that it uses', async () => {
    const touched =
      /\bDate\.now\b|\bnew Date\(\)|\bDate\(\)|\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b|\bperformance\b|\bglobalThis\b|\bfetch\(|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bconsole\.|\bWebSocket\b/g;
    expect((await codeOf(file)).match(touched) ?? []).toEqual([]);
  });
});

test.each([
  ['@marcbachmann/cel-js', 'src/policy/expression-syntax.ts'],
  ['re2js', 'src/policy/expression-pattern.ts'],
])('%s is known to %s alone', (name, only) => {
  expect(files.filter((file) => importsOf(file).some(({ from }) => from === name))).toEqual([only]);
});

test('no import is overlooked', () => {
  const written = (file: string): number => source(file).match(/^import\b|\bimport\(/gm)?.length ?? 0;
  expect(files.filter((file) => importsOf(file).length < written(file))).toEqual([]);
  expect(importsOf('src/commands/serve.ts').flatMap(({ names }) => names)).toContain('randomUUID');
  expect(importsOf('src/main.ts').map(({ from }) => from)).toContain('./commands/serve.ts');
});
