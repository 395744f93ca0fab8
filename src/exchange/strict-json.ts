// JSON as a token may hold it: UTF-8, an object, no name twice, not deep (RFC 7515 §4, RFC 7519 §4).

/** Depth of objects and lists in each other that a token's header or payload may have. */
export const maxDepth = 32;

export type JsonObject = { readonly [name: string]: unknown };

/**
 * Parses the bytes of a JSON object strictly. Objects in the result have no prototype, so that a claim's name never
 * meets what every object inherits.
 * @returns undefined if the bytes are anything else
 */
export function parseStrictObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = utf8.decode(bytes);
    const members = countMembers(text);
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    // JSON.parse keeps the last of two equal names: then fewer members come out than stand in the text.
    return isObject && takePrototypes(value) === members ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether two JSON values say the same, whatever the order of members. */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));
  const [own, others] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return own.size === others.size && [...own].every(([name, value]) => others.has(name) && isSameJson(value, others.get(name)));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Counts the colons outside of strings: one for each member. Throws where objects and lists stand too deep in each other. */
function countMembers(text: string): number {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) at = endOfString(text, at);
    else if (char === colon) members++;
    else if (char === openBrace || char === openBracket) {
      if (++depth > maxDepth) throw new SyntaxError('too deep');
    } else if (char === closeBrace || char === closeBracket) depth--;
  }
  return members;
}

/** The first quote after a string's own that no backslash escapes. */
function endOfString(text: string, start: number): number {
  let at = text.indexOf('"', start + 1);
  while (at > 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at < 0 ? text.length : at;
}

/** Whether an odd number of backslashes stands right before. */
function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
  return backslashes % 2 === 1;
}

const [quote, colon, openBrace, closeBrace, openBracket, closeBracket, backslash] = [0x22, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d, 0x5c];

/** Takes the prototype from every object in a value that JSON.parse has just made. @returns how many members they have in all */
function takePrototypes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const isList = Array.isArray(value);
  if (!isList) Object.setPrototypeOf(value, null);
  const items = Object.values(value);
  return items.reduce<number>((members, item) => members + takePrototypes(item), isList ? 0 : items.length);
}
