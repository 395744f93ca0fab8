// Compiles the expressions of a manifest; the first one with a mistake makes the whole object invalid.
import { compileExpression, type CompiledExpression, type ExpressionKind } from './expressions.ts';
import type { ExpressionRule } from './policy.ts';

/** A mistake in an expression. Caught where a manifest is compiled, and nowhere else. */
export class InvalidExpression extends Error {}

/**
 * Compiles one expression.
 * @param field where it stands, below `spec`
 * @throws InvalidExpression with a sentence that names the field
 */
export function compileField(kind: ExpressionKind, field: string, text: string): CompiledExpression {
  const { expression, mistake } = compileExpression(kind, text);
  if (expression === undefined) throw new InvalidExpression(`spec.${field}: ${mistake}`);
  return expression;
}

type WrittenRule = { expression: string; message?: string | undefined };

/** Compiles a list of rules. Throws InvalidExpression. */
export function compileRules(kind: ExpressionKind, field: string, rules: readonly WrittenRule[]): ExpressionRule[] {
  return rules.map(({ expression, message }, index) => {
    const place = `${field}[${index}]`;
    return { field: place, expression: compileField(kind, `${place}.expression`, expression), message };
  });
}

/** Compiles something, or says which expression of it is wrong. */
export function catchInvalidExpression<T>(compile: () => T): { value: T; mistake?: never } | { value?: never; mistake: string } {
  try {
    return { value: compile() };
  } catch (error) {
    if (!(error instanceof InvalidExpression)) throw error;
    return { mistake: error.message };
  }
}
