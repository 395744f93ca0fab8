// What the parts of the compiler of expressions share: names in scope, and what a compiled node is.
import { nearestName } from '../manifests/nearest-name.ts';
import type { PatternTotals } from './expression-pattern.ts';
import type { Steps } from './expression-steps.ts';
import type { Node } from './expression-syntax.ts';
import type { Type } from './expression-types.ts';
import type { ExpressionValue, ExpressionValues } from './expression-values.ts';

/** What a node needs to be evaluated. `locals` are the variables of `exists` and the like, the outermost first. */
export type Frame = { readonly values: ExpressionValues; readonly locals: ExpressionValue[]; readonly steps: Steps };

/** A node, checked: the type of its value, and how to get it. */
export type Compiled = { readonly type: Type; readonly run: (frame: Frame) => ExpressionValue };

/** The names that may be used at some place of an expression. */
export type Scope = {
  readonly variables: Readonly<Record<string, Type>>;
  readonly locals: readonly { readonly name: string; readonly type: Type }[];
  /** What is found on the way: the variables that were used, and what the patterns amount to. */
  readonly found: Findings;
};

export type Findings = { readonly variables: Set<string>; readonly patterns: PatternTotals };

/** The scope of a whole expression. */
export function outermostScope(variables: Readonly<Record<string, Type>>): Scope {
  return { variables, locals: [], found: { variables: new Set(), patterns: { length: 0, size: 0, unicodeClasses: 0 } } };
}

/** Compiles a node and what stands below it. */
export type CompileNode = (node: Node, scope: Scope) => Compiled;

export type NodeOf<O extends Node['op']> = Extract<Node, { op: O }>;

/** Points to the name that was probably meant. */
export function hint(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

/** How messages name what a node stands for: as it is written, where that is short and holds no computed part. */
export function nameOf(node: Node): string {
  const name = pathOf(node);
  return name === undefined || name.length > 64 ? 'the value' : name;
}

function pathOf(node: Node): string | undefined {
  if (node.op === 'name') return node.name;
  if (node.op === 'select') return append(node.from, `.${node.member}`);
  if (node.op !== 'index' || node.key.op !== 'literal') return undefined;
  const { value } = node.key;
  return append(node.from, `[${typeof value === 'string' ? `'${value}'` : String(value)}]`);
}

function append(from: Node, suffix: string): string | undefined {
  const path = pathOf(from);
  return path === undefined ? undefined : path + suffix;
}
