// Runs shell commands of examples and documentation, with `cambio` standing for this checkout.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Ran = { code: number; stdout: string; stderr: string };

/** Makes a folder with an executable `cambio`, to stand in PATH. */
export async function folderWithCambio(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cambio-bin-'));
  const main = join(import.meta.dirname, '../../src/main.ts');
  await writeFile(join(dir, 'cambio'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  await chmod(join(dir, 'cambio'), 0o755);
  return dir;
}

/** Runs a command as a shell would, in a folder, with nothing of this process' environment. */
export function runShell(command: string, cwd: string, bin: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd, env: { PATH: `${bin}:/usr/bin:/bin`, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}
