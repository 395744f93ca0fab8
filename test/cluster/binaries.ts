// Finds etcd, kube-apiserver and kubectl for the test cluster, and builds them from their Go modules where there are none.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, mkdir, mkdtemp, open, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface Binaries {
  etcd: string;
  kubeApiserver: string;
  kubectl: string;
}

type Progress = (line: string) => void;

const moduleDir = import.meta.dirname;

/** In the order in which they are built; `takes` is for people who wait, measured on two cores. */
const programs = [
  { file: 'etcd', package: 'go.etcd.io/etcd/server/v3', takes: '20 s' },
  { file: 'kube-apiserver', package: 'k8s.io/kubernetes/cmd/kube-apiserver', takes: '4 minutes' },
  { file: 'kubectl', package: 'k8s.io/kubernetes/cmd/kubectl', takes: '40 s' },
] as const;

const howToGetThem = [
  'The test cluster needs the programs etcd, kube-apiserver and kubectl. One of these gives them:',
  '  - install Go 1.25 or newer (https://go.dev/dl/): they are then built from their published modules and kept in a cache folder;',
  '  - set KUBEBUILDER_ASSETS to a folder that has them, as setup-envtest makes it:',
  '      export KUBEBUILDER_ASSETS="$(setup-envtest use 1.35 --print path)"',
].join('\n');

/**
 * Paths of the three programs: from $KUBEBUILDER_ASSETS, else from the cache folder, else built into the cache folder
 * (about five minutes on two cores, once for each go.sum). `progress` gets lines for people, stderr by default.
 * Throws an Error whose message says how to get them where there are neither assets nor Go, or where a build fails.
 */
export async function findBinaries(progress: Progress = printToStderr): Promise<Binaries> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets) {
    const missing = await missingPrograms(assets);
    if (missing.length > 0) throw new Error(`KUBEBUILDER_ASSETS is ${assets}, which lacks ${missing.join(', ')}.\n${howToGetThem}`);
    return pathsIn(assets);
  }
  const folder = await cacheFolder();
  if (!(await isComplete(folder))) await buildOnce(folder, progress);
  return pathsIn(folder);
}

/** Whether `findBinaries` would find them without building. */
export async function haveBinaries(): Promise<boolean> {
  return isComplete(process.env['KUBEBUILDER_ASSETS'] || (await cacheFolder()));
}

function printToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

function pathsIn(folder: string): Binaries {
  return { etcd: join(folder, 'etcd'), kubeApiserver: join(folder, 'kube-apiserver'), kubectl: join(folder, 'kubectl') };
}

async function missingPrograms(folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (const { file } of programs) {
    await access(join(folder, file), constants.X_OK).catch(() => missing.push(file));
  }
  return missing;
}

async function isComplete(folder: string): Promise<boolean> {
  return (await missingPrograms(folder)).length === 0;
}

/** One folder for each set of versions and each platform, so that branches with other versions do not fight over it. */
async function cacheFolder(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(moduleDir, file)));
  hash.update(`${process.platform}-${process.arch}`);
  const base =
    process.env['CAMBIO_TEST_CACHE'] || join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'cambio');
  return join(base, 'test-cluster', hash.digest('hex').slice(0, 16));
}

/** Builds into `folder`, or waits for another process that is building there. */
async function buildOnce(folder: string, progress: Progress): Promise<void> {
  await requireGo();
  await mkdir(dirname(folder), { recursive: true });
  const lock = `${folder}.lock`;
  let announced = false;
  while (!(await isComplete(folder))) {
    if (await takeLock(lock)) {
      const heartbeat = setInterval(() => void touch(lock), lockBeatMs);
      try {
        // Another process may have finished between the look at the folder and the lock.
        if (!(await isComplete(folder))) await build(folder, progress);
      } finally {
        clearInterval(heartbeat);
        await rm(lock, { force: true });
      }
      return;
    }
    if (!announced) progress(`another process is building the test cluster's programs (${lock}); waiting for it …`);
    announced = true;
    await delay(500);
  }
}

const lockBeatMs = 2_000;
const lockStaleMs = 15_000;

/**
 * True when this process now holds the lock. A lock is alive while its holder touches it, which also holds between
 * containers, where process ids say nothing. Should two processes ever take the same stale lock, both build, each in a
 * folder of its own: wasteful but harmless.
 */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx')).close();
    return true;
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const touched = await stat(lock).then((found) => found.mtimeMs, () => undefined);
  if (touched !== undefined && Date.now() - touched > lockStaleMs) await rm(lock, { force: true });
  return false;
}

async function touch(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now).catch(() => {}); // gone: then the build is over
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function requireGo(): Promise<void> {
  try {
    await promisify(execFile)('go', ['version'], { cwd: moduleDir });
  } catch (cause) {
    throw new Error(`There is no usable Go here.\n${howToGetThem}`, { cause });
  }
}

/** Builds beside `folder` and renames into place: nobody ever sees a folder with half of the programs. */
async function build(folder: string, progress: Progress): Promise<void> {
  await removeInterrupted(folder);
  const unfinished = await mkdtemp(`${folder}.building-`);
  try {
    const flags = await linkerFlags();
    for (const program of programs) await buildProgram(program, join(unfinished, program.file), flags, progress);
    await rm(folder, { recursive: true, force: true }); // an incomplete one, or it would not be built
    await rename(unfinished, folder).catch(async (error: unknown) => {
      if (!(await isComplete(folder))) throw error; // else another process was faster, with the same programs
    });
    progress(`etcd, kube-apiserver and kubectl are in ${folder}`);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Removes what builds that were interrupted have left, 190 MB each; after an hour none can be going on any more. */
async function removeInterrupted(folder: string): Promise<void> {
  for (const name of await readdir(dirname(folder))) {
    const path = join(dirname(folder), name);
    if (!path.startsWith(`${folder}.building-`)) continue;
    const changed = await stat(path).then((found) => found.mtimeMs, () => Infinity);
    if (Date.now() - changed > 3_600_000) await rm(path, { recursive: true, force: true });
  }
}

/** Without these kube-apiserver calls itself v0.0.0-master, and clients that look at its version are misled. */
async function linkerFlags(): Promise<string> {
  const found = /^\s*(?:require\s+)?k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\S+)/m.exec(await readFile(join(moduleDir, 'go.mod'), 'utf8'));
  if (found === null) throw new Error(`${join(moduleDir, 'go.mod')} does not require k8s.io/kubernetes`);
  const [, version, major, minor] = found;
  const variables = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const set = Object.entries(variables).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return ['-s', '-w', ...set].join(' ');
}

async function buildProgram(program: (typeof programs)[number], out: string, flags: string, progress: Progress): Promise<void> {
  progress(`building ${program.file} from its Go modules, about ${program.takes} on two cores …`);
  const began = performance.now();
  const elapsed = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  const stillThere = setInterval(() => progress(`  still building ${program.file}, ${elapsed()} so far`), 30_000);
  try {
    await runGo(['build', '-buildvcs=false', '-trimpath', '-ldflags', flags, '-o', out, program.package]);
    progress(`  built ${program.file} in ${elapsed()}`);
  } finally {
    clearInterval(stillThere);
  }
}

/** Runs `go` in this module, shielded from a workspace or flags of the user's; throws with the end of what it printed. */
async function runGo(args: string[]): Promise<void> {
  const go = spawn('go', args, {
    cwd: moduleDir,
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let printed = '';
  go.stderr.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-4_000)));
  const [code, signal]: unknown[] = await once(go, 'close');
  if (code === 0) return;
  throw new Error(`go ${args.join(' ')} ended with ${String(code ?? signal)}:\n${printed}\n${howToGetThem}`);
}

if (import.meta.main) {
  console.log(dirname((await findBinaries()).etcd));
}
