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

/** The same in the words of a regular expression, which is slow on some texts, and whose pieces are not tried one by one. */
const reference = (pattern: string): RegExp => new RegExp(`^${pattern.split('*').map((part) => part.replaceAll(/[^\p{L}\p{N}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)).join('[^:/]+')}$`, 'u');

describe('no text gets past a pattern', () => {
  test('what matches is the pattern with each * replaced by text without : and /', () => {
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => {
        if (matches(pattern, text)) expect(text).toMatch(reference(pattern));
      }),
      { numRuns: 5000, seed: 8693 },
    );
  });

  test('and all that is so is matched, save where a * would stand for a control character', () => {
    fc.assert(
      fc.property(patterns, fc.array(texts, { minLength: 12, maxLength: 12 }), (pattern, fillers) => {
        const parts = pattern.split('*');
        const text = parts.map((part, index) => (index === 0 ? part : (fillers[index] ?? '') + part)).join('');
        const wanted = parts.slice(1).every((_, index) => /^[^:/]+$/.test(fillers[index + 1] ?? ''));
        const controls = text.split(/[:/]/).some((piece, index) => pattern.split(/[:/]/)[index]?.includes('*') === true && /\p{Cc}/u.test(piece));
        if (wanted && !controls) expect(matches(pattern, text)).toBe(true);
        if (wanted && controls) expect(matches(pattern, text)).toBe(false);
      }),
      { numRuns: 5000, seed: 8693 },
    );
  });

  test('a matching text is matched no longer with a piece more, or a piece less', () => {
    fc.assert(
      fc.property(patterns, texts, fc.constantFrom(':', '/', ':x', '/x', '\n', 'x:', '\0'), (pattern, text, more) => {
        const longer = pattern.endsWith('*') && !/[:/\n\0]/.test(more) ? '' : text + more;
        if (longer !== '' && matches(pattern, text)) expect(matches(pattern, longer)).toBe(false);
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
