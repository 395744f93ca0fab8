// Reads the text of an expression into a tree of our own, within bounds: the only file that knows the CEL parser.
import { Environment, ParseError, type ASTNode } from '@marcbachmann/cel-js';

/** Bounds of one expression: UTF-16 units of its text, nodes of its tree, and nodes in each other. */
export const maxTextLength = 4096;
export const maxNodes = 1024;
export const maxDepth = 128;

/** What stands in the text as a value, and lists of such. */
export type Literal = null | boolean | bigint | number | string | readonly Literal[];

/** A node of the tree. `start` is where it stands in the text; `size` counts it and the nodes below it, a literal list as one. */
export type Node = { readonly start: number; readonly size: number } & (
  | { readonly op: 'literal'; readonly value: Literal }
  | { readonly op: 'name'; readonly name: string }
  | { readonly op: 'select'; readonly from: Node; readonly member: string; readonly optional: boolean }
  | { readonly op: 'index'; readonly from: Node; readonly key: Node; readonly optional: boolean }
  | { readonly op: 'call'; readonly name: string; readonly receiver: Node | undefined; readonly args: readonly Node[] }
  | { readonly op: 'operator'; readonly name: Operator; readonly args: readonly Node[] }
  | { readonly op: 'list'; readonly items: readonly Node[] }
  | { readonly op: 'map'; readonly entries: readonly (readonly [Node, Node])[] }
  | { readonly op: 'if'; readonly condition: Node; readonly yes: Node; readonly no: Node }
  /** Chains of `&&` (until: false) and `||` (until: true), flat: their order does not depend on brackets. */
  | { readonly op: 'chain'; readonly until: boolean; readonly terms: readonly Node[] }
);

/** `-_` and `!_` stand before their operand, the others between two. */
export type Operator = '==' | '!=' | 'in' | '+' | '-' | '*' | '/' | '%' | '<' | '<=' | '>' | '>=' | '-_' | '!_';

/** What is wrong with an expression, and at which character of its text. */
export class ExpressionMistake extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'ExpressionMistake';
    this.at = at;
  }
}

/** Reads an expression. Throws an ExpressionMistake where it is not CEL, too large, or beyond what is supported. */
export function readSyntax(text: string): Node {
  if (text.length > maxTextLength) throw new ExpressionMistake(`is longer than ${maxTextLength} characters`, 0);
  return treeOf(parse(text), 1);
}

function parse(text: string): ASTNode {
  // The library's depth is one of brackets and members, and ours comes after it.
  const limits = { maxAstNodes: maxNodes, maxDepth: 2 * maxDepth, maxListElements: maxNodes, maxMapEntries: maxNodes };
  try {
    return new Environment({ enableOptionalTypes: true, limits }).parse(text).ast;
  } catch (error) {
    if (!(error instanceof ParseError)) throw new ExpressionMistake('could not be read; it may be too deep', 0);
    const at = error.range?.start ?? 0;
    if (error.code === 'limit_exceeded') throw new ExpressionMistake(`is too large: at most ${maxNodes} names, values, operators and calls, ${maxDepth} of them in each other`, at);
    if (error.code === 'invalid_macro_argument') throw new ExpressionMistake('the first argument must be a name for the variable', at);
    throw new ExpressionMistake(lowerFirst(error.summary ?? error.message), at);
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

type Place = Pick<Node, 'start' | 'size'>;

function treeOf(ast: ASTNode, depth: number): Node {
  const { start } = ast;
  if (depth > maxDepth) throw new ExpressionMistake(`is deeper than ${maxDepth}: use fewer brackets, or \`in\` with a list`, start);
  const below = (child: ASTNode): Node => treeOf(child, depth + 1);
  const place = (...children: readonly Node[]): Place => ({ start, size: children.reduce((sum, child) => sum + child.size, 1) });
  switch (ast.op) {
    case 'value':
      return { op: 'literal', value: literalOf(ast, start), ...place() };
    case 'id':
      return { op: 'name', name: ast.args, ...place() };
    case '.':
    case '.?': {
      const from = below(ast.args[0]);
      return { op: 'select', from, member: ast.args[1], optional: ast.op === '.?', ...place(from) };
    }
    case '[]':
    case '[?]': {
      const [from, key] = [below(ast.args[0]), below(ast.args[1])];
      return { op: 'index', from, key, optional: ast.op === '[?]', ...place(from, key) };
    }
    case 'call': {
      const args = ast.args[1].map(below);
      return { op: 'call', name: ast.args[0], receiver: undefined, args, ...place(...args) };
    }
    case 'rcall': {
      const receiver = below(ast.args[1]);
      const args = ast.args[2].map(below);
      return { op: 'call', name: ast.args[0], receiver, args, ...place(receiver, ...args) };
    }
    case 'list': {
      const items = ast.args.map(below);
      const values = items.flatMap((item) => (item.op === 'literal' ? [item.value] : []));
      return values.length === items.length ? { op: 'literal', value: values, ...place() } : { op: 'list', items, ...place(...items) };
    }
    case 'map': {
      const entries = ast.args.map(([key, value]) => [below(key), below(value)] as const);
      return { op: 'map', entries, ...place(...entries.flat()) };
    }
    case '?:': {
      const [condition, yes, no] = [below(ast.args[0]), below(ast.args[1]), below(ast.args[2])];
      return { op: 'if', condition, yes, no, ...place(condition, yes, no) };
    }
    case '&&':
    case '||': {
      const terms = termsOf(ast, ast.op).map(below);
      return { op: 'chain', until: ast.op === '||', terms, ...place(...terms) };
    }
    case '-_':
    case '!_':
      return unary(ast.op, ast.args, below, place);
    default: {
      const args = [below(ast.args[0]), below(ast.args[1])];
      return { op: 'operator', name: ast.op, args, ...place(...args) };
    }
  }
}

/** The terms of `a && b && c`, which the parser nests to the left. */
function termsOf(ast: ASTNode, op: '&&' | '||'): ASTNode[] {
  const terms: ASTNode[] = [];
  let rest = ast;
  for (; rest.op === op; rest = rest.args[0]) terms.unshift(rest.args[1]);
  return [rest, ...terms];
}

const least = -(2n ** 63n);
const greatest = 2n ** 63n - 1n;

/** `-9223372036854775808` is one literal: without its sign it would be out of range. */
function unary(name: '-_' | '!_', operand: ASTNode, below: (child: ASTNode) => Node, place: (...children: readonly Node[]) => Place): Node {
  if (name === '-_' && operand.op === 'value' && typeof operand.args === 'bigint' && -operand.args >= least) return { op: 'literal', value: -operand.args, ...place() };
  const child = below(operand);
  return { op: 'operator', name, args: [child], ...place(child) };
}

function literalOf({ args: value, input }: { args: unknown; input: string }, at: number): Literal {
  if (typeof value === 'bigint' && value > greatest) throw new ExpressionMistake('this whole number does not fit into 64 bits', at);
  // CEL ends a raw text at the first quote of its kind, and the parser reads on after a backslash.
  if (typeof value === 'string' && /^[rR]/.test(input.slice(at)) && /\\['"]/.test(value)) throw new ExpressionMistake('a raw text can not have a backslash before a quote here', at);
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string') return value;
  throw new ExpressionMistake(`${value instanceof Uint8Array ? 'bytes' : 'unsigned numbers'} are not supported`, at);
}
