// Calls that are not mere functions: `has`, `exists` and the like with a variable of their own, and what optionals do.
import { compileHas } from './expression-members.ts';
import { nameOf, type Compiled, type CompileNode, type Frame, type NodeOf, type Scope } from './expression-scope.ts';
import { absorb, EvaluationFailure, spend } from './expression-steps.ts';
import { ExpressionMistake, type Node } from './expression-syntax.ts';
import { listOf, optionalOf, typeName, unify, type Type } from './expression-types.ts';
import { isList, isMap, isOptional, kindOf, type ExpressionValue, type Optional } from './expression-values.ts';

/** A call with a receiver, being compiled. */
type Call = { node: NodeOf<'call'>; scope: Scope; compile: CompileNode; receiver: Compiled; range: Node };

/** The calls with a receiver, and how they are written. */
const macros = {
  all: { usage: 'all(x, condition)', arguments: [2], compile: (call) => quantifier(call, false) },
  exists: { usage: 'exists(x, condition)', arguments: [2], compile: (call) => quantifier(call, true) },
  exists_one: { usage: 'exists_one(x, condition)', arguments: [2], compile: existsOne },
  filter: { usage: 'filter(x, condition)', arguments: [2], compile: filter },
  map: { usage: 'map(x, result) or map(x, condition, result)', arguments: [2, 3], compile: map },
  optMap: { usage: 'optMap(x, result)', arguments: [2], compile: (call) => optionalMap(call, false) },
  optFlatMap: { usage: 'optFlatMap(x, optional result)', arguments: [2], compile: (call) => optionalMap(call, true) },
  or: { usage: 'or(another optional)', arguments: [1], compile: or },
  orValue: { usage: 'orValue(value)', arguments: [1], compile: orValue },
} satisfies Record<string, { usage: string; arguments: readonly number[]; compile: (call: Call) => Compiled }>;

/** Compiles a call if it is one of these. */
export function compileMacro(node: NodeOf<'call'>, scope: Scope, compile: CompileNode): Compiled | undefined {
  const { name, receiver: range, args, start } = node;
  if (range === undefined) return name === 'has' ? has(node, scope, compile) : undefined;
  const macro = Object.hasOwn(macros, name) ? macros[name as keyof typeof macros] : undefined;
  if (macro === undefined) return undefined;
  if (!macro.arguments.includes(args.length)) throw new ExpressionMistake(`${name} is written .${macro.usage}`, start);
  return macro.compile({ node, scope, compile, receiver: compile(range, scope), range });
}

function has({ args, start }: NodeOf<'call'>, scope: Scope, compile: CompileNode): Compiled {
  const [member, ...rest] = args;
  if (member?.op !== 'select' || member.optional || rest.length > 0) throw new ExpressionMistake('has takes a member, as in has(claims.sub)', start);
  return compileHas(member, compile(member.from, scope));
}

/** The scope inside of the call, with its variable, and where the frame keeps that. */
function inner({ node, scope }: Call, type: Type): { scope: Scope; slot: number } {
  const [variable] = node.args;
  if (variable?.op !== 'name') throw new ExpressionMistake(`the first argument of ${node.name} must be a name for its variable`, variable?.start ?? node.start);
  return { scope: { ...scope, locals: [...scope.locals, { name: variable.name, type }] }, slot: scope.locals.length };
}

function elementTypeOf({ node, receiver, range }: Call): Type {
  const { type } = receiver;
  if (type === 'dyn') return 'dyn';
  if (typeof type === 'object') {
    if (type.kind === 'list') return type.of;
    if (type.kind === 'map') return type.key;
  }
  throw new ExpressionMistake(`${node.name} takes a list or a map, not ${typeName(type)}`, range.start);
}

/** What `x` stands for in turn: the elements of a list, the keys of a map. */
function elementsOf(value: ExpressionValue, { node, range }: Call): Iterable<ExpressionValue> {
  if (isList(value)) return value;
  if (isMap(value)) return value.keys();
  throw new EvaluationFailure(`${nameOf(range)} is of type ${kindOf(value)}; ${node.name} takes a list or a map`);
}

/** The last argument, what it costs each time, and where its variable is. */
function bodyOf(call: Call, index: number): { body: Compiled; node: Node; cost: number; slot: number } {
  const { scope, slot } = inner(call, elementTypeOf(call));
  const node = call.node.args[index] as Node;
  return { body: call.compile(node, scope), node, cost: 1 + node.size, slot };
}

function asTest({ body, node }: { body: Compiled; node: Node }, { node: { name } }: Call): (frame: Frame) => boolean {
  if (body.type !== 'bool' && body.type !== 'dyn') throw new ExpressionMistake(`the condition of ${name} must be a bool, not ${typeName(body.type)}`, node.start);
  return (frame) => {
    const value = body.run(frame);
    if (typeof value !== 'boolean') throw new EvaluationFailure(`the condition of ${name} must be a bool, not ${kindOf(value)}`);
    return value;
  };
}

/** `exists` (until: true) and `all` (until: false): like `||` and `&&` between the elements. */
function quantifier(call: Call, until: boolean): Compiled {
  const body = bodyOf(call, 1);
  const test = asTest(body, call);
  return {
    type: 'bool',
    run: (frame) => {
      let failure: EvaluationFailure | undefined;
      for (const element of elementsOf(call.receiver.run(frame), call)) {
        try {
          if (visit(element, frame, body, test) === until) return until;
        } catch (error) {
          const absorbed = absorb(error, frame.steps);
          failure ??= absorbed;
        }
      }
      if (failure !== undefined) throw failure;
      return !until;
    },
  };
}

function visit<T>(element: ExpressionValue, frame: Frame, { slot, cost }: { slot: number; cost: number }, run: (frame: Frame) => T): T {
  spend(frame.steps, cost);
  frame.locals[slot] = element;
  return run(frame);
}

function existsOne(call: Call): Compiled {
  const body = bodyOf(call, 1);
  const test = asTest(body, call);
  return {
    type: 'bool',
    run: (frame) => {
      let count = 0;
      for (const element of elementsOf(call.receiver.run(frame), call)) if (visit(element, frame, body, test)) count++;
      return count === 1;
    },
  };
}

function filter(call: Call): Compiled {
  const body = bodyOf(call, 1);
  const test = asTest(body, call);
  const type = listOf(elementTypeOf(call));
  return { type, run: (frame) => collect(call, frame, (element) => (visit(element, frame, body, test) ? element : undefined)) };
}

function map(call: Call): Compiled {
  const body = bodyOf(call, call.node.args.length - 1);
  const type = listOf(body.body.type);
  const { run } = body.body;
  if (call.node.args.length === 2) return { type, run: (frame) => collect(call, frame, (element) => visit(element, frame, body, run)) };
  const condition = bodyOf(call, 1);
  const test = asTest(condition, call);
  return { type, run: (frame) => collect(call, frame, (element) => (visit(element, frame, condition, test) ? visit(element, frame, body, run) : undefined)) };
}

function collect(call: Call, frame: Frame, pick: (element: ExpressionValue) => ExpressionValue | undefined): ExpressionValue[] {
  const picked: ExpressionValue[] = [];
  for (const element of elementsOf(call.receiver.run(frame), call)) {
    const value = pick(element);
    if (value !== undefined) picked.push(value);
  }
  return picked;
}

/** The type inside of the receiver, which must be an optional. */
function insideOf({ node, receiver: { type }, range }: Call): Type {
  if (type === 'dyn') return 'dyn';
  if (typeof type === 'object' && type.kind === 'optional') return type.of;
  throw new ExpressionMistake(`${node.name} is for optionals, not for ${typeName(type)}`, range.start);
}

function asOptional(value: ExpressionValue, what: string): Optional {
  if (isOptional(value)) return value;
  throw new EvaluationFailure(`${what} is of type ${kindOf(value)}, not an optional`);
}

function optionalMap(call: Call, isFlat: boolean): Compiled {
  const { scope, slot } = inner(call, insideOf(call));
  const { type, run } = call.compile(call.node.args[1] as Node, scope);
  const isOptionalType = typeof type === 'object' && type.kind === 'optional';
  if (isFlat && !isOptionalType && type !== 'dyn') throw new ExpressionMistake(`optFlatMap gives an optional, not ${typeName(type)}`, call.node.start);
  return {
    type: isFlat ? type : optionalOf(type),
    run: (frame) => {
      const optional = asOptional(call.receiver.run(frame), nameOf(call.range));
      if (optional.value === undefined) return optional;
      frame.locals[slot] = optional.value;
      return isFlat ? asOptional(run(frame), 'the result of optFlatMap') : { kind: 'optional', value: run(frame) };
    },
  };
}

/** The other value is only asked for where there is none. A claim that is no optional stands for itself, as in Kubernetes. */
function orValue(call: Call): Compiled {
  const inside = insideOf(call);
  const other = call.compile(call.node.args[0] as Node, call.scope);
  const type = unify(inside, other.type);
  if (type === undefined) throw new ExpressionMistake(`orValue must give ${typeName(inside)}, not ${typeName(other.type)}`, call.node.start);
  return {
    type,
    run: (frame) => {
      const value = call.receiver.run(frame);
      if (!isOptional(value)) return value;
      return value.value === undefined ? other.run(frame) : value.value;
    },
  };
}

function or(call: Call): Compiled {
  const inside = insideOf(call);
  const other = call.compile(call.node.args[0] as Node, call.scope);
  const type = unify(optionalOf(inside), other.type);
  if (type === undefined) throw new ExpressionMistake(`or must give ${typeName(optionalOf(inside))}, not ${typeName(other.type)}`, call.node.start);
  return {
    type,
    run: (frame) => {
      const value = call.receiver.run(frame);
      return isOptional(value) && value.value === undefined ? asOptional(other.run(frame), 'the argument of or') : value;
    },
  };
}

