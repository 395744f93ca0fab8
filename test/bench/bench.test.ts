// The bench runs, and prints tables that hold numbers. What the numbers are is not asked: no test asserts a duration.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { nodeFlags } from './contestants.ts';
import { median, medianRatio } from './statistics.ts';
import { number, printTable } from './print-table.ts';

const run = (...args: string[]): Promise<{ stdout: string; stderr: string }> => promisify(execFile)(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args]);

test('it runs from its start to its end', { timeout: 120_000 }, async () => {
  const { stdout } = await run('--quick', '--markdown');
  const tables = stdout.split(/^### /m).slice(1);
  expect(tables.map((table) => table.split('\n')[0])).toEqual([
    'RS256 subject token → ES256 issued',
    'RS256 subject token → RS256 issued',
    'ExchangeClients: loading and changing them',
    'ExchangeClients: requests',
    'Start',
    'One process and two',
  ]);
  const rows = tables.map((table) => table.split('\n').filter((line) => line.startsWith('| ')).slice(2));
  expect(rows.map(({ length }) => length)).toEqual([4, 4, 2, 2, 2, 4]);
  expect(rows.flat().filter((row) => !/(\| +(?:[0-9][0-9,.]*|not known) ){2}\|$/.test(row))).toEqual([]);
  expect(stdout.split('\n').filter((line) => line.startsWith('|') && line.length > 100)).toEqual([]);
});

test('what is measured is started as the image starts it', async () => {
  const dockerfile = await readFile(join(import.meta.dirname, '../../Dockerfile'), 'utf8');
  expect(JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '')).toEqual(['node', ...nodeFlags, '/cambio/dist/cambio.js']);
});

test('--help has every option, and an unknown part is refused', async () => {
  expect((await run('--help')).stdout).toMatch(/--only NAME.*\n[^]*--quick[^]*--markdown/);
  await expect(run('--only', 'nothing')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('--only: must be one of exchanges, clients, start, processes, token-review') });
});

test('the median, and that of ratios within rounds', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), medianRatio([10, 1, 8], [20, 1, 10])]).toEqual([2, 2.5, 0.8]);
});

test('a table, for people and for a page', () => {
  const table = { title: 'Title', note: 'Note.', columns: ['name', 'of'], rows: [['a', number(1234)], ['bc', number(0.5, 2)]] };
  expect(printTable(table, false)).toBe('\nTitle\nNote.\n\n  name     of\n  a     1,234\n  bc     0.50\n');
  expect(printTable(table, true)).toBe('\n### Title\n\nNote.\n\n| name |    of |\n| ---- | ----: |\n| a    | 1,234 |\n| bc   |  0.50 |\n');
});
