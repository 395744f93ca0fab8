// The processes that are measured and the one that sends the load: started, pinned to cores, and looked at from outside.
import { execFileSync, fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Load, LoadResult } from './load-generator.ts';

/** The cores for servers and for the load: one each where the machine lets us choose, else undefined. */
export type Cores = { server: number; load: number } | undefined;

/** Two cores of those that this process may use, if there are two and the program taskset. */
export function chooseCores(): Cores {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '')?.[1];
  const list = (allowed ?? '').split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: Math.max(0, last - first + 1) || 0 }, (_, index) => first + index);
  });
  const [server, load] = list;
  if (server === undefined || load === undefined || !canPin()) return undefined;
  return { server, load };
}

function canPin(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A process of the bench, seen from outside. */
export type Running = {
  pid: number;
  port: number;
  /** From the start of the process until it was ready, in milliseconds. */
  readyAfter: number;
  /** Milliseconds on a processor so far, its threads and the kernel's work for it included; NaN where it can't be told. */
  cpu: () => number;
  /** Memory in MiB, now and at most so far; NaN where it can't be told. */
  memory: () => { now: number; most: number };
  stop: () => Promise<void>;
};

export type StartOptions = {
  /** Arguments for node. `{port}` and `{adminPort}` stand for free ports. */
  args: readonly string[];
  /** Asked again and again until it answers with a status below 500. */
  readyUrl: string;
  core: number | undefined;
};

/** Starts a server and resolves when it is ready. Rejects with what it wrote to standard error if it ends before. */
export async function startServer({ args, readyUrl, core }: StartOptions): Promise<Running> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const withPort = (text: string): string => text.replaceAll('{port}', String(port)).replaceAll('{adminPort}', String(adminPort));
  const start = performance.now();
  const child = spawnPinned(args.map(withPort), core);
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint = (complaint + text).slice(-2000)));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const gone = once(child, 'exit').then(() => process.removeListener('exit', kill));
  while (!(await isReady(withPort(readyUrl)))) {
    if (child.exitCode !== null) throw new Error(`node ${args.join(' ')} ended with ${child.exitCode}:\n${complaint}`);
    await wait(1);
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    port,
    readyAfter: performance.now() - start,
    cpu: () => cpuOf(pid),
    memory: () => ({ now: memoryOf(pid, 'VmRSS'), most: memoryOf(pid, 'VmHWM') }),
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function spawnPinned(args: readonly string[], core: number | undefined): ChildProcess {
  const [program, first] = core === undefined ? [process.execPath, []] : ['taskset', ['--cpu-list', String(core), process.execPath]];
  return spawn(program, [...first, ...args], { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] ?? '' } });
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.status < 500;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Linux counts in ticks of 10 ms. */
const tick = 10;

function cpuOf(pid: number): number {
  const fields = readProc(pid, 'stat')?.replace(/^.*\) /s, '').split(' ').map(Number);
  return fields === undefined ? NaN : ((fields[11] ?? NaN) + (fields[12] ?? NaN)) * tick;
}

/** Milliseconds that all cores together have worked so far, for whomever; NaN where it can't be told. */
export function machineCpu(): number {
  const [user = NaN, nice = NaN, system = NaN, , , , , steal = 0] = /^cpu +(.*)$/m.exec(readProc('.', 'stat') ?? '')?.[1]?.split(' ').map(Number) ?? [];
  return (user + nice + system + steal) * tick;
}

function memoryOf(pid: number, name: string): number {
  return Number(new RegExp(`^${name}:\\s*([0-9]+) kB$`, 'm').exec(readProc(pid, 'status') ?? '')?.[1] ?? NaN) / 1024;
}

function readProc(pid: number | '.', file: string): string | undefined {
  const path = `/proc/${pid}/${file}`;
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

export type Generator = {
  drive: (load: Load) => Promise<LoadResult>;
  /** As of a server. */
  cpu: () => number;
  stop: () => void;
};

/** Starts the process that sends the load. */
export function startGenerator(cores: Cores): Generator {
  const child = fork(join(import.meta.dirname, 'load-generator.ts'), { stdio: 'inherit' });
  if (cores !== undefined) execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(cores.load), String(child.pid)], { stdio: 'ignore' });
  const gone = once(child, 'exit').then(() => Promise.reject(new Error('the load generator ended')));
  gone.catch(() => undefined);
  return {
    drive: async (load) => {
      child.send(load);
      const [result] = (await Promise.race([once(child, 'message'), gone])) as [LoadResult];
      if (result.failure !== undefined) throw new Error(result.failure);
      return result;
    },
    cpu: () => cpuOf(child.pid ?? 0),
    stop: () => void child.kill(),
  };
}
