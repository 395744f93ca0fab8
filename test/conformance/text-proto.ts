// Reads protobuf's text format as far as the tests of cel-spec use it: fields, messages, repeated fields, scalars.

/** A message: its fields by name, each as often as it was written. Extensions and Any are named by what stands in brackets. */
export type Message = { [field: string]: Scalar[] | Message[] };
/** A string, or a word such as `true`, `1`, `INT64`, as it is written. */
export type Scalar = { text: string } | { word: string };

const token = /\s+|#[^\n]*|(?<text>"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*')|(?<name>\[[\w./]+\])|(?<word>[-+\w.]+)|(?<mark>[{}<>:;,[\]])/gy;

/** Parses a whole file. */
export function readTextProto(source: string): Message {
  const tokens = Array.from(source.matchAll(token), ({ groups = {} }) => groups).filter(({ text, name, word, mark }) => (text ?? name ?? word ?? mark) !== undefined);
  let at = 0;
  const isMark = (...marks: string[]): boolean => marks.includes(tokens[at]?.['mark'] ?? '');

  function message(): Message {
    const fields: Message = {};
    while (at < tokens.length && !isMark('}', '>')) {
      const { word, name } = tokens[at++] ?? {};
      const field = word ?? name ?? '';
      if (isMark(':')) at++;
      fields[field] = [...(fields[field] ?? []), ...values()] as Scalar[] | Message[];
      if (isMark(';', ',')) at++;
    }
    return fields;
  }

  function values(): (Scalar | Message)[] {
    if (!isMark('[')) return [value()];
    const list: (Scalar | Message)[] = [];
    for (at++; !isMark(']'); ) {
      list.push(value());
      if (isMark(',')) at++;
    }
    at++;
    return list;
  }

  function value(): Scalar | Message {
    if (isMark('{', '<')) {
      at++;
      const inner = message();
      at++;
      return inner;
    }
    const { text, word = '' } = tokens[at++] ?? {};
    if (text === undefined) return { word };
    // Neighbouring strings are one.
    let joined = unquote(text);
    for (; tokens[at]?.['text'] !== undefined; at++) joined += unquote(tokens[at]?.['text'] ?? '');
    return { text: joined };
  }

  return message();
}

/** Escapes as in C: octal and hexadecimal ones are bytes of UTF-8. */
function unquote(quoted: string): string {
  const bytes: Buffer[] = [];
  for (const [piece] of quoted.slice(1, -1).matchAll(/\\[0-7]{1,3}|\\x[0-9a-fA-F]{1,2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[^]|[^\\]+/g)) bytes.push(bytesOf(piece));
  return Buffer.concat(bytes).toString('utf8');
}

const simpleEscapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function bytesOf(piece: string): Buffer {
  if (!piece.startsWith('\\')) return Buffer.from(piece);
  const escape = piece.slice(1);
  if (/^[0-7]/.test(escape)) return Buffer.from([Number.parseInt(escape, 8) & 0xff]);
  if (escape.startsWith('x')) return Buffer.from([Number.parseInt(escape.slice(1), 16)]);
  if (/^[uU]/.test(escape)) return Buffer.from(String.fromCodePoint(Number.parseInt(escape.slice(1), 16)));
  return Buffer.from(simpleEscapes[escape] ?? escape);
}
