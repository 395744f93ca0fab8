// Reads the syntax of one YAML document, and refuses what kubectl would refuse or read otherwise.
import { isCollection, parseDocument, visit } from 'yaml';
import type { Document, LineCounter, ParsedNode, Scalar } from 'yaml';

/** Ends the reading of one document. */
export class Refusal extends Error {
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

/**
 * Reads the syntax of one document; null if it is empty. Throws a Refusal where it is no YAML, or YAML that kubectl refuses or
 * reads otherwise than the library.
 */
export function readSyntax(text: string, lineCounter: LineCounter): ParsedNode | null {
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
  return document.contents;
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
