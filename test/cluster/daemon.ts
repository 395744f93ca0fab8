// A child process that logs into a file, can be paused, and does not outlive its parent however that one ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';

export interface Daemon {
  pid: number;
  logFile: string;
  /** Settles when the process is gone; never rejects. */
  gone: Promise<void>;
  isGone(): boolean;
  signal(name: NodeJS.Signals): void;
}

/**
 * Starts a program with its output appended to `logFile`. Rejects when it can't be started at all (no such file);
 * a program that ends at once is found by `isGone()`.
 */
export async function startDaemon(command: string, args: string[], options: { cwd: string; logFile: string }): Promise<Daemon> {
  const log = await open(options.logFile, 'a');
  try {
    // A process group of its own: Ctrl-C in the terminal reaches the parent alone, which then ends it in order.
    const child = spawn(command, args, { cwd: options.cwd, stdio: ['ignore', log.fd, log.fd], detached: true });
    await once(child, 'spawn');
    return daemonOf(child, options.logFile);
  } finally {
    await log.close();
  }
}

function daemonOf(child: ChildProcess, logFile: string): Daemon {
  const pid = child.pid;
  if (pid === undefined) throw new Error('a spawned process without a process id');
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const dismissGuard = guard(pid);
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      dismissGuard();
      resolve();
    });
  });
  return { pid, logFile, gone, isGone, signal: (name) => void child.kill(name) };
}

/**
 * A shell that reads from a pipe which only this process holds: it ends with this process, even by SIGKILL or when
 * a test worker is terminated, and then the shell kills `pid` (a paused process too).
 */
function guard(pid: number): () => void {
  const shell = spawn('sh', ['-c', 'read -r _; kill -KILL "$1"', 'guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => {}); // no shell, no guard: an orderly stop works all the same
  shell.unref();
  // A pipe of a child is a socket, which would keep the event loop alive.
  if (shell.stdin !== null && 'unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return () => void shell.kill('SIGKILL');
}

/** Ends a daemon: SIGTERM (after SIGCONT, since a paused process can't answer), SIGKILL after 10 s; returns when it is gone. */
export async function stopDaemon(daemon: Daemon): Promise<void> {
  if (daemon.isGone()) return;
  daemon.signal('SIGCONT');
  daemon.signal('SIGTERM');
  const deadline = setTimeout(() => daemon.signal('SIGKILL'), 10_000);
  await daemon.gone;
  clearTimeout(deadline);
}

/** The last lines of a daemon's log, for error messages. */
export async function readLogTail(daemon: Daemon, lines = 20): Promise<string> {
  const text = await readFile(daemon.logFile, 'utf8');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
