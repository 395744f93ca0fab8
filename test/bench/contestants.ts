// The servers that are measured beside each other: the floor, Cambio, and another build of Cambio if one is named.
import { join } from 'node:path';
import type { SigningAlgorithm } from '../../src/exchange/effects.ts';
import type { Setting } from './bench-options.ts';
import { startServer, type Running } from './processes.ts';
import { believed, type SubjectTokens } from './subject-tokens.ts';

/** `audit` is where a Cambio writes its audit log. */
export type Contestant = { name: string; server: Running; audit?: string };

/** How the image starts Node: with room for more new objects before they are gone through, which is what the slowest requests wait for. */
export const nodeFlags = ['--min-semi-space-size=16'];

/** Starts the floor. */
export function startFloor({ cores }: Setting, subject: SubjectTokens, algorithm: SigningAlgorithm): Promise<Running> {
  const program = join(import.meta.dirname, 'floor-server.ts');
  return startServer({ args: [...nodeFlags, program, '{port}', algorithm, JSON.stringify(subject.publicJwk)], readyUrl: 'http://127.0.0.1:{port}/', core: cores?.server });
}

export type CambioOptions = {
  /** --config-dir or --kubeconfig, and what else is wanted. */
  args: readonly string[];
  /** Where the audit log goes. */
  audit: string;
  /** dist/cambio.js, or another build. */
  program?: string;
  /** The core that the others share, unless another is named; undefined for any. */
  core?: number | undefined;
};

/** Starts Cambio with all that it does for a request, the audit log into a file. */
export function startCambio({ cores, options }: Setting, { args, audit, program = options.program, ...given }: CambioOptions): Promise<Running> {
  const profile = options['cpu-profile'] === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', options['cpu-profile']];
  return startServer({
    args: [
      ...nodeFlags, ...profile, program, 'serve', '--issuer', believed.audience, '--listen', '127.0.0.1:{port}', '--admin-listen', '127.0.0.1:{adminPort}',
      '--log-level', 'error', '--audit-log', audit, ...args,
    ],
    readyUrl: 'http://127.0.0.1:{adminPort}/readyz',
    core: 'core' in given ? given.core : cores?.server,
  });
}

/** Starts all of them for one algorithm, on the same core: only one at a time is given work. */
export async function startContestants(setting: Setting, subject: SubjectTokens, algorithm: SigningAlgorithm, configDir: string): Promise<Contestant[]> {
  const args = ['--config-dir', configDir, '--default-signing-algorithm', algorithm];
  const start = async (name: string, program: string): Promise<Contestant> => {
    const audit = join(setting.dir, `audit-${name}-${algorithm}.log`);
    return { name, audit, server: await startCambio(setting, { args, audit, program }) };
  };
  const { program, beside } = setting.options;
  const floor = { name: 'floor', server: await startFloor(setting, subject, algorithm) };
  return [floor, await start('Cambio', program), ...(beside === undefined ? [] : [await start('beside', beside)])];
}
