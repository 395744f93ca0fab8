// The corpus as Cambio's own schema reads it.
import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import { readCorpus } from './corpus.ts';

const valid = readCorpus('valid');
const invalid = readCorpus('invalid');

test('the corpus is there', () => {
  expect(valid.length).toBeGreaterThanOrEqual(25);
  expect(invalid.length).toBeGreaterThanOrEqual(150);
});

test.each(valid)('valid/$name is read', ({ name, text }) => {
  const { objects, problems, syntaxErrors } = parseManifests(text, name);
  expect([...syntaxErrors, ...problems]).toEqual([]);
  expect(objects.map((object) => object.manifest !== undefined)).toEqual([true]);
});

describe.each(invalid)('invalid/$name', ({ name, text, problems: expected }) => {
  const { objects, problems, syntaxErrors } = parseManifests(text, name);

  test('is refused with the words in its first lines', () => {
    expect(expected.length).toBeGreaterThan(0);
    expect(syntaxErrors).toEqual([]);
    expect(problems.map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
  });

  test('is pointed at where it is wrong', () => {
    const lines = text.split('\n');
    const outside = problems.filter(({ line, column }) => line <= expected.length || column > (lines[line - 1] ?? '').length);
    expect(outside).toEqual([]);
  });

  test('leaves nothing of the object in use', () => {
    expect(objects.flatMap((object) => object.manifest ?? [])).toEqual([]);
  });
});
