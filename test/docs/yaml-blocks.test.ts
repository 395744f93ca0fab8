// Every manifest in a page of the documentation is one that Cambio accepts; a block that is not whole says so: ```yaml partial.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTexts } from '../../src/commands/check-input.ts';
import { checkOptions, type CheckOptions } from '../../src/commands/check-options.ts';
import { checkPolicy } from '../../src/commands/check-policy.ts';
import { settingsOf } from '../../src/commands/check.ts';
import { readOptions } from '../../src/commands/read-options.ts';

const root = join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root }).toSorted();

const options = readOptions(checkOptions, [], {}).values as CheckOptions;

type Block = { page: string; line: number; info: string; text: string };

/** The fenced blocks of YAML in a page. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return Array.from(text.matchAll(/^([ \t]*)```ya?ml *([^\n]*)\n(.*?)^\1```$/gms), ({ 1: indent = '', 2: info = '', 3: block = '', index }) => ({
    page,
    line: text.slice(0, index).split('\n').length,
    info,
    text: block.split('\n').map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)).join('\n'),
  }));
}

const blocks = pages.flatMap(blocksOf);
const manifests = blocks.filter(({ text }) => text.includes('apiVersion: cambio.dev/'));

test('there are blocks to look at', () => {
  expect(manifests.length).toBeGreaterThan(1);
  expect(blocks.filter(({ info }) => info !== '' && info !== 'partial').map(({ page, line, info }) => `${page}:${line}: ${info}`)).toEqual([]);
});

describe.each(manifests.filter(({ info }) => info !== 'partial'))('$page:$line', ({ page, line, text }) => {
  // As many lines before it as there are in the page: then a problem is told where it is.
  const input = readTexts([{ file: page, text: '\n'.repeat(line) + text }]);

  test('is read without a problem', () => {
    expect(input.problems).toEqual([]);
    expect(input.objects.size).toBeGreaterThan(0);
  });

  test('is accepted', () => {
    const { rows } = checkPolicy(input, { ...settingsOf(options), isTrustedNamespace: () => true });
    expect(rows.filter(({ reason }) => reason.startsWith('NotAccepted'))).toEqual([]);
  });
});
