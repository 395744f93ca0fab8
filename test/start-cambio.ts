// Starts the built `cambio serve` as a process of its own, as a user would, for tests and demos.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent, fetch as fetchThrough } from 'undici';

export type RunningCambio = {
  /** Where tokens are exchanged: http://127.0.0.1:PORT, or https://… with --tls-cert-file. */
  url: string;
  adminUrl: string;
  pid: number;
  /** Lines of the audit log so far. */
  audit: Record<string, unknown>[];
  /** Lines of the log so far. */
  log: string[];
  /** The audit line of an answer: it travels by another way than the answer, and may come a moment later. */
  auditOf: (answer: { headers: Headers }) => Promise<Record<string, unknown>>;
  /** Resolves when /readyz is green. */
  untilReady: () => Promise<void>;
  /** Ends it by SIGTERM. @returns its exit code */
  stop: () => Promise<number | null>;
};

/** Starts it on free ports, unless the arguments name others. Rejects with its log if it ends before it serves. */
export async function startCambio(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunningCambio> {
  const main = join(import.meta.dirname, '../dist/cambio.js');
  const anywhere = ['--listen', '--admin-listen'].filter((option) => !args.includes(option)).flatMap((option) => [option, '127.0.0.1:0']);
  const child = spawn(process.execPath, [main, 'serve', ...anywhere, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exit = once(child, 'exit').then(([code]) => {
    process.removeListener('exit', kill);
    return code as number | null;
  });
  const audit: Record<string, unknown>[] = [];
  const log: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => audit.push(JSON.parse(line) as Record<string, unknown>));
  const lines = createInterface({ input: child.stderr });
  const serving = new Promise<{ listen: string; admin: string }>((resolve, reject) => {
    lines.on('line', (line) => {
      log.push(line);
      if (line.includes('"msg":"serving"')) resolve(JSON.parse(line) as { listen: string; admin: string });
    });
    void exit.then((code) => reject(new Error(`cambio ended with ${code}:\n${log.join('\n')}`)));
  });
  const { listen, admin } = await serving;
  return {
    url: listen,
    adminUrl: admin,
    pid: child.pid ?? 0,
    audit,
    log,
    auditOf: async ({ headers }) => {
      const find = (): Record<string, unknown> | undefined => audit.find((line) => line['requestId'] === headers.get('request-id'));
      await until(() => find() !== undefined, 'the audit line is there');
      return find() ?? {};
    },
    untilReady: () => until(async () => (await fetch(`${admin}/readyz`)).ok, 'cambio is ready'),
    stop: () => {
      child.kill('SIGTERM');
      return exit;
    },
  };
}

/** Waits until something holds, looking again and again; rejects after a bound that no healthy run comes near. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, boundMs = 60_000): Promise<void> {
  const end = performance.now() + boundMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The answer of the token endpoint. */
export type Answer = { status: number; headers: Headers; body: Record<string, unknown> };

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

/** Makes a fetch that trusts an authority (PEM), and no other. */
export function fetchTrusting(ca: string): typeof fetch {
  const dispatcher = new Agent({ connect: { ca } });
  // undici's own types and Node's are two copies of the same.
  return ((url: string, init: object) => fetchThrough(url, { ...init, dispatcher })) as unknown as typeof fetch;
}

/** Posts a token exchange; members override the defaults, and undefined leaves one out. */
export async function exchange(url: string, members: Readonly<Record<string, string | undefined>>, send: typeof fetch = fetch): Promise<Answer> {
  const parameters = { grant_type: tokenExchange, subject_token_type: jwtType, ...members };
  const body = new URLSearchParams(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const response = await send(`${url}/token`, { method: 'POST', body });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> };
}
