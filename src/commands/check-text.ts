// What `cambio check` found, as text for people: lines of at most 100 columns, in the form that editors jump to.
import type { ExplainedCheck } from '../exchange/explain-exchange.ts';
import type { CheckInput } from './check-input.ts';
import type { Finding, PolicyReport, Row } from './check-policy.ts';
import type { Answer } from './check-question.ts';
import { wrap } from './read-options.ts';

/** The width of a line, in characters. */
export const columns = 100;

/** A manifest, or a claim, may hold what a terminal would take for a command: it is shown, and not obeyed. */
export const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);

/** Breaks a line where it is too long; what follows is indented. */
function lines(text: string, indent = 4): string {
  const [first = '', ...rest] = wrap(visible(text), columns);
  if (rest.length === 0) return first;
  return [first, ...wrap(rest.join(' '), columns - indent).map((line) => ' '.repeat(indent) + line)].join('\n');
}

/** `file:line:column`, or what stands for it. */
export const formatPlace = ({ file, line, column }: Pick<Finding, 'file' | 'line' | 'column'>): string => [file, line, column].filter((part) => part !== undefined).join(':');

/** A finding as `file:line:column: field: what is wrong and what would be right`. */
export function formatFinding(finding: Finding): string {
  const { severity, field, message } = finding;
  return lines(`${formatPlace(finding)}: ${severity === 'warning' ? 'warning: ' : ''}${field}: ${message}`);
}

/** How many rows are shown before those that are ready are only counted. */
const mostRows = 60;

/** The objects as a table. */
export function formatTable(rows: readonly Row[]): string {
  const shown = rows.length > mostRows ? rows.filter(({ ready }) => !ready) : rows;
  const cells = [['KIND', 'NAME', 'READY', 'REASON'], ...shown.map(({ kind, name, ready, reason }) => [kind, name, ready ? 'True' : 'False', reason])];
  const widths = [0, 1, 2].map((index) => Math.min(index === 1 ? 48 : 20, Math.max(...cells.map((cell) => (cell[index] ?? '').length))));
  const table = cells.map((row) => row.map((cell, index) => clip(cell, widths[index]).padEnd(widths[index] ?? 0)).join('  ').trimEnd());
  const rest = rows.length - shown.length;
  return [...table, ...(rest > 0 ? [`and ${rest} more, which are Ready`] : [])].join('\n');
}

const clip = (text: string, width = Infinity): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);

const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

/** One line with everything counted. */
export function formatSummary({ findings, rows }: PolicyReport, { source, passedOver }: CheckInput): string {
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const errors = findings.length - warnings;
  const found = [errors === 0 ? 'no problems' : count(errors, 'problem'), ...(warnings === 0 ? [] : [count(warnings, 'warning')])].join(', ');
  const others = passedOver === 0 ? '' : `; ${count(passedOver, 'document')} of other kinds passed over`;
  return `${found} in ${count(rows.length, 'object')} from ${source}${others}`;
}

/** All about the manifests. `suppositions` say what was not told. */
export function formatReport(report: PolicyReport, input: CheckInput, suppositions: readonly string[], next: string): string {
  const findings = report.findings.map((finding) => `${formatFinding(finding)}\n`).join('');
  const gap = findings === '' ? '' : '\n';
  const supposed = suppositions.length === 0 ? '' : `${lines(`Supposed: ${suppositions.join(', ')}`, 10)}\n`;
  return `${findings}${gap}${formatTable(report.rows)}\n\n${lines(formatSummary(report, input))}\n${supposed}${lines(`Next: ${next}`, 6)}\n`;
}

const verdicts = { passes: 'yes', denies: 'NO', unknown: '-' } as const satisfies Record<ExplainedCheck['verdict'], string>;

/** The checks as questions with their answers. */
export function formatChecks(checks: readonly ExplainedCheck[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat(width + 7);
  return checks
    .flatMap(({ name, asks, verdict, reason }) => {
      const [first = '', ...more] = [...(asks === '' ? [] : wrap(asks, columns - indent.length)), ...(reason === undefined ? [] : wrap(visible(reason), columns - indent.length))];
      return [`${verdicts[verdict].padEnd(3)}  ${name.padEnd(width)}  ${first}`.trimEnd(), ...more.map((line) => indent + line)];
    })
    .join('\n');
}

/** The answer to a question about a token. */
export function formatAnswer({ client, record, checks, outcome, error, token, notes, ifGood }: Answer, at: string, next: string): string {
  const who = record.subject === undefined ? '' : `, as ${record.subject}`;
  const what = record.audience === undefined ? 'its default target' : record.audience;
  const scopes = record.scopesAsked === undefined ? '' : `, scope ${record.scopesAsked.join(' ')}`;
  const head = [lines(`${client} asks for ${what}${scopes}${who}, at ${at}`), ...notes.map((note) => lines(`Note: ${note}`, 6))].join('\n');
  const body = `${head}\n\n${formatChecks(checks)}\n`;
  const after = ifGood === undefined ? '' : `\n${lines('Of a good token with these claims (other times, audience and signature) the decision would say:')}\n\n${formatChecks(ifGood.checks)}\n`;
  const end =
    token === undefined
      ? `${lines(`${outcome === 'denied' ? 'Denied' : 'Failed'} by ${record.check}: ${record.reason}`)}\n${lines(`The caller is told no more than ${error?.status} ${error?.error}: ${error?.description}`)}`
      : `${lines(`Granted: a token of type ${token.issued_token_type} for ${token.expires_in} s, with the header ${JSON.stringify(token.header)} and these claims:`)}\n${visibleLines(JSON.stringify(token.claims, null, 2))}`;
  return `${body}${after}\n${end}\n${lines(`Next: ${next}`, 6)}\n`;
}

const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n');
