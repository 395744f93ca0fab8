// Paths as people write them, and hints on mistyped names.
import { expect, test } from 'vitest';
import { formatPath, parsePath } from '../../src/manifests/format-path.ts';
import { nearestName } from '../../src/manifests/nearest-name.ts';

test.each([
  { path: [], text: 'the document' },
  { path: ['kind'], text: 'kind' },
  { path: ['spec', 'targets', 0, 'audience'], text: 'spec.targets[0].audience' },
  { path: ['spec', 'subjects', 12], text: 'spec.subjects[12]' },
  { path: ['items', 3, 'spec'], text: 'items[3].spec' },
  { path: [0, 'a'], text: '[0].a' },
  { path: ['spec', 'a b'], text: 'spec["a b"]' },
  { path: ['a.b'], text: '["a.b"]' },
  { path: ['spec', 'kubernetes.io/name'], text: 'spec["kubernetes.io/name"]' },
  { path: ['spec', ''], text: 'spec[""]' },
  { path: ['spec', '\u001b[31mred\n'], text: 'spec["\\u001b[31mred\\n"]' },
  { path: ['spec', '__proto__'], text: 'spec.__proto__' },
])('$text', ({ path, text }) => {
  expect(formatPath(path)).toBe(text);
});

test.each([
  { text: 'kind', path: ['kind'] },
  { text: 'spec.targets[0].audience', path: ['spec', 'targets', 0, 'audience'] },
  { text: 'spec.subjects[12]', path: ['spec', 'subjects', 12] },
  { text: 'spec["a b"].c', path: ['spec', 'a b', 'c'] },
  { text: 'spec["a\\"]b"]', path: ['spec', 'a"]b'] },
  { text: 'spec["kubernetes.io/name"]', path: ['spec', 'kubernetes.io/name'] },
  { text: '', path: undefined },
  { text: 'the document', path: undefined },
  { text: 'spec.', path: undefined },
  { text: 'spec[a]', path: undefined },
  { text: 'spec["a]', path: undefined },
  { text: 'https://ci.example.com', path: undefined },
])('$text is read as $path', ({ text, path }) => {
  expect(parsePath(text)).toEqual(path);
});

const known = ['issuer', 'verification', 'algorithms', 'maxTokenLifetimeSeconds', 'clockSkewSeconds', 'subjectPrefix', 'suspend'];

test.each([
  { written: 'algoritms', meant: 'algorithms' },
  { written: 'Algorithms', meant: 'algorithms' },
  { written: 'ALGORITHMS', meant: 'algorithms' },
  { written: 'algorihtms', meant: 'algorithms' },
  { written: 'isuser', meant: 'issuer' },
  { written: 'issuers', meant: 'issuer' },
  { written: 'suspended', meant: 'suspend' },
  { written: 'maxTokenLifetime', meant: undefined },
  { written: 'maxTokenLifetimeSecs', meant: 'maxTokenLifetimeSeconds' },
  { written: 'prefix', meant: undefined },
  { written: 'x', meant: undefined },
  { written: '', meant: undefined },
])('$written → $meant', ({ written, meant }) => {
  expect(nearestName(written, known)).toBe(meant);
});

test('where nothing is known there is no hint', () => {
  expect(nearestName('a', [])).toBeUndefined();
});

test('the first of two that are equally near is named', () => {
  expect(nearestName('jwksURI', ['jwksURL', 'jwksURN'])).toBe('jwksURL');
});

test('a name of a million letters is not compared', () => {
  expect(nearestName('a'.repeat(1_000_000), known)).toBeUndefined();
});
