// Every name that may stand in `check` of the audit log is in the documentation.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checks } from '../../src/exchange/checks.ts';
import { steps } from '../../src/exchange/explain-exchange.ts';

const root = join(import.meta.dirname, '../..');

/** Those that are given to an OAuthError as they are. */
const written = new Set(
  globSync('src/**/*.ts', { cwd: root }).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return Array.from(text.matchAll(/(?:new OAuthError\('\w+', |\brefused\()'([\w-]+)'/g), ([, name = '']) => name);
  }),
);
const ofTheDecision = new Set([...steps, ...checks].map(({ name }) => name));

const [, section = ''] = /^## The audit log\n(.*?)^## /ms.exec(readFileSync(join(root, 'docs/exchange.md'), 'utf8')) ?? [];
const rows = Array.from(section.matchAll(/^\| (`[^|]+) \|/gm), ([, cell = '']) => cell.split(', ').map((name) => name.replaceAll('`', ''))).flat();

test('there are names to look for', () => {
  expect(written.size).toBeGreaterThan(10);
});

test('the table has those that are not of the decision, and no other', () => {
  expect(rows.toSorted()).toEqual([...written].filter((name) => !ofTheDecision.has(name)).toSorted());
});
