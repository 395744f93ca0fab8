// Runs src/main.ts as a process of its own, with an environment that has nothing of the one that runs the tests.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const main = join(import.meta.dirname, '../../src/main.ts');

export type Ended = { code: number | null; stdout: string; stderr: string };

/** Starts it, to be ended by who asked for it. */
export function startMain(args: readonly string[], env: Readonly<Record<string, string>> = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(([[code], stdout, stderr]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

/** Runs it to its end. */
export const runMain = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> => startMain(args, env).ended;
