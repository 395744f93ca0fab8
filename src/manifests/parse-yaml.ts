// Reads YAML and JSON text to the values that kubectl would send for it, and remembers where each of them was written.
import { isAlias, isCollection, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import type { Alias, Document, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';

/** A place in the text, counted from 1; columns in UTF-16 units. */
export type Position = { line: number; column: number };

export type YamlDocument = {
  /** A JSON value. Its objects have no prototype: `__proto__` is a key like any other. */
  value: unknown;
  /** Where the key (of an object) or the item (of a list) at the path was written; if there is none, its nearest ancestor. */
  positionOf(path: readonly (string | number)[]): Position;
};

export type YamlProblem = { position: Position; message: string };

/** One document of a file, unread. */
export type DocumentText = { text: string; linesBefore: number };

/** Splits a file into its documents, as kubectl does it: before YAML is looked at, the last line is ended, and every line that begins with `---` begins a document. */
export function splitDocuments(text: string): DocumentText[] {
  let linesBefore = 0;
  return text.replace(/^\uFEFF/, '').replace(/[^\n]$/, '$&\n').split(/(?<![^\n])(?=---)/).map((part) => {
    const document = { text: part, linesBefore };
    linesBefore += part.split('\n').length - 1;
    return document;
  });
}

/**
 * Reads one document of a file of YAML, or of JSON. Its value is null if it is empty. Members of objects that are null are
 * kept, as kubectl sends them. Where kubectl guesses (a key that is there twice), loses something (digits of a big number)
 * or skips something (text after `...`) there is a problem.
 */
export function readDocument({ text, linesBefore }: DocumentText): YamlDocument | YamlProblem {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: linesBefore + Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const root = readSyntax(text, lines);
    const walk: Walk = { places: new Map(), anchors: new Map(), visited: 1, aliased: 0, aliasDepth: 0 };
    const value = readValue(root, walk, 0);
    // Only what a position takes is held on to: the syntax tree is many times as large.
    const { places } = walk;
    const start = root?.range[0] ?? 0;
    return { value, positionOf: (path) => positionAt(findPlace(path, value, places) ?? start) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { position: positionAt(error.offset), message: error.message };
  }
}

/** Ends the reading of one document. */
class Refusal extends Error {
  readonly offset: number;
  constructor(at: number | ParsedNode, message: string) {
    super(message);
    this.offset = typeof at === 'number' ? at : at.range[0];
  }
}

/** Characters that kubectl refuses, and those that break lines for kubectl (YAML 1.1) but not for the library (YAML 1.2). */
const refusedCharacter = /\r(?!\n)|[^\t\n\r\x20-\x7E\xA0-\u2027\u202A-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD\u{10000}-\u{10FFFF}]/u;

/** The library is asked for the syntax only, each scalar being text: it and kubectl don't agree on what `1:30` or `0o17` is. */
const options = { schema: 'failsafe', resolveKnownTags: false, merge: false, uniqueKeys: false, prettyErrors: false, keepSourceTokens: true } as const;

/** Clearer words for what the library says. */
const syntaxMessages: Partial<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'a line that is indented too far, or a value with ": " in it that is not in quotes',
  MULTILINE_IMPLICIT_KEY: 'this line should begin with a key and ": "',
  MULTIPLE_DOCS: 'text after the end of the document: begin the next one with a line "---"',
  RESOURCE_EXHAUSTION: 'nested too deep',
};

function readSyntax(text: string, lineCounter: LineCounter): ParsedNode | null {
  const document = parseDocument(text, { ...options, lineCounter });
  const bad = text.search(refusedCharacter);
  if (bad >= 0) {
    const code = text.codePointAt(bad)?.toString(16).toUpperCase().padStart(4, '0');
    throw new Refusal(bad, `the character U+${code} can only be written in double quotes, as an escape`);
  }
  if (/^---(?![ \t]*$|[ \t]+#)/m.test(text)) throw new Refusal(3, 'only a comment can follow "---" in its line');
  const error = document.errors[0];
  if (error !== undefined) throw new Refusal(error.pos[0], syntaxMessages[error.code] ?? error.message.replace(/\s+/g, ' '));
  refuseNewerSyntax(document, text);
  const root = document.contents;
  if (isSeq(root) || (isScalar(root) && resolveScalar(root).value !== null)) throw new Refusal(root, 'this is not an object, but a list or a scalar');
  return root;
}

/** Refuses what the library (YAML 1.2, and lenient here and there) lets pass, and kubectl refuses or reads otherwise. */
function refuseNewerSyntax(document: Document.Parsed, text: string): void {
  const json = isJson(text);
  visit(document, {
    Pair(_, { key, value, srcToken }) {
      const { type, range: [start, end] } = key as Scalar.Parsed;
      if (srcToken?.start.some((token) => token.type === 'explicit-key-ind')) throw new Refusal(start, 'a key can\'t begin with "? "');
      const next = value === null ? /\s*([,}\]#]|$)/y : json ? /\s*:/y : type === 'PLAIN' ? /[ \t]*:(?!\S)/y : /[ \t]*:/y;
      next.lastIndex = end;
      if (text.slice(start, end).includes('\n') || !next.test(text)) throw new Refusal(start, 'a key must be followed by ": " in its line');
    },
    Node(_, node, path) {
      const { anchor, type, range: [start, end] } = node as Scalar.Parsed;
      const parent = path.findLast(isCollection);
      const inFlow = parent?.flow === true;
      const written = text.slice(start, end);
      if (anchor !== undefined && !/^[\w-]+$/.test(anchor)) throw new Refusal(start, 'an anchor can only have the characters A-Z a-z 0-9 _ -');
      if (!inFlow && /^(?: |[-:](?=\s))*\t/.test(text.slice(start - columnOf(start, text), start))) throw new Refusal(start, 'a tab can\'t be indentation');
      if (type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE') refuseQuoted(start, written, json);
      else if (type === 'PLAIN' && inFlow) {
        if (/^:|\?/.test(written)) throw new Refusal(start, 'inside [] and {} this must be in quotes');
      } else if (type !== undefined) refuseLines(start, written, columnOf(parent?.range?.[0] ?? 0, text));
    },
  });
}

const columnOf = (offset: number, text: string): number => offset - text.lastIndexOf('\n', offset - 1) - 1;

function refuseQuoted(start: number, written: string, json: boolean): void {
  const quote = written.charAt(0);
  const rest = written.slice(1).replaceAll(quote === '"' ? '\\\\' : "''", '');
  if (!rest.endsWith(quote) || rest.endsWith('\\"')) throw new Refusal(start, 'the closing quote is missing');
  const escape = quote === '"' && !json ? /\\(\/|u[dD][89a-fA-F]|\r?\n[ \t]*\r?\n)/.exec(rest)?.[0] : undefined;
  if (escape !== undefined) throw new Refusal(start, `${JSON.stringify(escape)} is not in YAML 1.1`);
}

/** Text without quotes, or after | or >, in a collection that begins at a column. */
function refuseLines(start: number, written: string, column: number): void {
  if (/^[|>][-+]?[1-9]/.test(written)) throw new Refusal(start, 'a digit after | or > is not supported: put this text in quotes');
  if (/^[|>].*\n[ \r\n]*\t/.test(written)) throw new Refusal(start, 'a tab can\'t be indentation');
  const outside = written.split('\n').slice(1).some((line) => line.trim() !== '' && line.search(/\S/) <= column);
  if (outside) throw new Refusal(start, 'a line of this text is not indented enough');
}

function isJson(text: string): boolean {
  try {
    return text.trimStart().startsWith('{') && JSON.parse(text) !== null;
  } catch {
    return false;
  }
}

/** What is known while the values of one document are read. */
type Walk = {
  /** For each object and list that was made, the offsets of its keys and items. */
  places: Map<unknown, Places>;
  anchors: Map<string, ParsedNode>;
  visited: number;
  aliased: number;
  aliasDepth: number;
};

const maxDepth = 100;
const maxAliased = 10_000;

/** Calls `read` with a node, or with the one that it is an alias of. All nodes pass here, in the order of the text. */
function resolveNode<T>(node: ParsedNode, walk: Walk, depth: number, read: (target: Exclude<ParsedNode, Alias.Parsed>) => T): T {
  walk.visited++;
  if (walk.aliasDepth > 0) walk.aliased++;
  // The first bound is kubectl's.
  const excessive = (walk.aliased > 100 && walk.visited > 1000 && walk.aliased > 0.99 * walk.visited) || walk.aliased > maxAliased;
  if (excessive) throw new Refusal(node, 'aliases repeat too much');
  if (isCollection(node) && depth >= maxDepth) throw new Refusal(node, `nested more than ${maxDepth} levels deep, or an alias inside its own anchor`);
  if (!isAlias(node)) {
    if (node.anchor !== undefined) {
      if ((walk.anchors.get(node.anchor) ?? node) !== node) throw new Refusal(node, `the anchor &${node.anchor} is there twice`);
      walk.anchors.set(node.anchor, node);
    }
    return read(node);
  }
  const target = walk.anchors.get(node.source);
  if (target === undefined) throw new Refusal(node, `there is no anchor &${node.source} before this alias`);
  walk.aliasDepth++;
  const result = resolveNode(target, walk, depth + 1, read);
  walk.aliasDepth--;
  return result;
}

function readValue(node: ParsedNode | null, walk: Walk, depth: number): unknown {
  if (node === null) return null;
  return resolveNode(node, walk, depth, (target) => {
    if (isScalar(target)) return resolveScalar(target).value;
    const value = isMap(target) ? (Object.create(null) as Members) : [];
    const places = new Map<string, number>();
    walk.places.set(value, places);
    if (isMap(target)) setMembers(target, value as Members, places, walk, depth);
    else addItems(target, value as unknown[], places, walk, depth);
    return value;
  });
}

type Members = Record<string, unknown>;
type Places = Map<string, number>;

function addItems(from: YAMLSeq.Parsed, to: unknown[], places: Places, walk: Walk, depth: number): void {
  refuseTag(from, 'seq');
  for (const item of from.items) {
    places.set(String(to.length), item.range[0]);
    to.push(readValue(item, walk, depth + 1));
  }
}

function setMembers(from: YAMLMap.Parsed, to: Members, places: Places, walk: Walk, depth: number): void {
  refuseTag(from, 'map');
  const written = new Set<string>();
  for (const { key, value } of from.items) {
    if (isScalar(key) && key.source === '<<' && key.type === 'PLAIN' && key.tag === undefined) {
      mergeMembers(value ?? key, to, places, walk, depth);
      continue;
    }
    const name = resolveNode(key, walk, depth, readKey);
    if (written.has(name)) throw new Refusal(key, `the key ${JSON.stringify(name)} is there twice`);
    written.add(name);
    places.set(name, key.range[0]);
    to[name] = readValue(value, walk, depth + 1);
  }
}

/** `<<`: as in kubectl, what comes later wins, be it merged or written here; in a list of objects, what comes earlier. */
function mergeMembers(from: ParsedNode, to: Members, places: Places, walk: Walk, depth: number): void {
  for (const part of isSeq(from) ? from.items.toReversed() : [from]) {
    resolveNode(part, walk, depth, (target) => {
      if (!isMap(target)) throw new Refusal(part, 'only objects can be merged with "<<"');
      setMembers(target, to, places, walk, depth + 1);
    });
  }
}

/** In JSON a key is text: kubectl writes `true` for an unquoted `y`, and 511 for 0777. */
function readKey(node: ParsedNode): string {
  const { type, value } = isScalar(node) ? resolveScalar(node) : { type: 'list or object', value: null };
  if (type === 'str' || type === 'bool' || type === 'int') return String(value);
  throw new Refusal(node, `a ${type} can't be a key: put it in quotes`);
}

const tagPrefix = 'tag:yaml.org,2002:';

function refuseTag(node: ParsedNode & { tag?: string }, type: string): void {
  const { tag } = node;
  if (tag === undefined || tag === tagPrefix + type) return;
  throw new Refusal(node, `the tag ${tag.replace(tagPrefix, '!!')} is not for this value, or not supported`);
}

type Resolved = { type: 'str' | 'int' | 'float' | 'bool' | 'null'; value: string | number | boolean | null };

function resolveScalar(node: Scalar.Parsed): Resolved {
  const { source, tag } = node;
  if (!source.isWellFormed()) throw new Refusal(node, 'half of a surrogate pair is no character');
  if (tag === tagPrefix + 'str' || (tag === undefined && node.type !== 'PLAIN')) return { type: 'str', value: source };
  const { type, value } = resolvePlain(source);
  refuseTag(node, type);
  if (typeof value === 'number' && !(type === 'int' ? Number.isSafeInteger(value) : Number.isFinite(value))) {
    throw new Refusal(node, 'this number can\'t be kept exactly: put it in quotes if it is meant as text');
  }
  return { type, value };
}

const integer = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** What text without quotes means to kubectl: neither what YAML 1.1 says, nor what YAML 1.2 says. */
function resolvePlain(text: string): Resolved {
  if (['', '~', 'null', 'Null', 'NULL'].includes(text)) return { type: 'null', value: null };
  if (/^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return { type: 'bool', value: true };
  if (/^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return { type: 'bool', value: false };
  const digits = /^[-+0-9]/.test(text) ? text.replaceAll('_', '') : text.replace(/(?<=[0-9])_(?=[0-9])/g, '');
  if (/^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|0b[-+][01]+)$/.test(digits)) return { type: 'float', value: NaN };
  const [, sign, magnitude] = integer.exec(digits) ?? [];
  if (magnitude !== undefined) {
    const value = Number(BigInt(magnitude.replace(/^0(?=[0-7])/, '0o')));
    return { type: 'int', value: sign === '-' ? 0 - value : value };
  }
  // Adding 0 makes -0 the 0 that it is after JSON.
  return float.test(digits) ? { type: 'float', value: Number(digits) + 0 } : { type: 'str', value: text };
}

/** The offset at which the value at a path was written, or the nearest one above it. */
function findPlace(path: readonly (string | number)[], root: unknown, places: Walk['places']): number | undefined {
  let at = root;
  let offset: number | undefined;
  for (const step of path) {
    const next = places.get(at)?.get(String(step));
    if (next === undefined) break;
    offset = next;
    at = (at as Members)[step];
  }
  return offset;
}
