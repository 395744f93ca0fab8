// What `cambio check` found, as text for people: lines of at most 100 columns, in the form that editors jump to.
import { steps, type ExplainedCheck, type Explanation } from '../exchange/explain-exchange.ts';
import type { Finding } from './check-findings.ts';
import type { CheckInput } from './check-input.ts';
import type { KeyStates, PolicyReport, Row } from './check-policy.ts';
import type { Answer } from './check-question.ts';
import { listed } from './check-subject.ts';
import { wrap } from './read-options.ts';

/** The width of a line, in characters. */
export const columns = 100;

/** A manifest, or a claim, may hold what a terminal would take for a command: it is shown, and not obeyed. */
export const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);

/** Seconds since the epoch as RFC 3339, without the fraction where there is none; what no calendar has stays a number. */
export const momentOf = (seconds: number): string => (seconds <= 8.64e12 ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z') : `${seconds} s after 1970`);

/** Breaks a line where it is too long; what follows is indented. */
function lines(text: string, indent = 4): string {
  const [first = '', ...rest] = wrap(visible(text), columns);
  if (rest.length === 0) return first;
  return [first, ...wrap(rest.join(' '), columns - indent).map((line) => ' '.repeat(indent) + line)].join('\n');
}

/** `file:line:column`, or what stands for it. */
const formatPlace = ({ file, line, column }: Finding): string => [file, line, column].filter((part) => part !== undefined).join(':');

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

/** All findings, and a line between them and what follows. */
export const formatFindings = (findings: readonly Finding[]): string => (findings.length === 0 ? '' : `${findings.map(formatFinding).join('\n')}\n\n`);

/** Everything counted, and what was supposed. */
export function formatSummary({ findings, rows, keys }: PolicyReport, { source, passedOver }: CheckInput, suppositions: readonly string[]): string {
  const warnings = findings.filter(({ severity }) => severity === 'warning').length;
  const errors = findings.length - warnings;
  const found = [errors === 0 ? 'No problems' : count(errors, 'problem'), ...(warnings === 0 ? [] : [count(warnings, 'warning')])].join(', ');
  const others = passedOver === 0 ? '' : `; ${count(passedOver, 'document')} of other kinds passed over`;
  const supposed = suppositions.length === 0 ? '' : `${lines(`Supposed: ${suppositions.join(', ')}`, 10)}\n`;
  return `${lines(`${found} in ${count(rows.length, 'object')} from ${source}${others}`)}\n${supposed}${formatFetched(keys)}`;
}

/** Whose keys were fetched, and how many they are. Those that could not be had are problems. */
function formatFetched(keys: KeyStates): string {
  const had = [...keys].flatMap(([name, { usable, thumbprints }]) => (usable ? [`${name} (${thumbprints.length})`] : []));
  return had.length === 0 ? '' : `${lines(`Fetched: the keys of ${listed(had)}`, 9)}\n`;
}

/** All about the manifests but the findings. */
export function formatReport(report: PolicyReport, input: CheckInput, suppositions: readonly string[], next: string): string {
  const table = report.rows.length === 0 ? '' : `${formatTable(report.rows)}\n\n`;
  return `${table}${formatSummary(report, input, suppositions)}${lines(`Next: ${next}`, 6)}\n`;
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
export function formatAnswer(answer: Answer, at: string, next: string): string {
  const { client, record, checks, notes, ifGood } = answer;
  const as = record.subject === undefined ? '' : `, as ${record.subject}`;
  const scopes = record.scopesAsked === undefined ? '' : `, scope ${record.scopesAsked.join(' ')}`;
  const head = [`${client} asks for ${record.audience ?? 'its default target'}${scopes}${as}, at ${at}`, ...notes.map((note) => `Note: ${note}`)].map((line) => `${lines(line)}\n`).join('');
  const table = ifGood === undefined ? formatChecks(checks) : `${formatChecks(checks.filter(({ verdict }) => verdict !== 'unknown'))}\n\n${formatIfGood(ifGood)}`;
  return `${head}\n${table}\n\n${formatOutcome(answer)}${lines(`Next: ${next}`, 6)}\n`;
}

/** The decision, where the token itself stands in the way. */
const formatIfGood = ({ checks }: Explanation): string => `${lines('The other checks, of a token with these claims that is good:')}\n\n${formatChecks(checks.filter(({ name }) => !steps.some((step) => step.name === name)))}`;

function formatOutcome({ outcome, record, comparisons, token, error }: Answer): string {
  if (token === undefined) {
    const said = outcome === 'denied' ? 'Denied' : 'Not answered';
    const compared = comparisons.filter(({ message }) => record.reason?.includes(message) !== true).map(({ message }) => `${lines(`Compare: ${message}`, 9)}\n`).join('');
    return `${lines(`${said} by ${record.check}: ${record.reason}`)}\n${compared}${lines(`The caller is told no more than: ${error?.status} ${error?.error}, "${error?.description}"`)}\n`;
  }
  const { header, claims, expires_in } = token;
  return `${lines(`Granted for ${expires_in} s: a token with the header ${JSON.stringify(header)} and these claims:`)}\n${JSON.stringify(claims, null, 2).split('\n').map(visible).join('\n')}\n`;
}
