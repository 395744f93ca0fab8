// Compiles the expressions of a manifest. One with a mistake makes the whole object invalid, and all mistakes are told.
import { summarize } from './conditions.ts';
import { compileExpression, type CompiledExpression, type ExpressionKind } from './expressions.ts';
import type { ExpressionRule } from './policy.ts';

type WrittenRule = { expression: string; message?: string | undefined };

/** Compiles expressions of one object. `field` is where one stands, below `spec`. */
export type ExpressionCompiler = {
  expression: (kind: ExpressionKind, field: string, text: string) => CompiledExpression;
  rules: (kind: ExpressionKind, field: string, rules: readonly WrittenRule[]) => ExpressionRule[];
};

/**
 * Compiles something that has expressions in it.
 * @returns it, or the mistakes in its expressions, each with the field that it is in
 */
export function compileWithExpressions<T>(compile: (compiler: ExpressionCompiler) => T): { value: T; mistake?: never } | { value?: never; mistake: string } {
  const mistakes: string[] = [];
  const expression: ExpressionCompiler['expression'] = (kind, field, text) => {
    const { expression: compiled, mistake } = compileExpression(kind, text);
    if (compiled !== undefined) return compiled;
    mistakes.push(`spec.${field}: ${mistake}`);
    return unusable;
  };
  const rules: ExpressionCompiler['rules'] = (kind, field, written) =>
    written.map(({ expression: text, message }, index) => {
      const place = `${field}[${index}]`;
      return { field: place, expression: expression(kind, `${place}.expression`, text), message };
    });
  const value = compile({ expression, rules });
  return mistakes.length === 0 ? { value } : { mistake: summarize(mistakes) };
}

/** Stands where an expression could not be compiled, in an object that is thrown away. */
const unusable: CompiledExpression = { text: '', uses: new Set(), evaluate: () => ({ failure: 'it could not be compiled' }) };
