// Values as expressions see them (claims and the like, converted once), and back to JSON.

declare const converted: unique symbol;

/** A value that expressions can work on. Only toExpressionValue makes them; nothing else looks inside. */
export type ExpressionValue = { readonly [converted]: true } | null | boolean | string | number | bigint;

/** The variables of one evaluation, by name. */
export type ExpressionValues = Readonly<Record<string, ExpressionValue>>;

/**
 * Converts JSON, once for all the expressions that will see it. Objects become Maps, so that a name such as
 * `constructor` is a key like any other; whole numbers become ints, as `claims.exp > 5` means them, and other numbers
 * stay doubles. Members that are undefined are left out.
 */
export function toExpressionValue(json: unknown): ExpressionValue {
  return convert(json) as ExpressionValue;
}

function convert(json: unknown): unknown {
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (typeof json !== 'object' || json === null) return json ?? null;
  if (Array.isArray(json)) return json.map(convert);
  const members = Object.entries(json).filter(([, value]) => value !== undefined);
  return new Map(members.map(([name, value]) => [name, convert(value)]));
}
