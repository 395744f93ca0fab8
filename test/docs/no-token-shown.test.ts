// No command of a page ends in showing a token: what a job prints can be read by everybody who reads its log.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root }).toSorted();

/** The last command of a pipe takes a member that holds a token, and nothing takes it from there. */
const shown = /\bjq +-\w+ +'?\.(value|access_token)'? *$/m;

test.each(pages)('%s', (page) => {
  expect(readFileSync(join(root, page), 'utf8')).not.toMatch(shown);
});
