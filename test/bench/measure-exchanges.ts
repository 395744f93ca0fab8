// How many exchanges a second, and how long each takes, beside the floor.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { SigningAlgorithm } from '../../src/exchange/effects.ts';
import type { Setting } from './bench-options.ts';
import { startContestants } from './contestants.ts';
import { describeDisturbance, measureInTurn, summarize, type Measured } from './measure-in-turn.ts';
import { number, type Cell, type Table } from './print-table.ts';
import { startGenerator, type Generator, type Running } from './processes.ts';
import { believed, exchangeForm, mintSubjectTokens, rawRequest, type SubjectTokens } from './subject-tokens.ts';
import { clientIdAt, writeManifests } from './write-manifests.ts';

/** Measures RS256 → ES256 and RS256 → RS256, with one client. */
export async function measureExchanges(setting: Setting): Promise<Table[]> {
  const subject = await mintSubjectTokens();
  const configDir = join(setting.dir, 'one-client');
  await writeManifests(configDir, subject.publicJwk, 1);
  const generator = startGenerator(setting.cores);
  const tables: Table[] = [];
  const { issued } = setting.options;
  for (const algorithm of issued === undefined ? (['ES256', 'RS256'] as const) : [issued]) tables.push(await measureAlgorithm(setting, generator, subject, configDir, algorithm));
  generator.stop();
  return tables;
}

async function measureAlgorithm(setting: Setting, generator: Generator, subject: SubjectTokens, configDir: string, algorithm: SigningAlgorithm): Promise<Table> {
  const { effort, progress } = setting;
  const contestants = await startContestants(setting, subject, algorithm, configDir);
  const requests = subject.tokens.map((token) => rawRequest(exchangeForm(clientIdAt(0), token, believed.target)));
  const rows: Cell[][] = [];
  const answers = contestants.map(() => 0);
  const all: Measured[] = [];
  for (const connections of effort.connections) {
    progress(`exchanges, RS256 → ${algorithm}, ${connections} connections`);
    const measured = await measureInTurn(generator, contestants.map(({ server }) => ({ servers: [server], requests })), connections, effort);
    all.push(...measured);
    for (const [index, one] of measured.entries()) {
      answers[index] = (answers[index] ?? 0) + one.answers;
      rows.push([String(connections), contestants[index]?.name ?? '', ...cellsOf(summarize(one, measured[0] ?? one))]);
    }
  }
  for (const [index, { name, server, audit }] of contestants.entries()) {
    if (audit !== undefined) await proveWork(name, server, subject, audit, answers[index] ?? 0);
    await server.stop();
  }
  return {
    title: `RS256 subject token → ${algorithm} issued`,
    note: `Medians of ${effort.rounds} rounds. p50 and p99 in milliseconds, CPU in microseconds for each exchange; "of floor" compares within a round. ${describeDisturbance(all)}`,
    columns: ['connections', 'server', 'exchanges/s', 'of floor', 'p50', 'p99', 'of floor', 'CPU'],
    rows,
  };
}

const cellsOf = ({ perSecond, ratio, p50, p99, p99Ratio, cpu }: ReturnType<typeof summarize>): Cell[] => [
  number(perSecond), number(ratio, 2), number(p50, 2), number(p99, 2), number(p99Ratio, 2), number(cpu),
];

/** What was measured were exchanges: what is issued verifies by the published keys, and each has its line in the audit log. */
async function proveWork(name: string, { port }: Running, { tokens }: SubjectTokens, audit: string, answers: number): Promise<void> {
  const url = `http://127.0.0.1:${port}`;
  const response = await fetch(`${url}/token`, { method: 'POST', body: exchangeForm(clientIdAt(0), tokens[0] ?? '', believed.target) });
  const { access_token } = (await response.json()) as { access_token: string };
  await jwtVerify(access_token, createRemoteJWKSet(new URL(`${url}/jwks`)), { issuer: believed.audience, audience: believed.target });
  const lines = await countLines(audit);
  if (lines !== answers + 1) throw new Error(`${name} answered ${answers + 1} requests, and its audit log has ${lines} lines`);
}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) for (const byte of chunk) if (byte === 0x0a) lines++;
  return lines;
}
