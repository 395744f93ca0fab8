// The command line: finds the command, reads its options, runs it.

import type { Options, Values } from './commands/read-options.ts';

declare const CAMBIO_VERSION: string | undefined;

const overview = `Cambio exchanges tokens: hand in one from your platform, get a short-lived one for one service.

Usage: cambio COMMAND [OPTIONS]

Commands:
  serve     Read manifests, from a cluster or a directory, and answer token requests (RFC 8693)
  check     Tell what is wrong with manifests, and what a token would get, before they are deployed
  crds      Print the CustomResourceDefinitions

Options of every command can also be given as variables: --config-dir as CAMBIO_CONFIG_DIR.
  -h, --help     This text, or with a command its options
  -V, --version  The version

Start here: cambio serve --config-dir examples/quickstart/manifests
`;

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(`cambio needs Node.js 24 or newer, and this is ${process.version}. In its own checkout, npm scripts and npx find one by themselves.\n`);
  process.exit(2);
}
process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '-h' || name === '--help' || name === 'help') return print(overview, name === undefined ? 2 : 0);
  if (name === '-V' || name === '--version') return print(`cambio ${await readVersion()}\n`, 0);
  try {
    switch (name) {
      case 'serve': {
        const { serveOptions } = await import('./commands/serve-options.ts');
        const { runServe } = await import('./commands/serve.ts');
        return await run(name, serveOptions, args, (options) => runServe(options, stopSignal()));
      }
      case 'check': {
        const { checkOptions, checkUsage } = await import('./commands/check-options.ts');
        const { takeOperands } = await import('./commands/read-options.ts');
        const { runCheck } = await import('./commands/check.ts');
        const { operands, rest } = takeOperands(checkOptions, args);
        return await run(name, checkOptions, rest, (options) => runCheck(options, operands), checkUsage);
      }
      case 'crds': {
        const { crdsOptions, runCrds } = await import('./commands/crds.ts');
        return await run(name, crdsOptions, args, runCrds);
      }
      default:
        process.stderr.write(`cambio: there is no command ${JSON.stringify(name)}; see cambio --help\n`);
        return 2;
    }
  } catch (error) {
    process.stderr.write(`cambio ${name}: ${(error as Error).message}\n`);
    return 1;
  }
}

async function run<O extends Options>(
  name: string,
  options: O,
  args: readonly string[],
  command: (values: Values<O>) => Promise<number>,
  usage: { operands: string; more: string } = { operands: '', more: '' },
): Promise<number> {
  const { describeOptions, readOptions } = await import('./commands/read-options.ts');
  if (args.includes('--help') || args.includes('-h')) {
    const more = usage.more === '' ? '' : `\n${usage.more}`;
    return print(`Usage: cambio ${name} ${['[OPTIONS]', usage.operands].join(' ').trim()}\n\n${describeOptions(options)}\n${more}`, 0);
  }
  const read = readOptions(options, args, process.env);
  if (read.values !== undefined) return command(read.values);
  process.stderr.write(`${(read.mistakes ?? []).join('\n')}\nSee cambio ${name} --help.\n`);
  return 2;
}

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}

/** Aborted by SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

async function readVersion(): Promise<string> {
  if (typeof CAMBIO_VERSION === 'string') return CAMBIO_VERSION;
  const { readFile } = await import('node:fs/promises');
  return (JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
