// What the number of ExchangeClients costs: to load them, to keep them, to change one, and whether a request notices.
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Setting } from './bench-options.ts';
import { startCambio } from './contestants.ts';
import { describeDisturbance, measureInTurn, summarize, type Measured, type Subject } from './measure-in-turn.ts';
import { number, type Cell, type Table } from './print-table.ts';
import { startGenerator, type Running } from './processes.ts';
import { median } from './statistics.ts';
import { believed, exchangeForm, mintSubjectTokens, rawRequest, type SubjectTokens } from './subject-tokens.ts';
import { clientIdAt, editClient, writeManifests } from './write-manifests.ts';

type Loaded = { clients: number; configDir: string; server: Running };

const connections = 16;

/** Loads more and more clients, each time beside a server with one. */
export async function measureClients(setting: Setting): Promise<Table[]> {
  const { cores, effort, progress } = setting;
  const subject = await mintSubjectTokens();
  const generator = startGenerator(cores);
  const one = await load(setting, subject, 1);
  const all: Measured[] = [];
  const [state, latency]: [Cell[][], Cell[][]] = [[], []];
  for (const clients of effort.clients) {
    progress(`${clients} clients: loading`);
    const many = clients === 1 ? one : await load(setting, subject, clients);
    const atReady = many.server.memory();
    progress(`${clients} clients: requests`);
    const subjects = [requestsTo(one, subject), requestsTo(many, subject), requestsTo({ ...many, clients: 1 }, subject)];
    const [beside, measured, measuredByOne] = await measureInTurn(generator, subjects, connections, effort);
    if (beside === undefined || measured === undefined || measuredByOne === undefined) throw new Error('nothing was measured');
    all.push(beside, measured, measuredByOne);
    const { perSecond, ratio, p50, p99, p99Ratio } = summarize(measured, beside);
    latency.push([number(clients), number(perSecond), number(ratio, 2), number(summarize(measuredByOne, beside).ratio, 2), number(p50, 2), number(p99, 2), number(p99Ratio, 2)]);
    progress(`${clients} clients: edits`);
    const edits: Edit[] = [];
    for (let count = 0; count < effort.edits; count++) edits.push(await measureEdit(many, subject, count));
    const inForce = edits.map((edit) => edit.inForceAfter);
    state.push([
      number(clients), number(many.server.readyAfter), number(atReady.now), number(many.server.memory().now), number(many.server.memory().most),
      number(median(inForce)), number(Math.max(...inForce)), number(Math.max(...edits.map((edit) => edit.slowestRequest))),
    ]);
    if (many !== one) await many.server.stop();
  }
  await one.server.stop();
  generator.stop();
  return [
    {
      title: 'ExchangeClients: loading and changing them',
      note: 'Milliseconds from the start of the process until /readyz is green; memory (RSS) in MiB when it is ready, after requests, and at most; milliseconds until an edit of one client, in a file of a thousand, is in force, and the slowest request meanwhile.',
      columns: ['clients', 'ready', 'MiB ready', 'MiB later', 'MiB at most', 'edit', 'slowest edit', 'slowest request'],
      rows: state,
    },
    {
      title: 'ExchangeClients: requests',
      note: `${connections} connections, RS256 → ES256, 2,000 clients in turn, beside a server with one client in the same rounds; "by one" is what the same server answers where one of its clients asks for all. p50 and p99 in milliseconds. ${describeDisturbance(all)}`,
      columns: ['clients', 'exchanges/s', 'of one client', 'by one', 'p50', 'p99', 'of one client'],
      rows: latency,
    },
  ];
}

async function load(setting: Setting, { publicJwk }: SubjectTokens, clients: number): Promise<Loaded> {
  const configDir = join(setting.dir, `clients-${clients}`);
  await writeManifests(configDir, publicJwk, clients);
  const server = await startCambio(setting, { args: ['--config-dir', configDir], audit: join(setting.dir, `audit-clients-${clients}.log`) });
  return { clients, configDir, server };
}

/** So many clients are asked for at most, spread over all of them. */
const requestCount = 2000;

function requestsTo({ clients, server }: Loaded, { tokens }: SubjectTokens): Subject {
  const length = Math.min(requestCount, Math.max(clients, tokens.length));
  const requests = Array.from({ length }, (_, index) => {
    const client = Math.floor((index * clients) / length);
    return rawRequest(exchangeForm(clientIdAt(client), tokens[index % tokens.length] ?? '', believed.target));
  });
  return { servers: [server], requests };
}

type Edit = {
  /** Milliseconds from when the file was in place. */
  inForceAfter: number;
  /** Of the requests meanwhile, in milliseconds. */
  slowestRequest: number;
};

/** Changes the lifetime that a client grants, and exchanges until the answer shows it. */
async function measureEdit({ clients, configDir, server }: Loaded, { tokens }: SubjectTokens, count: number): Promise<Edit> {
  const index = Math.floor((clients * (count + 1)) / 7) % clients;
  const lifetime = 100 + count;
  const form = exchangeForm(clientIdAt(index), tokens[0] ?? '', believed.target);
  const exchange = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/token`, { method: 'POST', body: form });
    return ((await response.json()) as { expires_in: number }).expires_in;
  };
  await exchange();
  await editClient(configDir, index, clients, lifetime);
  const start = performance.now();
  let slowestRequest = 0;
  for (;;) {
    const sent = performance.now();
    const expiresIn = await exchange();
    const now = performance.now();
    slowestRequest = Math.max(slowestRequest, now - sent);
    if (expiresIn === lifetime) return { inForceAfter: now - start, slowestRequest };
    if (now - start > 120_000) throw new Error('an edit did not come into force within two minutes');
    await wait(5);
  }
}
