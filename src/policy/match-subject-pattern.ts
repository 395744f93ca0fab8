// Subject patterns: text in which `*` stands for one or more characters of one piece of a name.

/** What `*` never stands for: the marks between the pieces of a name, and control characters. */
const separators = /[:/]/;
const controls = /\p{Cc}/u;

/** A pattern, taken apart at its separators; each piece is the texts between its `*`. */
export type SubjectPattern = { separators: string; pieces: readonly (readonly string[])[] };

/** Takes a pattern apart. */
export function parseSubjectPattern(pattern: string): SubjectPattern {
  return { separators: separatorsOf(pattern), pieces: pattern.split(separators).map((piece) => piece.split('*')) };
}

/**
 * Whether a pattern matches a whole text. The separators of both must be the same, one by one, so that no `*` reaches past
 * one. There is nothing to try again: the time grows with the length of the text, not with the number of `*`.
 */
export function matchesSubjectPattern(pattern: SubjectPattern, text: string): boolean {
  if (separatorsOf(text) !== pattern.separators) return false;
  const pieces = text.split(separators);
  return pattern.pieces.every((texts, index) => matchesPiece(texts, pieces[index] ?? ''));
}

/** Between two texts there is a `*`, which takes at least one character. The first place where a text fits is the best one. */
function matchesPiece(texts: readonly string[], piece: string): boolean {
  const [first = '', ...rest] = texts;
  const last = rest.pop();
  if (last === undefined) return piece === first;
  if (!piece.startsWith(first) || !piece.endsWith(last)) return false;
  let from = first.length;
  for (const text of rest) {
    const at = piece.indexOf(text, from + 1);
    if (at < 0) return false;
    from = at + text.length;
  }
  // What the last `*` takes, and what all of them take together, must be there and hold no control character.
  return from + 1 <= piece.length - last.length && !controls.test(piece);
}

const separatorsOf = (text: string): string => text.replaceAll(/[^:/]+/g, '');
