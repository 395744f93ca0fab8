// What `cambio check` found as text and as annotations: width, order, and nothing that a terminal or a runner would obey.
import { describe, expect, test } from 'vitest';
import { formatAnnotation } from '../../src/commands/check-github.ts';
import type { Finding } from '../../src/commands/check-findings.ts';
import type { Row } from '../../src/commands/check-policy.ts';
import { formatChecks, formatFinding, formatTable, visible } from '../../src/commands/check-text.ts';

const finding: Finding = { severity: 'error', file: 'a.yaml', line: 3, column: 5, field: 'spec.suspended', message: 'unknown field; did you mean suspend?' };

describe('a finding', () => {
  test.each<{ name: string; change: Partial<Finding>; text: string }>([
    { name: 'in a file', change: {}, text: 'a.yaml:3:5: spec.suspended: unknown field; did you mean suspend?' },
    { name: 'a warning', change: { severity: 'warning' }, text: 'a.yaml:3:5: warning: spec.suspended: unknown field; did you mean suspend?' },
    { name: 'with escape sequences', change: { message: 'a\u001b[31mb\u009b\u202e' }, text: 'a.yaml:3:5: spec.suspended: a\\u{1b}[31mb\\u{9b}\\u{202e}' },
    { name: 'with line breaks', change: { message: 'a\nb.yaml:1:1: c' }, text: 'a.yaml:3:5: spec.suspended: a\\u{a}b.yaml:1:1: c' },
    {
      name: 'a long one',
      change: { message: 'one of these must be set, and none of them is: '.repeat(3).trim() },
      text: `a.yaml:3:5: spec.suspended: one of these must be set, and none of them is: one of these must be set,
    and none of them is: one of these must be set, and none of them is:`,
    },
  ])('$name', ({ change, text }) => {
    expect(formatFinding({ ...finding, ...change })).toBe(text);
  });

  test('of a cluster has no line', () => {
    const { line: _line, column: _column, ...rest } = finding;
    expect(formatFinding({ ...rest, file: 'TrustedIssuer/ci' })).toBe('TrustedIssuer/ci: spec.suspended: unknown field; did you mean suspend?');
  });
});

describe('an annotation', () => {
  test.each<{ name: string; change: Partial<Finding>; text: string }>([
    { name: 'plain', change: {}, text: '::error file=a.yaml,line=3,col=5,title=cambio check::spec.suspended: unknown field; did you mean suspend?' },
    { name: 'a warning', change: { severity: 'warning' }, text: '::warning file=a.yaml,line=3,col=5,title=cambio check::spec.suspended: unknown field; did you mean suspend?' },
    { name: 'a message that would be a command', change: { message: '50%\r\n::stop-commands::x' }, text: '::error file=a.yaml,line=3,col=5,title=cambio check::spec.suspended: 50%25%0D%0A::stop-commands::x' },
    { name: 'a file name that would be a property', change: { file: 'a,line=1::b%\n.yaml' }, text: '::error file=a%2Cline=1%3A%3Ab%25%0A.yaml,line=3,col=5,title=cambio check::spec.suspended: unknown field; did you mean suspend?' },
  ])('$name', ({ change, text }) => {
    expect(formatAnnotation({ ...finding, ...change })).toBe(text);
  });
});

describe('the table', () => {
  const row = (name: string, ready = true): Row => ({ file: 'a.yaml', kind: 'ExchangeClient', name, ready, reason: ready ? 'Ready' : 'NotAccepted: InvalidField' });

  test('of a few objects', () => {
    expect(formatTable([row('payments/deployer'), row('a/b', false)])).toBe(`KIND            NAME               READY  REASON
ExchangeClient  payments/deployer  True   Ready
ExchangeClient  a/b                False  NotAccepted: InvalidField`);
  });

  test('clips long names rather than being too wide', () => {
    const lines = formatTable([row(`${'n'.repeat(63)}/${'m'.repeat(253)}`, false)]).split('\n');
    expect(lines[1]).toBe(`ExchangeClient  ${'n'.repeat(47)}…  False  NotAccepted: InvalidField`);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  });

  test('of many objects has those that are not ready, and counts the others', () => {
    const rows = [row('a/bad', false), ...Array.from({ length: 60 }, (_, index) => row(`a/c${index}`))];
    expect(formatTable(rows)).toBe(`KIND            NAME   READY  REASON
ExchangeClient  a/bad  False  NotAccepted: InvalidField
and 60 more, which are Ready`);
  });
});

test('checks are questions with answers', () => {
  const long = 'repo:acme/payments '.repeat(8).trim();
  expect(formatChecks([{ name: 'client', asks: 'Is it known?', verdict: 'passes' }, { name: 'one-target', asks: 'Is there one?', verdict: 'denies', reason: long }, { name: 'scope', asks: 'Is it offered?', verdict: 'unknown' }])).toBe(
    `yes  client      Is it known?
NO   one-target  Is there one?
                 repo:acme/payments repo:acme/payments repo:acme/payments repo:acme/payments
                 repo:acme/payments repo:acme/payments repo:acme/payments repo:acme/payments
-    scope       Is it offered?`,
  );
});

test.each(['plain text, with ümlauts and 漢字', 'a\u00a0b'])('%j is visible as it is', (text) => {
  expect(visible(text)).toBe(text);
});
