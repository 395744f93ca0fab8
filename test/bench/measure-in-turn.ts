// Measures servers in turn, again and again: what else happens on the machine then falls on all of them alike.
import type { Effort } from './bench-options.ts';
import type { Generator, Running } from './processes.ts';
import { median, medianRatio } from './statistics.ts';

export type Subject = { server: Running; requests: readonly string[] };

/** What was measured of one server, round by round. */
export type Measured = {
  perSecond: number[];
  /** Milliseconds. */
  p50: number[];
  p99: number[];
  /** Microseconds on a processor for each answer. */
  cpu: number[];
  /** Answers in all, those before and after the rounds too. */
  answers: number;
};

/** Gives each server its work for a round, and begins again. Before, each is warmed up. */
export async function measureInTurn(generator: Generator, subjects: readonly Subject[], connections: number, effort: Effort): Promise<Measured[]> {
  const measured = subjects.map((): Measured => ({ perSecond: [], p50: [], p99: [], cpu: [], answers: 0 }));
  for (let round = -1; round < effort.rounds; round++) {
    for (const [index, { server, requests }] of subjects.entries()) {
      const into = measured[index] as Measured;
      const before = server.cpu();
      const milliseconds = round < 0 ? effort.warmUp : effort.round;
      const { answers, answersInAll, p50, p99 } = await generator.drive({ ports: [server.port], connections, milliseconds, requests });
      into.answers += answersInAll;
      if (round < 0) continue;
      into.perSecond.push((answers * 1000) / milliseconds);
      into.p50.push(p50);
      into.p99.push(p99);
      into.cpu.push(((server.cpu() - before) * 1000) / answersInAll);
    }
  }
  return measured;
}

/** The medians of all rounds, and the ratios to another server in the same rounds. */
export function summarize({ perSecond, p50, p99, cpu }: Measured, beside: Measured) {
  return {
    perSecond: median(perSecond),
    p50: median(p50),
    p99: median(p99),
    cpu: median(cpu),
    ratio: medianRatio(perSecond, beside.perSecond),
    p99Ratio: medianRatio(p99, beside.p99),
  };
}
