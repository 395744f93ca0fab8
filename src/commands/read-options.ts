// Reads a command's options from its arguments and from CAMBIO_… variables; all mistakes are reported at once.
import { parseArgs } from 'node:util';

/** How the text of an option becomes a value. Throws an Error with a sentence that begins with what it must be. */
export type ReadValue<T> = (text: string) => T;

/** One option. A `flag` takes no value. */
export type Option<T = unknown> = {
  /** What stands for the value in the help; absent for a flag. */
  value?: string;
  help: string;
  read: ReadValue<T>;
  /** Used where nothing is given, as text. */
  fallback?: string;
  /** `false`: given as an argument only. */
  variable?: false;
};

export type Options = Readonly<Record<string, Option>>;
export type Values<O extends Options> = { [N in keyof O]: O[N] extends Option<infer T> ? (O[N] extends { fallback: string } ? T : T | undefined) : never };

/** Reads options. @returns the values, or every mistake as a sentence */
export function readOptions<O extends Options>(options: O, args: readonly string[], env: Readonly<Record<string, string | undefined>>): { values: Values<O>; mistakes?: never } | { values?: never; mistakes: string[] } {
  const given = parseTokens(options, args);
  const mistakes = [...given.mistakes];
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const source = given.texts.has(name) ? `--${name}` : variableOf(name);
    const inVariable = option.variable === false ? undefined : env[variableOf(name)] || undefined;
    const text = given.texts.get(name) ?? inVariable ?? option.fallback;
    if (text === undefined) continue;
    try {
      values[name] = option.read(text);
    } catch (error) {
      mistakes.push(`${source}: ${(error as Error).message}, and is ${JSON.stringify(text)}`);
    }
  }
  return mistakes.length > 0 ? { mistakes } : { values: values as Values<O> };
}

/** The variable of an option: --config-dir → CAMBIO_CONFIG_DIR. */
export const variableOf = (name: string): string => `CAMBIO_${name.toUpperCase().replaceAll('-', '_')}`;

/** Takes out of the arguments those that are neither options nor their values. @returns them, and the others */
export function takeOperands(options: Options, args: readonly string[]): { operands: string[]; rest: string[] } {
  const positional = tokensOf(options, args).filter((token) => token.kind === 'positional');
  const taken = new Set(positional.map((token) => token.index));
  return { operands: positional.map((token) => token.value), rest: args.filter((_, index) => !taken.has(index)) };
}

function tokensOf(options: Options, args: readonly string[]) {
  const known = Object.fromEntries(Object.entries(options).map(([name, { value }]) => [name, { type: value === undefined ? ('boolean' as const) : ('string' as const) }]));
  return parseArgs({ args: [...args], options: known, strict: false, tokens: true }).tokens;
}

function parseTokens(options: Options, args: readonly string[]): { texts: Map<string, string>; mistakes: string[] } {
  const tokens = tokensOf(options, args);
  const texts = new Map<string, string>();
  const mistakes: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') mistakes.push(`${JSON.stringify(token.value)}: this command takes options only`);
    if (token.kind !== 'option') continue;
    const option = options[token.name];
    if (option === undefined || !Object.hasOwn(options, token.name)) mistakes.push(`${token.rawName}: there is no such option; see --help`);
    else if (option.value !== undefined && !hasValue(token)) mistakes.push(`${token.rawName}: needs a value (${option.value})`);
    else if (texts.has(token.name)) mistakes.push(`${token.rawName}: stands twice`);
    else texts.set(token.name, token.value ?? 'true');
  }
  return { texts, mistakes };
}

/** Whether a value stands after an option; the next option is none, unless it is written so: --name=--value. */
function hasValue({ value, inlineValue }: { value?: string | undefined; inlineValue?: boolean | undefined }): boolean {
  return value !== undefined && value !== '' && (inlineValue === true || !value.startsWith('--'));
}

/** The options as a table for --help. */
export function describeOptions(options: Options): string {
  const rows = Object.entries(options).map(([name, { value, help, fallback }]) => ({
    left: `  --${name}${value === undefined ? '' : ` ${value}`}`,
    right: fallback === undefined || value === undefined ? help : `${help} (default ${fallback})`,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return rows.map(({ left, right }) => left.padEnd(width) + wrap(right, 100 - width).join(`\n${' '.repeat(width)}`)).join('\n');
}

/** Breaks text between words into lines of at most so many characters; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
