// Findings as the commands that a GitHub workflow turns into annotations.
import type { Finding } from './check-findings.ts';

/** https://docs.github.com/actions/reference/workflow-commands-for-github-actions: how text is escaped in a command. */
const escapeData = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** One command for a finding, in one line. */
export function formatAnnotation({ severity, file, line, column, field, message }: Omit<Finding, 'file'> & { file?: string }): string {
  const properties = { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { col: column }), title: 'cambio check' };
  const list = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  return `::${severity} ${list.join(',')}::${escapeData(`${field}: ${message}`)}`;
}
