// CEL expressions of the policy: read and checked when a manifest is loaded, evaluated at each exchange.
import { compileNode } from './compile-expression.ts';
import { outermostScope, type Compiled } from './expression-scope.ts';
import { EvaluationFailure, mostSteps, spend, type Steps } from './expression-steps.ts';
import { ExpressionMistake, readSyntax } from './expression-syntax.ts';
import { typeName, unify, type Type } from './expression-types.ts';
import { kindOf, toJson, type ExpressionValues } from './expression-values.ts';
import { resultOf, variablesOf, type ExpressionKind } from './expression-variables.ts';

export { mostSteps, type Steps } from './expression-steps.ts';
export { toExpressionValue, type ExpressionValue, type ExpressionValues } from './expression-values.ts';
export type { ExpressionKind } from './expression-variables.ts';

/** An expression that was understood whole. */
export type CompiledExpression = {
  text: string;
  /** The variables that it names, such as `claims` and `client`. */
  uses: ReadonlySet<string>;
  /**
   * Its result as JSON, or why there is none, in words that hold no claim's value.
   * @param steps what it may spend besides its own bound, counted down: one for all expressions of an exchange
   */
  evaluate: (values: ExpressionValues, steps?: Steps) => { value: unknown; failure?: never } | { value?: never; failure: string };
};

/** Compiles an expression. A mistake says what is wrong and where. Never throws. */
export function compileExpression(kind: ExpressionKind, text: string): { expression: CompiledExpression; mistake?: never } | { expression?: never; mistake: string } {
  const scope = outermostScope(variablesOf(kind));
  try {
    const tree = readSyntax(text);
    const compiled = compileNode(tree, scope);
    const wanted = resultOf(kind);
    if (unify(compiled.type, wanted) === undefined) throw new ExpressionMistake(`its result must be ${typeName(wanted)}, and it is ${typeName(compiled.type)}`, tree.start);
    return { expression: { text, uses: scope.found.variables, evaluate: (values, steps) => evaluate(compiled, wanted, tree.size, values, steps) } };
  } catch (error) {
    if (!(error instanceof ExpressionMistake)) throw error;
    return { mistake: `${error.message} (${placeOf(text, error.at)})` };
  }
}

/** For the kinds that must be true. @returns undefined if the expression is exactly `true`, else why it is not */
export function refuseByExpression(expression: CompiledExpression, values: ExpressionValues, steps?: Steps): string | undefined {
  const { value, failure } = expression.evaluate(values, steps);
  if (failure !== undefined) return failure;
  return value === true ? undefined : 'it is not true';
}

function evaluate({ run }: Compiled, wanted: Type, size: number, values: ExpressionValues, shared: Steps | undefined): { value: unknown } | { failure: string } {
  const start = Math.min(mostSteps, shared?.left ?? mostSteps);
  const steps = { left: start };
  try {
    spend(steps, size);
    const value = run({ values, locals: [], steps });
    if (wanted !== 'dyn' && kindOf(value) !== wanted) throw new EvaluationFailure(`its result must be ${typeName(wanted)}, and it is ${kindOf(value)}`);
    return { value: toJson(value, steps) };
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    return { failure: error.message };
  } finally {
    if (shared !== undefined) shared.left -= start - steps.left;
  }
}

function placeOf(text: string, at: number): string {
  const lines = text.slice(0, at).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}
