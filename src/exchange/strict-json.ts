// JSON as a token may hold it: UTF-8, an object, no name twice, no half characters, not deep (RFC 7515 §4, RFC 7519 §4).

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
    const found = { members: 0 };
    const value = withoutPrototypes(JSON.parse(text), found);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    // JSON.parse keeps the last of two equal names: then fewer members come out than stand in the text.
    if (!isObject || found.members !== members) return undefined;
    return !text.includes('\\') || isReadRight(text, value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether what stands in a text with escapes was read for what it is, and is text that others read alike. */
const isReadRight = (text: string, value: object): boolean => hasNamesOf(text, value) && isWellFormed(value);

/**
 * Whether the names in a value are those in its text, each as often as there. The V8 of Node 26 may take a name that is
 * written with an escape for one that it has met in an earlier text (`"\\u0061"` for a backslash): names are then decoded
 * one by one, too.
 */
function hasNamesOf(text: string, value: object): boolean {
  const written = [...text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)].flatMap(([, literal = '', colon]) => (colon === undefined ? [] : [JSON.parse(literal) as string]));
  const [a, b] = [namesIn(value).toSorted(), written.toSorted()];
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/**
 * Whether no text in a value, names included, has half of a surrogate pair, as only an escape can write it (RFC 8259 §8.2): who
 * reads an issued token writes U+FFFD for each of them, and then two subjects are one.
 */
function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member));
}

/** The names of all members, at any depth. */
function namesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(namesIn)];
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

/** Where the string that begins at `start` ends: at the next quote that no backslash takes away. */
function endOfString(text: string, start: number): number {
  for (let at = start; ; ) {
    at = text.indexOf('"', at + 1);
    if (at < 0) throw new SyntaxError('a string has no end');
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}

const [quote, colon, openBrace, closeBrace, openBracket, closeBracket, backslash] = [0x22, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d, 0x5c];

/** Copies a value into one whose objects have no prototype, and counts their members. */
function withoutPrototypes(value: unknown, found: { members: number }): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withoutPrototypes(item, found));
  const out: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(value)) {
    found.members++;
    out[name] = withoutPrototypes((value as Record<string, unknown>)[name], found);
  }
  return out;
}
