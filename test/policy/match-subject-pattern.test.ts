// Subject patterns: what they match, that nothing gets past them, and that no text makes them slow.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesSubjectPattern, parseSubjectPattern } from '../../src/policy/match-subject-pattern.ts';

const matches = (pattern: string, text: string): boolean => matchesSubjectPattern(parseSubjectPattern(pattern), text);

describe('a pattern and what it matches', () => {
  test.each<[pattern: string, matching: string[], other: string[]]>([
    ['repo:acme/payments:ref:main', ['repo:acme/payments:ref:main'], ['', 'repo:acme/payments:ref:main ', ' repo:acme/payments:ref:main', 'repo:acme/payments:ref:main\n', 'repo:acme/payments:ref:mai', 'REPO:acme/payments:ref:main']],
    ['repo:acme/*', ['repo:acme/a', 'repo:acme/pay-ments', 'repo:acme/ü', 'repo:acme/*', 'repo:acme/a b', 'repo:acme/a|b', 'repo:acme/😀'], ['repo:acme/', 'repo:acme/a/b', 'repo:acme/a:b', 'repo:acme/a:', 'repo:acme/a/', 'repo:acme/\n', 'repo:acme/a\n', 'repo:acme/a\0', 'repo:acmea', 'x:repo:acme/a']],
    ['repo:*/app:ref:*', ['repo:acme/app:ref:main'], ['repo:/app:ref:main', 'repo:acme/app:ref:', 'repo:acme/app:ref:heads/main', 'repo:a/b/app:ref:main', 'repo:acme/app:environment:prod:ref:main']],
    ['a*b', ['axb', 'abb', 'aab', 'axxb'], ['ab', 'a:b', 'a/b', 'xab', 'axbx']],
    ['a*b*c', ['axbyc', 'abbbc', 'axxbbyycc'], ['abc', 'axbc', 'abyc', 'axc', 'axbycx']],
    ['*a', ['xa', 'aa'], ['a', 'xab']],
    ['a*', ['ax', 'aa'], ['a', 'xa']],
    ['*:*', ['a:b'], [':', 'a:', ':b', 'a', 'a:b:c', 'a:b/c']],
    ['*/', ['a/'], ['/', 'a/b', '']],
    ['.*', ['.x'], ['x', 'xy']],
    ['a?', ['a?'], ['ab', 'a']],
    ['[ab]', ['[ab]'], ['a', 'b']],
    ['a|b', ['a|b'], ['a', 'b']],
    ['^a$', ['^a$'], ['a']],
    ['a\\*', ['a\\x'], ['a*', 'a\\']],
  ])('%s', (pattern, matching, other) => {
    expect(matching.filter((text) => !matches(pattern, text))).toEqual([]);
    expect(other.filter((text) => matches(pattern, text))).toEqual([]);
  });
});

/** Text of the characters that matter here, and of any others. */
const characters = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(':', '/', '|', '\n', '\r', '\u2028', 'a', 'b', '*', '.', '\\', '$', '^', '(', ')', '\0', 'é', '😀') }, { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) });
const texts = fc.array(characters, { maxLength: 12 }).map((list) => list.join(''));
const patterns = texts.map((text) => text.replaceAll(/\*{2,}/g, '*')).filter((text) => text !== '*' && text !== '');

/** The same in the words of a regular expression, which is slow on some texts; and a `*` takes no control character. */
function isMeant(pattern: string, text: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[^\p{L}\p{N}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`));
  const pieces = text.split(/[:/]/);
  const takesControls = pattern.split(/[:/]/).some((piece, index) => piece.includes('*') && /\p{Cc}/u.test(pieces[index] ?? ''));
  return new RegExp(`^${escaped.join('[^:/]+')}$`, 'u').test(text) && !takesControls;
}

/** A pattern, and a text that is it with something in the place of each `*`: sometimes what a `*` stands for, sometimes not. */
const filled = fc.tuple(patterns, fc.array(fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', '|', '.', 'é', '*'), minLength: 1, maxLength: 3 }), texts), { minLength: 12, maxLength: 12 })).map(([pattern, fillers]) => {
  const [first = '', ...rest] = pattern.split('*');
  return { pattern, text: first + rest.map((part, index) => (fillers[index] ?? '') + part).join('') };
});

describe('no text gets past a pattern', () => {
  test('what matches is the pattern with each * replaced by text without : and /, and nothing else', () => {
    const counts = { yes: 0, no: 0 };
    fc.assert(
      fc.property(filled, ({ pattern, text }) => {
        const meant = isMeant(pattern, text);
        counts[meant ? 'yes' : 'no']++;
        expect(matches(pattern, text)).toBe(meant);
      }),
      { numRuns: 10_000, seed: 8693 },
    );
    // Both have been tried.
    expect(Math.min(counts.yes, counts.no)).toBeGreaterThan(1000);
  });

  test('any text, whatever the pattern', () => {
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        expect(matches(pattern, text)).toBe(isMeant(pattern, text));
      }),
      { numRuns: 10_000, seed: 8693 },
    );
  });

  test('a separator more, wherever it stands, and the text matches no longer', () => {
    fc.assert(
      fc.property(patterns, fc.constantFrom(':', '/'), fc.nat({ max: 30 }), (pattern, separator, place) => {
        const text = pattern.replaceAll('*', 'xyz');
        const at = place % (text.length + 1);
        expect(matches(pattern, text.slice(0, at) + separator + text.slice(at))).toBe(false);
      }),
      { numRuns: 5000, seed: 8693 },
    );
  });
});

test('a text that makes a backtracking engine run for ever is answered with a number of comparisons that its length bounds', () => {
  const pattern = parseSubjectPattern(`${'a*'.repeat(500)}b`);
  expect(matchesSubjectPattern(pattern, 'a'.repeat(1024))).toBe(false);
  expect(matchesSubjectPattern(pattern, `${'a'.repeat(1023)}b`)).toBe(true);
});
