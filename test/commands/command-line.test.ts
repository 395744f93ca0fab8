// The command line as a process: what it prints where, and its exit codes.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runMain } from './run-main.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-commands-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const crds = join(import.meta.dirname, '../../crds');

describe('help and version', () => {
  test.each([
    { args: ['--help'], code: 0, says: /^Cambio exchanges tokens.*\n\nUsage: cambio COMMAND/ },
    { args: [], code: 2, says: /^Cambio exchanges tokens/ },
    { args: ['serve', '--help'], code: 0, says: /^Usage: cambio serve \[OPTIONS\]\n\n {2}--issuer URL/ },
    { args: ['serve', '--no-such-option', '-h'], code: 0, says: /^Usage: cambio serve \[OPTIONS\]/ },
    { args: ['crds', '--help'], code: 0, says: /^Usage: cambio crds \[OPTIONS\]\n\n {2}--out DIR/ },
    { args: ['-V'], code: 0, says: /^cambio \d+\.\d+\.\d+\n$/ },
  ])('cambio $args', async ({ args, code, says }) => {
    const ended = await runMain(args);
    expect(ended).toMatchObject({ code, stderr: '' });
    expect(ended.stdout).toMatch(says);
    expect(ended.stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    expect(ended.stdout.endsWith('\n')).toBe(true);
  });
});

describe('mistakes', () => {
  test.each<{ name: string; args: string[]; env?: Record<string, string>; stderr: string }>([
    { name: 'a command that is not there', args: ['exhange'], stderr: 'cambio: there is no command "exhange"; see cambio --help\n' },
    { name: 'an option before the command', args: ['--issuer', 'https://cambio.example.com', 'serve'], stderr: 'cambio: there is no command "--issuer"; see cambio --help\n' },
    { name: 'serve without a thing', args: ['serve'], stderr: '--issuer: is required: the URL at which the world reaches Cambio, such as https://cambio.example.com\nSee cambio serve --help.\n' },
    {
      name: 'several options of serve',
      args: ['serve', '--issuer', 'http://cambio.example.com', '--listen', '8080', '--confdir', 'x'],
      env: { CAMBIO_LOG_LEVEL: 'loud' },
      stderr: `--confdir: there is no such option; see --help
"x": this command takes options only
--issuer: must be an https URL (http on loopback only) without user info, query, fragment or slash at its end, and is "http://cambio.example.com"
--listen: must be HOST:PORT, such as 127.0.0.1:8080, and is "8080"
CAMBIO_LOG_LEVEL: must be one of debug, info, warn, error, and is "loud"
See cambio serve --help.
`,
    },
    { name: 'an argument of crds', args: ['crds', 'out'], stderr: '"out": this command takes options only\nSee cambio crds --help.\n' },
  ])('$name', async ({ args, env, stderr }) => {
    expect(await runMain(args, env)).toEqual({ code: 2, stdout: '', stderr });
  });
});

describe('crds', () => {
  test('prints all of them as one stream', async () => {
    const { code, stdout, stderr } = await runMain(['crds']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const printed = parseAllDocuments(stdout).map((document) => document.toJS() as { kind: string; metadata: { name: string } });
    expect(printed.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'CustomResourceDefinition trustedissuers.cambio.dev',
      'CustomResourceDefinition exchangeclients.cambio.dev', 'CustomResourceDefinition targetservices.cambio.dev',
    ]);
  });

  test('writes a file for each, the same as in crds/', async () => {
    const out = join(dir, 'made', 'crds');
    expect(await runMain(['crds', '--out', out])).toEqual({ code: 0, stdout: '', stderr: '' });
    const files = await readdir(out);
    expect(files.toSorted()).toEqual((await readdir(crds)).toSorted());
    for (const file of files) expect(await readFile(join(out, file), 'utf8')).toBe(await readFile(join(crds, file), 'utf8'));
  });

  test('says why it can not write', async () => {
    await writeFile(join(dir, 'file'), '');
    const { code, stderr } = await runMain(['crds', '--out', join(dir, 'file')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^cambio crds: EEXIST: file already exists/);
  });
});
