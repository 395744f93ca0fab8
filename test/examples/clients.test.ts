// The example clients in other languages, each run for real: programs as a user writes them, with the packages that they pin.
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clients, runClient, setUp, versionOf, type Client, type Setup } from '../../examples/clients/run.ts';
import { missingOf, prepare } from '../../examples/clients/toolchains.ts';

const isCi = !['', '0', 'false'].includes(process.env['CI'] ?? '');

let setup: Setup;
beforeAll(async () => {
  setup = await setUp();
});
afterAll(() => setup?.stop());

describe.each(clients)('$name', (client) => {
  test('gets a token that is good, and says so when it is refused', async ({ skip }) => {
    const folder = await installed(client, skip);
    expect(await runClient(client, folder, setup)).toMatchObject({ sub: 'demo-ci:repo:acme/payments:environment:prod', client_id: 'payments/deployer', scope: 'deploy' });
    console.log(`${client.name} ${await versionOf(client)}: issued and verified`);
    await expect(runClient(client, folder, await withBadToken())).rejects.toThrow('invalid_request');
  });
});

/** Where a client's packages are. Its test ends here where its toolchain is missing, or has no network to install them. */
async function installed({ name, toolchain }: Client, skip: (note: string) => never): Promise<string> {
  const missing = await missingOf(toolchain);
  const folder = missing === undefined ? await prepare(toolchain).catch((error: Error) => error) : new Error(missing);
  if (typeof folder === 'string') return folder;
  // A toolchain that is there must work where CI runs.
  if (isCi && missing === undefined) throw folder;
  console.warn(`${name}: skipped: ${folder.message}`);
  return skip(folder.message);
}

/** The same, but that the token was changed on its way. */
async function withBadToken(): Promise<Setup> {
  const [file, credentials] = [`${setup.caFile}.token`, `${setup.caFile}.json`];
  await writeFile(file, 'eyJhbGciOiJub25lIn0.e30.');
  const { env } = setup;
  await writeFile(credentials, JSON.stringify({ ...(JSON.parse(await readFile(env['GOOGLE_APPLICATION_CREDENTIALS'] ?? '', 'utf8')) as object), credential_source: { file } }));
  return { ...setup, env: { ...env, SUBJECT_TOKEN_FILE: file, GOOGLE_APPLICATION_CREDENTIALS: credentials } };
}
