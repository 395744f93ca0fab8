// Runs `cambio check` in this process, with what it reads and writes in memory.
import { checkOptions } from '../../src/commands/check-options.ts';
import { runCheck } from '../../src/commands/check.ts';
import { readOptions, takeOperands } from '../../src/commands/read-options.ts';

export type Checked = { code: number; out: string; err: string };

/** A client of the TrustedIssuer ci, as the second document of a file. */
export const deployer = `---
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: deployer, namespace: cambio-system}
spec:
  authentication: {none: {}}
  subjects: [{issuerRef: {name: ci}, subject: alice}]
  targets: [{audience: https://deploy.example.com, default: true}]
`;

/** Runs it with arguments as they stand on a command line. Throws where they can't be read. */
export async function runCheckWith(args: readonly string[], stdin: string | Uint8Array = ''): Promise<Checked> {
  const { operands, rest } = takeOperands(checkOptions, args);
  const { values, mistakes } = readOptions(checkOptions, rest, {});
  if (values === undefined) throw new Error(mistakes?.join('\n'));
  const checked: Checked = { code: -1, out: '', err: '' };
  checked.code = await runCheck(values, operands, {
    readStdin: async () => Buffer.from(stdin),
    out: (text) => (checked.out += text),
    err: (text) => (checked.err += text),
  });
  return checked;
}
