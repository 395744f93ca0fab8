// What a second process gives on the same machine: the ground for having replicas and no worker threads (docs/decisions/0030).
import { join } from 'node:path';
import type { Setting } from './bench-options.ts';
import { startCambio } from './contestants.ts';
import { number, type Cell, type Table } from './print-table.ts';
import { startGenerator } from './processes.ts';
import { median, medianRatio } from './statistics.ts';
import { believed, exchangeForm, mintSubjectTokens, rawRequest } from './subject-tokens.ts';
import { clientIdAt, writeManifests } from './write-manifests.ts';

const connections = 64;

/** Measures one process and two, each free to use all cores, as is the process that sends the load. */
export async function measureProcesses(setting: Setting): Promise<Table[]> {
  const { dir, effort, progress } = setting;
  const subject = await mintSubjectTokens();
  const configDir = join(dir, 'processes');
  await writeManifests(configDir, subject.publicJwk, 1);
  const requests = subject.tokens.map((token) => rawRequest(exchangeForm(clientIdAt(0), token, believed.target)));
  const generator = startGenerator(undefined);
  const rows: Cell[][] = [];
  for (const algorithm of ['ES256', 'RS256'] as const) {
    progress(`one process and two, RS256 → ${algorithm}`);
    const args = ['--config-dir', configDir, '--default-signing-algorithm', algorithm];
    const servers = await Promise.all(['a', 'b'].map((name) => startCambio(setting, { args, audit: join(dir, `audit-processes-${name}-${algorithm}.log`), core: undefined })));
    const counts = [1, 2];
    const measured = counts.map(() => ({ perSecond: [] as number[], p99: [] as number[], cpu: [] as number[] }));
    for (let round = -1; round < effort.rounds; round++) {
      for (const [index, count] of counts.entries()) {
        const busy = servers.slice(0, count);
        const before = busy.map((server) => server.cpu());
        const milliseconds = round < 0 ? effort.warmUp : effort.round;
        const { answers, answersInAll, p99 } = await generator.drive({ ports: busy.map(({ port }) => port), connections, milliseconds, requests });
        if (round < 0) continue;
        const used = busy.reduce((sum, server, at) => sum + server.cpu() - (before[at] ?? NaN), 0);
        measured[index]?.perSecond.push((answers * 1000) / milliseconds);
        measured[index]?.p99.push(p99);
        measured[index]?.cpu.push((used * 1000) / answersInAll);
      }
    }
    for (const [index, count] of counts.entries()) {
      const { perSecond = [], p99 = [], cpu = [] } = measured[index] ?? {};
      rows.push([algorithm, String(count), number(median(perSecond)), number(medianRatio(perSecond, measured[0]?.perSecond ?? []), 2), number(median(p99), 2), number(median(cpu))]);
    }
    for (const server of servers) await server.stop();
  }
  generator.stop();
  return [
    {
      title: 'One process and two',
      note: `${connections} connections; servers and load share all cores. p99 in milliseconds, CPU (of the servers, threads included) in microseconds for each exchange.`,
      columns: ['issued', 'processes', 'exchanges/s', 'of one', 'p99', 'CPU'],
      rows,
    },
  ];
}
