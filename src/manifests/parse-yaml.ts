// Reads YAML and JSON text to the values that kubectl would send for it, and remembers where each of them was written.
import { isAlias, isCollection, isMap, isScalar, isSeq, LineCounter, type Alias, type ParsedNode, type YAMLMap, type YAMLSeq } from 'yaml';
import { refuseTag, resolveScalar } from './yaml-scalars.ts';
import { readSyntax, Refusal } from './yaml-syntax.ts';

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
    refuseNoObject(root);
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

function refuseNoObject(root: ParsedNode | null): void {
  if (isSeq(root) || (isScalar(root) && resolveScalar(root).value !== null)) throw new Refusal(root, 'this is not an object, but a list or a scalar');
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
