// What the example clients need of a machine: a toolchain that is there or not, and packages that are installed once into a cache.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const here = import.meta.dirname;

export type ToolchainName = 'curl' | 'python' | 'go' | 'java' | 'node';

type Toolchain = {
  /** Programs with their least versions: the arguments that print one, and where it stands in what is printed. */
  needs: readonly { program: string; args: readonly string[]; least?: string; why?: string }[];
  /** Files that say what is to be installed. */
  inputs: readonly string[];
  /** Installs it into a folder that is there and empty. */
  install?: (folder: string) => Promise<unknown>;
};

const toolchains: Readonly<Record<ToolchainName, Toolchain>> = {
  curl: { needs: [{ program: 'bash', args: ['--version'] }, { program: 'curl', args: ['--version'], least: '7.76' }], inputs: [] },
  python: {
    needs: [
      { program: 'python3', args: ['--version'], least: '3.11' },
      { program: 'python3', args: ['-c', 'import sys, venv, ensurepip; print(sys.executable)'], why: 'python3 has no venv or no pip' },
    ],
    inputs: ['python/requirements.txt'],
    install: async (folder) => {
      await run('python3', ['-m', 'venv', folder]);
      await run(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', join(here, 'python/requirements.txt')]);
    },
  },
  go: {
    needs: [{ program: 'go', args: ['version'], least: '1.25' }],
    inputs: ['go/go.mod', 'go/go.sum', 'go/verify/verify.go', 'go/externalaccount/main.go', 'go/clientcredentials/main.go'],
    // With the flags of the test cluster's programs, so that both find the same standard library in Go's own cache.
    install: (folder) => run('go', ['build', '-buildvcs=false', '-trimpath', '-o', `${folder}/`, './externalaccount', './clientcredentials'], { cwd: join(here, 'go'), env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' } }),
  },
  java: {
    needs: [
      { program: 'java', args: ['-version'], least: '17' },
      { program: 'java', args: ['--describe-module', 'jdk.compiler'], why: 'java is a runtime without its compiler' },
      { program: 'mvn', args: ['--version'] },
    ],
    inputs: ['java/pom.xml'],
    install: (folder) => run('mvn', ['-q', '-B', '-f', join(here, 'java/pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`]),
  },
  node: { needs: [], inputs: [] },
};

/** Why a toolchain can't be used here; undefined if it can. */
export async function missingOf(name: ToolchainName): Promise<string | undefined> {
  for (const { program, args, least, why } of toolchains[name].needs) {
    const printed = await run(program, args).catch((error: Error) => error);
    if (printed instanceof Error) return why ?? `no ${program}`;
    const [version = ''] = /[0-9]+(\.[0-9]+)*/.exec(printed) ?? [];
    if (least !== undefined && isOlder(version, least)) return `${program} ${version} is older than ${least}`;
  }
  return undefined;
}

function isOlder(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number));
  const at = (b ?? []).findIndex((part, index) => part !== (a?.[index] ?? 0));
  return at >= 0 && (a?.[at] ?? 0) < (b?.[at] ?? 0);
}

/**
 * Installs what the programs of a toolchain need, unless that was done before with the same versions.
 * @returns the folder where it is, below ~/.cache/cambio; empty if they need nothing
 */
export async function prepare(name: ToolchainName): Promise<string> {
  const { needs, inputs, install } = toolchains[name];
  if (install === undefined) return '';
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const { program, args } of needs) hash.update(await run(program, args));
  for (const input of inputs) hash.update(await readFile(join(here, input)));
  const base = process.env['CAMBIO_TEST_CACHE'] || join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'cambio');
  const folder = join(base, 'example-clients', `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (await isThere(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  // Beside it and renamed: nobody ever sees a half of it. Who comes second keeps what the first has made.
  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    await install(unfinished);
    await rename(unfinished, folder).catch(async (error: unknown) => {
      if (!(await isThere(folder))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

const isThere = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

/** Runs a program. @returns what it printed; throws what it complained of */
export async function run(program: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, [...args], { maxBuffer: 16 * 1024 * 1024, ...options });
    return stdout === '' ? stderr : stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error([message.split('\n')[0], stderr, stdout].join('\n').trim().slice(0, 4000), { cause: error });
  }
}
