// After every denial it is said what to do next.
import { expect, test } from 'vitest';
import { nextSteps } from '../../src/commands/check-next-steps.ts';
import { checks } from '../../src/exchange/checks.ts';
import { steps } from '../../src/exchange/explain-exchange.ts';

test.each([...steps, ...checks].map(({ name }) => name))('%s', (name) => {
  expect(nextSteps[name]).toMatch(/^[a-z].{20,}[^.]$/);
});

test('of nothing else but the step before them', () => {
  const known = new Set([...steps, ...checks].map(({ name }) => name));
  expect(Object.keys(nextSteps).filter((name) => !known.has(name))).toEqual(['subject-issuer']);
});
