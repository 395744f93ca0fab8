// CEL expressions of the policy: read and checked when a manifest is loaded, evaluated at each exchange.
import { Environment } from '@marcbachmann/cel-js';
import type { ExpressionValues } from './expression-values.ts';

export { toExpressionValue, type ExpressionValue, type ExpressionValues } from './expression-values.ts';

/** What an expression may name, and the type of its result. */
export type ExpressionKind = 'condition' | 'claimValidationRule' | 'subjectMapping' | 'claimMapping' | 'claimRule' | 'tokenValidationRule';

/** An expression that was understood whole. */
export type CompiledExpression = {
  text: string;
  /** The variables that it names, such as `claims` and `client`. */
  uses: ReadonlySet<string>;
  /** Its result as JSON, or why there is none, in words without any claim's value. Never throws. */
  evaluate: (values: ExpressionValues) => { value: unknown; failure?: never } | { value?: never; failure: string };
};

/** Compiles an expression. A mistake says what is wrong and where. Never throws. */
export function compileExpression(kind: ExpressionKind, text: string): { expression: CompiledExpression; mistake?: never } | { expression?: never; mistake: string } {
  const { variables, result } = kinds[kind];
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  for (const name of variables) environment.registerVariable(name, 'dyn');
  try {
    const parsed = environment.parse(text);
    const checked = parsed.check();
    if (!checked.valid) return { mistake: checked.error?.message ?? 'it is not valid' };
    if (result !== undefined && checked.type !== result && checked.type !== 'dyn') return { mistake: `its result must be ${result}, and it is ${checked.type}` };
    const uses = new Set(variables.filter((name) => new RegExp(`\\b${name}\\b`).test(text)));
    return { expression: { text, uses, evaluate: (values) => run(() => toJson(parsed({ actor: null, ...values }))) } };
  } catch (error) {
    return { mistake: String(error) };
  }
}

/** For the kinds that must be true. @returns undefined if the expression is exactly `true`, else why it is not */
export function refuseByExpression(expression: CompiledExpression, values: ExpressionValues): string | undefined {
  const { value, failure } = expression.evaluate(values);
  if (failure !== undefined) return failure;
  return value === true ? undefined : value === false ? 'it is false' : 'its result is not a bool';
}

const everything = ['claims', 'subject', 'actor', 'client', 'request'];

const kinds = {
  condition: { variables: everything, result: 'bool' },
  claimValidationRule: { variables: ['claims', 'client'], result: 'bool' },
  subjectMapping: { variables: everything, result: 'string' },
  claimMapping: { variables: everything, result: undefined },
  claimRule: { variables: ['value', ...everything], result: 'bool' },
  tokenValidationRule: { variables: ['token', 'claims', 'subject', 'client', 'request'], result: 'bool' },
} satisfies Record<ExpressionKind, { variables: readonly string[]; result: string | undefined }>;

function run(evaluate: () => unknown): { value: unknown } | { failure: string } {
  try {
    return { value: evaluate() };
  } catch (error) {
    return { failure: error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it failed' };
  }
}

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([name, member]) => [name, toJson(member)]));
  return value;
}
