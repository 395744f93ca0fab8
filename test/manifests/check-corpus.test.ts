// The corpus through `cambio check`: what the schema refuses, the command refuses, with the same words at the same place.
import { describe, expect, test } from 'vitest';
import { runCheckWith } from '../commands/run-check.ts';
import { readCorpus } from './corpus.ts';

type Problem = { field: string; message: string; line: number };

async function problemsIn(path: string): Promise<{ code: number; problems: Problem[] }> {
  const { code, out } = await runCheckWith([path, '--output', 'json']);
  return { code, problems: (JSON.parse(out) as { problems: Problem[] }).problems };
}

describe('invalid', () => {
  test.each(readCorpus('invalid'))('$name', async ({ path, problems: expected }) => {
    const { code, problems } = await problemsIn(path);
    expect(code).toBe(1);
    expect(problems.map(({ field, message }) => `${field}: ${message}`)).toEqual(expect.arrayContaining([...expected]));
    expect(problems).toHaveLength(expected.length);
  });
});

describe('valid', () => {
  // One object alone refers to others that are not there, and its namespace may not be trusted: that is no mistake in it.
  test.each(readCorpus('valid'))('$name', async ({ path }) => {
    const { code, problems } = await problemsIn(path);
    expect([0, 1]).toContain(code);
    expect(problems.filter(({ message }) => /unknown field|is required|must (?:be|have)/.test(message))).toEqual([]);
  });
});
