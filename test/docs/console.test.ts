// What a page shows as a command's output is what the command says.
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folderWithCambio, runShell } from './run-cambio.ts';

const root = join(import.meta.dirname, '../..');

/** The pages with such blocks, and where their commands run. */
const pages = [
  { page: 'docs/testing-a-policy.md', cwd: 'examples/pipelines' },
  { page: 'test/commands/shown.md', cwd: 'test/commands' },
];

const blocks = pages.flatMap(({ page, cwd }) => {
  const text = readFileSync(join(root, page), 'utf8');
  return Array.from(text.matchAll(/^```console\n\$ ([^\n]*)\n(.*?)^```$/gms), ([, command = '', output = '']) => ({ page, cwd, command, output }));
});

let bin: string;
beforeAll(async () => {
  bin = await folderWithCambio();
});
afterAll(() => rm(bin, { recursive: true, force: true }));

test('there are blocks to look at', () => {
  expect(blocks.length).toBeGreaterThan(2);
});

test.each(blocks)('$page: $command', async ({ cwd, command, output }) => {
  const { stdout, stderr } = await runShell(command, join(root, cwd), bin);
  expect(stdout + stderr).toBe(output);
  expect(output.split('\n').filter((line) => line.length > 100)).toEqual([]);
});
