// Members of objects, maps and lists: `claims.sub`, `claims['sub']`, `claims.?sub`, `groups[0]`, and `has(claims.sub)`.
import { hint, nameOf, type Compiled, type NodeOf } from './expression-scope.ts';
import { EvaluationFailure } from './expression-steps.ts';
import { ExpressionMistake, type Node } from './expression-syntax.ts';
import { optionalOf, typeName, unify, type ObjectType, type Type } from './expression-types.ts';
import { isList, isMap, isOptional, kindOf, refuseInexact, type ExpressionValue } from './expression-values.ts';

/** `from.member` and `from.?member`. After an optional member every further one is optional too. */
export function compileSelect(node: NodeOf<'select'>, from: Compiled): Compiled {
  const { member } = node;
  const type = memberType(inOptional(from.type), member, node);
  return access(node, from, type, () => member, `${nameOf(node.from)} has no member ${member}`);
}

/** `from[key]` and `from[?key]`. The key may come from a claim: a message names it only where the expression does. */
export function compileIndex(node: NodeOf<'index'>, from: Compiled, key: Compiled): Compiled {
  const { key: keyNode } = node;
  const type = elementType(inOptional(from.type), key.type, node);
  const missing = keyNode.op === 'literal' && typeof keyNode.value === 'string' ? `${nameOf(node.from)} has no member ${keyNode.value}` : `${nameOf(node.from)} has no such member`;
  return access(node, from, type, key.run, missing);
}

/** `has(from.member)`: whether it is there, be it null. In text, null and the like it is not; a list is a mistake. */
export function compileHas(node: NodeOf<'select'>, from: Compiled): Compiled {
  const { member } = node;
  memberType(inOptional(from.type), member, node);
  return {
    type: 'bool',
    run: (frame) => {
      const value = from.run(frame);
      const inside = isOptional(value) ? value.value : value;
      if (inside === undefined) return false;
      if (isList(inside)) throw new EvaluationFailure(`${nameOf(node.from)} is a list and has no members by name`);
      return isMap(inside) && inside.has(member);
    },
  };
}

const inOptional = (type: Type): Type => (typeof type === 'object' && type.kind === 'optional' ? type.of : type);

function access(node: NodeOf<'select' | 'index'>, from: Compiled, type: Type, key: Compiled['run'], missing: string): Compiled {
  return {
    type: node.optional || from.type !== inOptional(from.type) ? optionalOf(type) : type,
    run: (frame) => {
      const value = from.run(frame);
      if (isOptional(value)) return value.value === undefined ? value : { kind: 'optional', value: memberOf(value.value, key(frame), node) };
      const member = memberOf(value, key(frame), node);
      if (node.optional) return { kind: 'optional', value: member };
      if (member === undefined) throw new EvaluationFailure(missing);
      return member;
    },
  };
}

function memberOf(value: ExpressionValue, name: ExpressionValue, node: NodeOf<'select' | 'index'>): ExpressionValue | undefined {
  const member = findMember(value, name, node);
  refuseInexact(member);
  return member;
}

function findMember(value: ExpressionValue, name: ExpressionValue, node: NodeOf<'select' | 'index'>): ExpressionValue | undefined {
  if (isMap(value)) return value.get(typeof name === 'string' ? name : keyOf(name));
  if (isList(value)) return elementOf(value, name);
  if (node.optional) return undefined;
  throw new EvaluationFailure(`${nameOf(node.from)} is of type ${kindOf(value)} and has no members`);
}

function keyOf(name: ExpressionValue): ExpressionValue {
  if (typeof name !== 'object') return asKey(name);
  throw new EvaluationFailure(`a map is indexed by text, an int or a bool, not by ${kindOf(name)}`);
}

/** A key as maps have it: a double that is a whole number finds an int. */
export const asKey = (value: ExpressionValue): ExpressionValue => (typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value);

function elementOf(list: readonly ExpressionValue[], index: ExpressionValue): ExpressionValue | undefined {
  const at = asKey(index);
  if (typeof at === 'bigint') return at >= 0n && at < BigInt(list.length) ? list[Number(at)] : undefined;
  throw new EvaluationFailure(`a list is indexed by an int, not by ${kindOf(index)}`);
}

function memberType(type: Type, member: string, node: NodeOf<'select'>): Type {
  if (type === 'dyn') return 'dyn';
  if (typeof type === 'object') {
    if (type.kind === 'object') return knownMember(type, member, node);
    if (type.kind === 'map' && unify(type.key, 'string') !== undefined) return type.of;
  }
  throw new ExpressionMistake(`${typeName(type)} has no members such as ${member}`, node.start);
}

function knownMember({ name, members }: ObjectType, member: string, node: Node): Type {
  const type = Object.hasOwn(members, member) ? members[member] : undefined;
  if (type !== undefined) return type;
  const known = Object.keys(members);
  throw new ExpressionMistake(`${name} has no member ${member}${hint(member, known) || ` (it has ${known.join(', ')})`}`, node.start);
}

function elementType(type: Type, key: Type, node: NodeOf<'index'>): Type {
  if (type === 'dyn') return 'dyn';
  if (typeof type === 'object') {
    if (type.kind === 'object' && node.key.op === 'literal' && typeof node.key.value === 'string') return knownMember(type, node.key.value, node);
    if (type.kind === 'list' && unify(key, 'int') !== undefined) return type.of;
    if (type.kind === 'map' && unify(key, type.key) !== undefined) return type.of;
  }
  throw new ExpressionMistake(`${typeName(type)} has no members by ${typeName(key)}`, node.start);
}
