import { expect, test } from 'vitest';
import { tellOnce } from '../../src/kubernetes/tell-once.ts';

test('a trouble is told when it begins, when it becomes another, and when it is over', () => {
  const told: (string | undefined)[] = [];
  const tell = tellOnce((trouble) => told.push(trouble));
  for (const trouble of [undefined, 'a', 'a', 'b', 'b', 'a', undefined, undefined, 'a']) tell(trouble);
  expect(told).toEqual(['a', 'b', 'a', undefined, 'a']);
});
