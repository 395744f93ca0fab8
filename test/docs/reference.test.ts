// docs/reference is what the schemas, the reasons and the checks say now.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { referencePages } from '../../docs/reference/print-reference.ts';

const dir = join(import.meta.dirname, '../../docs/reference');
const pages = referencePages();

test.each([...pages])('%s is as it is printed now (npm run reference)', (name, content) => {
  expect(readFileSync(join(dir, name), 'utf8')).toBe(content);
});

test('there is no other page', () => {
  expect(readdirSync(dir).filter((name) => name.endsWith('.md')).toSorted()).toEqual([...pages.keys()].toSorted());
});

test.each([...pages])('%s has a meaning for everything that it lists', (_name, content) => {
  const rows = content.split('\n').filter((line) => /^\| (?!---)/.test(line));
  expect(rows.length).toBeGreaterThan(5);
  expect(rows.filter((row) => /\|\s*\|$/.test(row))).toEqual([]);
});
