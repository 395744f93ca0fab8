// How a function of expressions is declared: by what it takes, so that the compiler holds its code to that.
import type { Steps } from './expression-steps.ts';
import type { SimpleType, Type } from './expression-types.ts';
import { isList, isMap, kindOf, type ExpressionValue, type Optional, type Time, type TypeValue } from './expression-values.ts';

/** What a function may declare that it takes: a plain type, or a list, map or optional of whatever. */
export type Parameter = SimpleType | 'list' | 'map' | 'optional';

type ValueOf<P extends Parameter> = {
  dyn: ExpressionValue;
  null: null;
  bool: boolean;
  int: bigint;
  double: number;
  string: string;
  timestamp: Time;
  duration: Time;
  type: TypeValue;
  list: readonly ExpressionValue[];
  map: ReadonlyMap<ExpressionValue, ExpressionValue>;
  optional: Optional;
}[P];

/** One way of calling a function. */
export type Overload = {
  parameters: readonly Parameter[];
  /** The type of the result, or how it follows from the types of the arguments. */
  result: Type | ((...types: Type[]) => Type);
  run: (steps: Steps, ...args: ExpressionValue[]) => ExpressionValue;
};

/** Declares one way of calling a function. `run` may count on the types of its arguments, and pays for what it does. */
export function overload<const P extends readonly Parameter[]>(
  parameters: P,
  result: Overload['result'],
  run: (steps: Steps, ...args: { [I in keyof P]: ValueOf<P[I]> }) => ExpressionValue,
): Overload {
  return { parameters, result, run: run as unknown as Overload['run'] };
}

/** Whether values are what the parameters ask for. */
export function fitAll(values: readonly ExpressionValue[], parameters: readonly Parameter[]): boolean {
  for (let index = 0; index < parameters.length; index++) if (!fits(values[index] ?? null, parameters[index] ?? 'dyn')) return false;
  return true;
}

function fits(value: ExpressionValue, parameter: Parameter): boolean {
  switch (parameter) {
    case 'dyn':
      return true;
    case 'string':
      return typeof value === 'string';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'list':
      return isList(value);
    case 'map':
      return isMap(value);
    default:
      return kindOf(value) === parameter;
  }
}

/** Whether something of this type might be what a parameter asks for. */
export function mayFit(type: Type, parameter: Parameter): boolean {
  if (parameter === 'dyn' || type === 'dyn') return true;
  if (typeof type === 'string') return type === parameter;
  return type.kind === 'object' ? parameter === 'map' : type.kind === parameter;
}
