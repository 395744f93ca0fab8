// The options of the bench, and how much is measured with them.
import { join } from 'node:path';
import { flag, oneOf, text, wholeNumber } from '../../src/commands/option-values.ts';
import type { Options, ReadValue, Values } from '../../src/commands/read-options.ts';
import type { Cores } from './processes.ts';

export const sectionNames = ['exchanges', 'clients', 'start', 'processes', 'token-review'] as const;
export type SectionName = (typeof sectionNames)[number];

/** Whole numbers, separated by commas. */
const numbers: ReadValue<readonly number[]> = (value) => value.split(',').map((part) => wholeNumber(1, 10_000)(part.trim()));

export const benchOptions = {
  only: { value: 'NAME', help: `One part only: ${sectionNames.join(', ')}.`, read: oneOf(...sectionNames) },
  quick: { help: 'A few seconds in all: shows that it works, and measures nothing that means anything.', read: flag, fallback: 'false' },
  connections: { value: 'N,N', help: 'How many connections, in turn. With --quick 1,4.', read: numbers, fallback: '1,16,64' },
  issued: { value: 'ALG', help: 'Only tokens that are issued with ES256, or RS256.', read: oneOf('ES256', 'RS256') },
  rounds: { value: 'N', help: 'How often each server is measured; the median of all rounds is shown. Where other processes disturb, up to three times as many are measured, and the quietest kept. With --quick 1.', read: wholeNumber(1, 100), fallback: '15' },
  markdown: { help: 'Print tables to paste into docs/performance.md.', read: flag, fallback: 'false' },
  program: { value: 'FILE', help: 'The Cambio to measure.', read: text, fallback: join(import.meta.dirname, '../../dist/cambio.js') },
  beside: { value: 'FILE', help: 'Another build of Cambio, such as that of an older commit, measured in turn with the first.', read: text },
  'cpu-profile': { value: 'DIR', help: 'Write a CPU profile of each Cambio process into this directory (figures are lower then).', read: text },
  'no-pinning': { help: 'Let servers and load run on any core.', read: flag, fallback: 'false' },
} as const satisfies Options;

export type BenchOptions = Values<typeof benchOptions>;

/** How much is measured. Times are in milliseconds. */
export type Effort = {
  rounds: number;
  round: number;
  warmUp: number;
  connections: readonly number[];
  clients: readonly number[];
  edits: number;
  starts: number;
};

/** What the options ask for. */
export function chooseEffort({ quick, rounds, connections }: BenchOptions): Effort {
  if (quick) return { rounds: 1, round: 100, warmUp: 100, connections: [1, 4], clients: [1, 100], edits: 1, starts: 1 };
  return { rounds, round: 400, warmUp: 2000, connections, clients: [1, 1000, 10_000, 100_000], edits: 5, starts: 7 };
}

/** What all parts of the bench are given. */
export type Setting = {
  options: BenchOptions;
  effort: Effort;
  cores: Cores;
  /** A temporary directory for all that is written. */
  dir: string;
  /** Says what goes on, for people who wait. */
  progress: (line: string) => void;
};
