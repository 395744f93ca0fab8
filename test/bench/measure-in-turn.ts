// Measures servers in turn, again and again: what else happens on the machine then falls on all of them alike.
import type { Effort } from './bench-options.ts';
import { machineCpu, type Generator, type Running } from './processes.ts';
import { median, medianRatio } from './statistics.ts';

export type Subject = { servers: readonly Running[]; requests: readonly string[] };

/** What was measured of one subject, round by round. */
export type Measured = {
  perSecond: number[];
  /** Milliseconds. */
  p50: number[];
  p99: number[];
  /** Microseconds on a processor for each answer. */
  cpu: number[];
  /** Answers in all, those before and after the rounds too. */
  answers: number;
  /** The part of one core that other processes took in the worst of the rounds. */
  disturbance: number;
};

type Round = {
  subjects: { perSecond: number; p50: number; p99: number; cpu: number }[];
  /** The part of one core that other processes took, at most. */
  disturbance: number;
};

/** Rounds in which others took less of a core than this are good enough; for better ones so many times as many are run at most. */
const quiet = { disturbance: 0.1, patience: 3 };

/** Gives each subject its work for a round, and begins again, until there are enough quiet rounds. Before, each is warmed up. */
export async function measureInTurn(generator: Generator, subjects: readonly Subject[], connections: number, effort: Effort): Promise<Measured[]> {
  const answers = subjects.map(() => 0);
  await runRound(effort.warmUp);
  const rounds: Round[] = [];
  const enough = (): boolean => rounds.filter(({ disturbance }) => !(disturbance > quiet.disturbance)).length >= effort.rounds;
  while (!enough() && rounds.length < effort.rounds * quiet.patience) rounds.push(await runRound(effort.round));
  const quietest = rounds.toSorted((a, b) => a.disturbance - b.disturbance).slice(0, effort.rounds);
  return subjects.map((_, index) => {
    const of = (name: 'perSecond' | 'p50' | 'p99' | 'cpu'): number[] => quietest.map((round) => round.subjects[index]?.[name] ?? NaN);
    return { perSecond: of('perSecond'), p50: of('p50'), p99: of('p99'), cpu: of('cpu'), answers: answers[index] ?? 0, disturbance: quietest.at(-1)?.disturbance ?? NaN };
  });

  async function runRound(milliseconds: number): Promise<Round> {
    const round: Round = { subjects: [], disturbance: 0 };
    for (const [index, { servers, requests }] of subjects.entries()) {
      const ofServers = (): number => servers.reduce((sum, server) => sum + server.cpu(), 0);
      const ofOthers = (): number => machineCpu() - ofServers() - generator.cpu() - ofThisProcess();
      const [serversBefore, othersBefore, start] = [ofServers(), ofOthers(), performance.now()];
      const result = await generator.drive({ ports: servers.map(({ port }) => port), connections, milliseconds, requests });
      round.disturbance = Math.max(round.disturbance, (ofOthers() - othersBefore) / (performance.now() - start));
      const cpu = ((ofServers() - serversBefore) * 1000) / result.answersInAll;
      round.subjects.push({ perSecond: (result.answers * 1000) / milliseconds, p50: result.p50, p99: result.p99, cpu });
      answers[index] = (answers[index] ?? 0) + result.answersInAll;
    }
    return round;
  }
}

/** Says how much else happened on the machine. */
export function describeDisturbance(measured: readonly Measured[]): string {
  const most = Math.max(...measured.map(({ disturbance }) => disturbance));
  return Number.isFinite(most) ? `Other processes took ${most.toFixed(2)} of a core at most.` : 'What other processes took is not known.';
}

function ofThisProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The medians of all rounds, and the ratios to another subject in the same rounds. */
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
