// What a second process gives on the same machine: the ground for having replicas and no worker threads (docs/decisions/0030).
import { join } from 'node:path';
import type { Setting } from './bench-options.ts';
import { startCambio } from './contestants.ts';
import { describeDisturbance, measureInTurn, summarize, type Measured } from './measure-in-turn.ts';
import { number, type Cell, type Table } from './print-table.ts';
import { startGenerator } from './processes.ts';
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
  const all: Measured[] = [];
  const rows: Cell[][] = [];
  for (const algorithm of ['ES256', 'RS256'] as const) {
    progress(`one process and two, RS256 → ${algorithm}`);
    const args = ['--config-dir', configDir, '--default-signing-algorithm', algorithm];
    const servers = await Promise.all(['a', 'b'].map((name) => startCambio(setting, { args, audit: join(dir, `audit-processes-${name}-${algorithm}.log`), core: undefined })));
    const subjects = [servers.slice(0, 1), servers].map((some) => ({ servers: some, requests }));
    const [one, two] = await measureInTurn(generator, subjects, connections, effort);
    if (one === undefined || two === undefined) throw new Error('nothing was measured');
    all.push(one, two);
    for (const [index, measured] of [one, two].entries()) {
      const { perSecond, ratio, p99, cpu } = summarize(measured, one);
      rows.push([algorithm, number(index + 1), number(perSecond), number(ratio, 2), number(p99, 2), number(cpu)]);
    }
    for (const server of servers) await server.stop();
  }
  generator.stop();
  return [
    {
      title: 'One process and two',
      note: `${connections} connections; servers and load share all cores. p99 in milliseconds, CPU (of the servers, threads included) in microseconds for each exchange. ${describeDisturbance(all)}`,
      columns: ['issued', 'processes', 'exchanges/s', 'of one', 'p99', 'CPU'],
      rows,
    },
  ];
}
