// The types that expressions are checked with when they are loaded.

/** A type whose values have no parts that a check could look at. `dyn`: only known when it is evaluated. */
export type SimpleType = 'dyn' | 'null' | 'bool' | 'int' | 'double' | 'string' | 'timestamp' | 'duration' | 'type';

/** An object with known members, such as `client`. */
export type ObjectType = { readonly kind: 'object'; readonly name: string; readonly members: Readonly<Record<string, Type>> };

export type Type =
  | SimpleType
  | { readonly kind: 'list'; readonly of: Type }
  | { readonly kind: 'map'; readonly key: SimpleType; readonly of: Type }
  | { readonly kind: 'optional'; readonly of: Type }
  | ObjectType;

export const listOf = (of: Type): Type => ({ kind: 'list', of });
export const mapOf = (key: SimpleType, of: Type): Type => ({ kind: 'map', key, of });
export const optionalOf = (of: Type): Type => ({ kind: 'optional', of });
export const objectOf = (name: string, members: Readonly<Record<string, Type>>): ObjectType => ({ kind: 'object', name, members });

/** A type as people read it: `list(string)`. */
export function typeName(type: Type): string {
  if (typeof type === 'string') return type;
  if (type.kind === 'object') return type.name;
  return type.kind === 'map' ? `map(${type.key}, ${typeName(type.of)})` : `${type.kind}(${typeName(type.of)})`;
}

/** The type that holds the values of both, or undefined if no value can be of both. With dyn in one place it is dyn there. */
export function unify(a: Type, b: Type): Type | undefined {
  if (a === b) return a;
  if (a === 'dyn' || b === 'dyn') return 'dyn';
  if (a === 'null') return isNullable(b) ? b : undefined;
  if (b === 'null') return isNullable(a) ? a : undefined;
  if (typeof a === 'string' || typeof b === 'string') return undefined;
  if (a.kind === 'object' || b.kind === 'object') return undefined;
  const of = unify(a.of, b.of);
  if (of === undefined || a.kind !== b.kind) return undefined;
  if (a.kind !== 'map' || b.kind !== 'map') return { kind: a.kind === 'list' ? 'list' : 'optional', of };
  const key = unify(a.key, b.key);
  return typeof key === 'string' ? mapOf(key, of) : undefined;
}

/** As in Kubernetes: messages and times may be null, plain values may not. */
const isNullable = (type: Type): boolean => type === 'timestamp' || type === 'duration' || (typeof type === 'object' && type.kind === 'object');
