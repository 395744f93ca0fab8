// Patterns of `matches`: RE2, as in Kubernetes, with an engine whose time is linear in the text.
import { RE2JS } from 're2js';
import { spend, type Steps } from './expression-steps.ts';
import { ExpressionMistake } from './expression-syntax.ts';

/** Bounds of a pattern: UTF-16 units of its text, and instructions of the program that it becomes (`x{100}` are 100). */
export const maxPatternLength = 512;
export const maxPatternSize = 512;

/** What the engine may remember of one pattern, in characters times instructions, before it starts afresh. */
const mostRemembered = 65_536;

/** Tells whether a pattern is found anywhere in a text. */
export type Pattern = (steps: Steps, text: string) => boolean;

/** Compiles a pattern. Throws an ExpressionMistake that points at it. */
export function compilePattern(pattern: string, at: number): Pattern {
  if (pattern.length > maxPatternLength) throw new ExpressionMistake(`the pattern is longer than ${maxPatternLength} characters`, at);
  const compiled = read(pattern, at);
  const size = compiled.programSize();
  if (size > maxPatternSize) throw new ExpressionMistake(`the pattern stands for ${size} instructions; at most ${maxPatternSize} are allowed: repeat less`, at);
  let remembered = 0;
  return (steps, text) => {
    const work = text.length * size;
    spend(steps, 32 + (work >> 3));
    // The engine builds an automaton as it goes and would keep up to 8 MiB of it for each pattern.
    if ((remembered += work) > mostRemembered) {
      compiled.reset();
      remembered = work;
    }
    return compiled.test(text);
  };
}

function read(pattern: string, at: number): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : '';
    throw new ExpressionMistake(`the pattern is not RE2: ${why}`, at);
  }
}
