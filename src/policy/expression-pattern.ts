// Patterns of `matches`: RE2, as in Kubernetes, with an engine whose time is linear in the text.
import { RE2JS } from 're2js';
import { spend, type Steps } from './expression-steps.ts';
import { ExpressionMistake } from './expression-syntax.ts';

/** Bounds of all patterns of one expression: UTF-16 units, and instructions of their programs (`x{100}` stands for 100). */
export const maxPatternLength = 512;
export const maxPatternSize = 512;

/** Classes such as `\pL` have hundreds of ranges: so many in one expression, and so many instructions in a pattern with one. */
export const maxUnicodeClasses = 8;
export const maxUnicodePatternSize = 64;

/**
 * What the engine may remember of the texts that a pattern saw, in bytes as it counts them. It builds an automaton as it
 * goes, of up to 8 MiB for each pattern if nobody tells it otherwise; when this is used up it starts afresh.
 */
export const maxRemembered = 65_536;

/** Tells whether a pattern is found anywhere in a text. */
export type Pattern = (steps: Steps, text: string) => boolean;

/** What the patterns of an expression have used up of the bounds: a compiled pattern adds its own. */
export type PatternTotals = { length: number; size: number; unicodeClasses: number };

/** Compiles a pattern. Throws an ExpressionMistake that points at it. */
export function compilePattern(pattern: string, totals: PatternTotals, at: number): Pattern {
  totals.length += pattern.length;
  if (totals.length > maxPatternLength) throw new ExpressionMistake(`the patterns are longer than ${maxPatternLength} characters`, at);
  const unicodeClasses = pattern.match(/\\p/gi)?.length ?? 0;
  totals.unicodeClasses += unicodeClasses;
  if (totals.unicodeClasses > maxUnicodeClasses) throw new ExpressionMistake(`the patterns have more than ${maxUnicodeClasses} classes such as \\pL`, at);
  const compiled = read(pattern, at);
  const size = compiled.programSize();
  if (unicodeClasses > 0 && size > maxUnicodePatternSize) throw new ExpressionMistake(`a pattern with a class such as \\pL may stand for ${maxUnicodePatternSize} instructions, and this one has ${size}: repeat less`, at);
  totals.size += size;
  if (totals.size > maxPatternSize) throw new ExpressionMistake(`the patterns stand for ${totals.size} instructions; at most ${maxPatternSize} are allowed: repeat less`, at);
  const { dfa } = compiled.re2();
  dfa.stateBudget = maxRemembered;
  dfa.memBudget = maxRemembered;
  return (steps, text) => {
    spend(steps, costOf(text.length, size));
    return compiled.test(text);
  };
}

/**
 * What a match costs. A character is looked up in the automaton, or, where that has to be built, tried at every
 * instruction; a long text may wear the automaton out, and all of it is tried so.
 */
function costOf(length: number, size: number): number {
  const tried = length * size;
  return 32 + length + (tried >> 3) + (Math.max(0, tried - 4096) >> 2);
}

function read(pattern: string, at: number): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : '';
    throw new ExpressionMistake(`the pattern is not RE2: ${why}`, at);
  }
}
