// How long a process takes until it is ready, and how much memory it has then.
import { join } from 'node:path';
import type { Setting } from './bench-options.ts';
import { startCambio, startFloor } from './contestants.ts';
import { number, type Cell, type Table } from './print-table.ts';
import { median } from './statistics.ts';
import { mintSubjectTokens } from './subject-tokens.ts';
import { writeManifests } from './write-manifests.ts';

/** Starts the floor and Cambio, with keys that are there already, again and again. */
export async function measureStart(setting: Setting): Promise<Table[]> {
  const { dir, effort, progress } = setting;
  const subject = await mintSubjectTokens();
  const configDir = join(dir, 'start');
  await writeManifests(configDir, subject.publicJwk, 1);
  const args = ['--config-dir', configDir, '--signing-keys-dir', join(dir, 'keys')];
  progress('start');
  // The first one makes the keys.
  await (await startCambio(setting, { args, audit: join(dir, 'audit-start.log') })).stop();
  const times: Record<string, { ready: number[]; memory: number[] }> = { floor: { ready: [], memory: [] }, Cambio: { ready: [], memory: [] } };
  for (let count = 0; count < effort.starts; count++) {
    const servers = { floor: () => startFloor(setting, subject, 'ES256'), Cambio: () => startCambio(setting, { args, audit: join(dir, 'audit-start.log') }) };
    for (const [name, start] of Object.entries(servers)) {
      const server = await start();
      times[name]?.ready.push(server.readyAfter);
      times[name]?.memory.push(server.memory().now);
      await server.stop();
    }
  }
  return [
    {
      title: 'Start',
      note: `From the start of the process until it is ready, with one client, in milliseconds; memory (RSS) in MiB then. Medians of ${effort.starts} starts.`,
      columns: ['server', 'ready', 'MiB'],
      rows: Object.entries(times).map(([name, { ready, memory }]): Cell[] => [name, number(median(ready)), number(median(memory))]),
    },
  ];
}
