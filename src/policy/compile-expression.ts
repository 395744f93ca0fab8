// Turns the tree of an expression into a function: types are checked and names are found here, not when it is evaluated.
import { globalFunctions, memberFunctions, operators, optionalFunctions, typeNames } from './expression-functions.ts';
import { compileMacro } from './expression-macros.ts';
import { asKey, compileIndex, compileSelect } from './expression-members.ts';
import { fitAll, mayFit, type Overload } from './expression-overloads.ts';
import { compilePattern } from './expression-pattern.ts';
import { hint, type Compiled, type Frame, type NodeOf, type Scope } from './expression-scope.ts';
import { absorb, EvaluationFailure, mostSteps, spend } from './expression-steps.ts';
import { ExpressionMistake, type Literal, type Node } from './expression-syntax.ts';
import { listOf, mapOf, typeName, unify, type SimpleType, type Type } from './expression-types.ts';
import { areEqual, isList, isMap, kindOf, type ExpressionValue } from './expression-values.ts';

/** Compiles a node and what stands below it. Throws an ExpressionMistake. */
export function compileNode(node: Node, scope: Scope): Compiled {
  switch (node.op) {
    case 'literal':
      return { type: literalType(node.value), run: () => node.value };
    case 'name':
      return compileName(node, scope);
    case 'select':
      return compileSelect(node, compileNode(node.from, scope));
    case 'index':
      return compileIndex(node, compileNode(node.from, scope), compileNode(node.key, scope));
    case 'list':
      return compileList(node, scope);
    case 'map':
      return compileMap(node, scope);
    case 'if':
      return compileIf(node, scope);
    case 'chain':
      return compileChain(node, scope);
    case 'operator':
      return compileOperator(node, scope);
    default:
      return compileMacro(node, scope, compileNode) ?? compileCall(node, scope);
  }
}

function literalType(value: Literal): Type {
  if (isList(value)) return listOf(commonType(value.map(literalType)));
  return kindOf(value) as SimpleType;
}

const commonType = ([first = 'dyn', ...rest]: readonly Type[]): Type => rest.reduce((all, type) => unify(all, type) ?? 'dyn', first);

function compileName({ name, start }: NodeOf<'name'>, scope: Scope): Compiled {
  const slot = scope.locals.findLastIndex((local) => local.name === name);
  const local = scope.locals[slot];
  if (local !== undefined) return { type: local.type, run: ({ locals }) => locals[slot] ?? null };
  const type = Object.hasOwn(scope.variables, name) ? scope.variables[name] : undefined;
  if (type !== undefined) {
    scope.found.variables.add(name);
    return { type, run: ({ values }) => values[name] ?? null };
  }
  if (typeNames.includes(name)) return { type: 'type', run: () => ({ kind: 'type', name }) };
  const known = [...scope.locals.map((each) => each.name), ...Object.keys(scope.variables)];
  throw new ExpressionMistake(`there is no variable ${name}${hint(name, known)}`, start);
}

function compileList(node: NodeOf<'list'>, scope: Scope): Compiled {
  const items = node.items.map((item) => compileNode(item, scope));
  return { type: listOf(commonType(items.map(({ type }) => type))), run: (frame) => items.map(({ run }) => run(frame)) };
}

function compileMap(node: NodeOf<'map'>, scope: Scope): Compiled {
  const keys = node.entries.map(([key]) => compileKey(key, scope));
  const values = node.entries.map(([, value]) => compileNode(value, scope));
  const keyType = commonType(keys.map(({ type }) => type));
  return {
    type: mapOf(typeof keyType === 'string' ? keyType : 'dyn', commonType(values.map(({ type }) => type))),
    run: (frame) => {
      const map = new Map<ExpressionValue, ExpressionValue>();
      for (const [index, key] of keys.entries()) {
        const name = key.run(frame);
        if (!isKey(name)) throw new EvaluationFailure(`a key of a map is text, an int or a bool, not ${kindOf(name)}`);
        if (map.has(name)) throw new EvaluationFailure('a map has the same key twice');
        map.set(name, values[index]?.run(frame) ?? null);
      }
      return map;
    },
  };
}

const isKey = (value: ExpressionValue): value is string | bigint | boolean => typeof value === 'string' || typeof value === 'bigint' || typeof value === 'boolean';

function compileKey(node: Node, scope: Scope): Compiled {
  const key = compileNode(node, scope);
  if (['string', 'int', 'bool', 'dyn'].some((type) => key.type === type)) return key;
  throw new ExpressionMistake(`a key of a map is text, an int or a bool, not ${typeName(key.type)}`, node.start);
}

function compileIf(node: NodeOf<'if'>, scope: Scope): Compiled {
  const condition = compileBool(node.condition, scope, 'the condition before ?');
  const [yes, no] = [compileNode(node.yes, scope), compileNode(node.no, scope)];
  const type = unify(yes.type, no.type);
  if (type === undefined) throw new ExpressionMistake(`what stands around : must be of one type, not ${typeName(yes.type)} and ${typeName(no.type)}`, node.no.start);
  return { type, run: (frame) => (condition(frame) ? yes.run(frame) : no.run(frame)) };
}

/** Compiles what must be true or false. @param what names it in the messages */
function compileBool(node: Node, scope: Scope, what: string): (frame: Frame) => boolean {
  const { type, run } = compileNode(node, scope);
  if (type !== 'bool' && type !== 'dyn') throw new ExpressionMistake(`${what} must be a bool, not ${typeName(type)}`, node.start);
  return (frame) => {
    const value = run(frame);
    if (typeof value !== 'boolean') throw new EvaluationFailure(`${what} must be a bool, not ${kindOf(value)}`);
    return value;
  };
}

/** An operand that decides ends the chain, also where another one fails: `has(x) && …` and `… || true` mean what they say. */
function compileChain({ terms, until }: NodeOf<'chain'>, scope: Scope): Compiled {
  const tests = terms.map((term) => compileBool(term, scope, `an operand of ${until ? '||' : '&&'}`));
  return {
    type: 'bool',
    run: (frame) => {
      let failure: EvaluationFailure | undefined;
      for (const test of tests) {
        try {
          if (test(frame) === until) return until;
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

function compileOperator(node: NodeOf<'operator'>, scope: Scope): Compiled {
  const { name } = node;
  const args = node.args.map((arg) => compileNode(arg, scope));
  if (name === 'in') return compileIn(node, args);
  if (name !== '==' && name !== '!=') return compileOverloads(name, operators[name], args, node.start);
  const [left, right] = args as [Compiled, Compiled];
  if (unify(left.type, right.type) === undefined) throw new ExpressionMistake(`${name} is not for (${typeName(left.type)}, ${typeName(right.type)})`, node.start);
  const wanted = name === '==';
  return { type: 'bool', run: (frame) => areEqual(left.run(frame), right.run(frame), frame.steps) === wanted };
}

function compileIn(node: NodeOf<'operator'>, args: readonly Compiled[]): Compiled {
  const [item, container] = args as [Compiled, Compiled];
  const { type } = container;
  const inside = typeof type === 'string' ? type : type.kind === 'list' ? type.of : type.kind === 'map' ? type.key : undefined;
  if (inside === undefined || (typeof type === 'string' && type !== 'dyn')) throw new ExpressionMistake(`in takes a list or a map, not ${typeName(type)}`, node.args[1]?.start ?? node.start);
  if (unify(item.type, inside) === undefined) throw new ExpressionMistake(`in is not for (${typeName(item.type)}, ${typeName(type)})`, node.start);
  const names = literalNames(node.args[1]);
  if (names !== undefined) return { type: 'bool', run: (frame) => names.has(item.run(frame)) };
  return {
    type: 'bool',
    run: (frame) => {
      const value = item.run(frame);
      const found = container.run(frame);
      if (isMap(found)) return found.has(asKey(value));
      if (!isList(found)) throw new EvaluationFailure(`in takes a list or a map, not ${kindOf(found)}`);
      for (const each of found) {
        spend(frame.steps, 1);
        if (areEqual(each, value, frame.steps)) return true;
      }
      return false;
    },
  };
}

/** A list of texts that stands in the expression is looked up at once, however long it is. */
function literalNames(node: Node | undefined): ReadonlySet<ExpressionValue> | undefined {
  if (node?.op !== 'literal' || !isList(node.value)) return undefined;
  return node.value.every((item) => typeof item === 'string') ? new Set(node.value) : undefined;
}

function compileCall(node: NodeOf<'call'>, scope: Scope): Compiled {
  const { name, receiver, args, start } = node;
  if (name === 'matches') return compileMatches(node, scope);
  if (receiver?.op === 'name' && receiver.name === 'optional' && isFree('optional', scope)) {
    return compileOverloads(`optional.${name}`, lookUp(optionalFunctions, name, start), node.args.map((arg) => compileNode(arg, scope)), start);
  }
  const operands = receiver === undefined ? node.args : [receiver, ...node.args];
  const overloads = lookUp(receiver === undefined ? globalFunctions : memberFunctions, name, start);
  const call = compileOverloads(name, overloads, operands.map((operand) => compileNode(operand, scope)), start);
  return receiver === undefined && args.every((arg) => arg.op === 'literal') ? constant(call, start) : call;
}

/** `duration('1h')` is worked out once, and `duration('x')` is a mistake. */
function constant({ type, run }: Compiled, at: number): Compiled {
  try {
    const value = run({ values: {}, locals: [], steps: { left: mostSteps } });
    return { type, run: () => value };
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    throw new ExpressionMistake(error.message, at);
  }
}

const isFree = (name: string, { variables, locals }: Scope): boolean => !Object.hasOwn(variables, name) && !locals.some((local) => local.name === name);

function lookUp(table: Readonly<Record<string, readonly Overload[]>>, name: string, at: number): readonly Overload[] {
  const overloads = Object.hasOwn(table, name) ? table[name] : undefined;
  if (overloads !== undefined) return overloads;
  throw new ExpressionMistake(`there is no function ${name}${hint(name, Object.keys(table))}`, at);
}

/** The pattern must stand in the text of the expression, so that it is compiled and bounded when that is loaded. */
function compileMatches({ receiver, args, start }: NodeOf<'call'>, scope: Scope): Compiled {
  const [text, pattern, ...rest] = receiver === undefined ? args : [receiver, ...args];
  if (text === undefined || pattern === undefined || rest.length > 0) throw new ExpressionMistake('matches takes a text and a pattern', start);
  if (pattern.op !== 'literal' || typeof pattern.value !== 'string') throw new ExpressionMistake('the pattern of matches must be a literal text', pattern.start);
  const matches = compilePattern(pattern.value, scope.found.patterns, pattern.start);
  const overloads: readonly Overload[] = [{ parameters: ['string'], result: 'bool', run: (steps, value) => matches(steps, value as string) }];
  return compileOverloads('matches', overloads, [compileNode(text, scope)], start);
}

/** A call: the overloads that the types allow, of which the values choose when it is evaluated. */
function compileOverloads(name: string, overloads: readonly Overload[], args: readonly Compiled[], at: number): Compiled {
  const types = args.map(({ type }) => type);
  const fitting = overloads.filter(({ parameters }) => parameters.length === args.length && parameters.every((parameter, index) => mayFit(types[index] ?? 'dyn', parameter)));
  const [first] = fitting;
  if (first === undefined) throw new ExpressionMistake(`${name} is not for (${types.map(typeName).join(', ')})`, at);
  const results = fitting.map(({ result }) => (typeof result === 'function' ? result(...types) : result));
  const type = results.reduce((all, result) => unify(all, result) ?? 'dyn');
  const run = (frame: Frame): ExpressionValue => {
    const values = args.map((arg) => arg.run(frame));
    for (const { parameters, run: call } of fitting) if (fitAll(values, parameters)) return call(frame.steps, ...values);
    throw new EvaluationFailure(`${name} is not for (${values.map(kindOf).join(', ')})`);
  };
  return { type, run };
}
