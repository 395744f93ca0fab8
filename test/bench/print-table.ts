// Tables for a terminal and for a page of documentation, from the same rows.

export type Table = {
  title: string;
  /** What has to be known to read it: a sentence or two. */
  note: string;
  columns: readonly string[];
  /** Cells of text are aligned to the left, numbers to the right. */
  rows: readonly (readonly Cell[])[];
};

export type Cell = string | { number: number; digits: number };

/** A number with so many digits after the point. */
export const number = (value: number, digits = 0): Cell => ({ number: value, digits });

/** Prints a table; as Markdown it can be pasted, without it is plainer. */
export function printTable({ title, note, columns, rows }: Table, markdown: boolean): string {
  const texts = [columns, ...rows.map((row) => row.map(textOf))];
  const widths = columns.map((_, column) => Math.max(...texts.map((row) => (row[column] ?? '').length)));
  const right = columns.map((_, column) => rows.some((row) => typeof row[column] === 'object'));
  const lines = texts.map((row) => row.map((cell, column) => (right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))));
  const [head = [], ...body] = lines;
  if (!markdown) return `\n${title}\n${note}\n\n${[head, ...body].map((row) => `  ${row.join('  ').trimEnd()}`).join('\n')}\n`;
  const rule = widths.map((width, column) => (right[column] ? `${'-'.repeat(Math.max(2, width - 1))}:` : '-'.repeat(Math.max(3, width))));
  return `\n### ${title}\n\n${note}\n\n${[head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

function textOf(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  if (!Number.isFinite(cell.number)) return 'not known';
  return cell.number.toLocaleString('en-US', { minimumFractionDigits: cell.digits, maximumFractionDigits: cell.digits });
}
