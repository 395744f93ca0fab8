// Expressions: what comes of the corpus, what messages say, which variables there are, and the bounds.
import { describe, expect, test } from 'vitest';
import { compileExpression, toExpressionValue, type ExpressionValues } from '../../src/policy/expressions.ts';
import { corpus, fails, input, refused } from './expression-corpus.ts';

const values: ExpressionValues = { ...Object.fromEntries(Object.entries(input).map(([name, json]) => [name, toExpressionValue(json)])), actor: null };

function outcomeOf(text: string): unknown {
  const { expression } = compileExpression('claimMapping', text);
  if (expression === undefined) return refused;
  const { value, failure } = expression.evaluate(values);
  return failure === undefined ? value : fails;
}

describe.each(Object.entries(corpus))('the corpus: %s', (_, cases) => {
  test.each(cases.map(([text, outcome]) => ({ text, outcome })))('$text', ({ text, outcome }) => {
    expect(outcomeOf(text)).toEqual(outcome);
  });
});
