// `npm run bench`: what an exchange costs, beside a floor that is measured in the same run.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeOptions, readOptions } from '../../src/commands/read-options.ts';
import { benchOptions, chooseEffort, sectionNames, type BenchOptions, type SectionName, type Setting } from './bench-options.ts';
import { measureClients } from './measure-clients.ts';
import { measureExchanges } from './measure-exchanges.ts';
import { measureProcesses } from './measure-processes.ts';
import { measureStart } from './measure-start.ts';
import { measureTokenReview } from './measure-token-review.ts';
import { printTable, type Table } from './print-table.ts';
import { chooseCores, type Cores } from './processes.ts';

/** One entry for each part, in the order in which they are run. */
const sections = {
  exchanges: measureExchanges,
  clients: measureClients,
  start: measureStart,
  processes: measureProcesses,
  'token-review': measureTokenReview,
} satisfies Record<SectionName, (setting: Setting) => Promise<Table[]>>;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`Usage: npm run bench -- [OPTIONS]\n\n${describeOptions(benchOptions)}\n`);
    return 0;
  }
  const { values, mistakes } = readOptions(benchOptions, args, {});
  if (values === undefined) {
    process.stderr.write(`${mistakes.join('\n')}\n`);
    return 2;
  }
  await run(values);
  return 0;
}

async function run(options: BenchOptions): Promise<void> {
  const cores = options['no-pinning'] ? undefined : chooseCores();
  const dir = await mkdtemp(join(tmpdir(), 'cambio-bench-'));
  const start = performance.now();
  const progress = (line: string): void => void process.stderr.write(`[${String(Math.round((performance.now() - start) / 1000)).padStart(3)} s] ${line}\n`);
  const setting: Setting = { options, effort: chooseEffort(options), cores, dir, progress };
  process.stdout.write(`${describeMachine(cores)}\n`);
  try {
    for (const name of sectionNames) {
      if (options.only !== undefined && options.only !== name) continue;
      for (const table of await sections[name](setting)) process.stdout.write(printTable(table, options.markdown));
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function describeMachine(cores: Cores): string {
  const all = cpus();
  const pinned = cores === undefined ? 'servers and load run on any core' : `servers on core ${cores.server}, the load comes from core ${cores.load}`;
  return `Node ${process.version}, ${all.length} × ${all[0]?.model.trim() ?? 'unknown processor'}; ${pinned}.`;
}
