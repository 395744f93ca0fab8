// Signing keys in a directory, for installations without a cluster: made there once, readable by their owner only.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeSigningKeys, readSigningKeys, type SigningKey } from './signing-keys.ts';

export const signingKeysFile = 'signing-keys.json';

/**
 * Loads the signing keys of a directory, and makes them if there are none. Two processes that start at once end up with
 * the same keys.
 * @throws Error that names the file and what to do
 */
export async function loadSigningKeysDir(dir: string): Promise<SigningKey[]> {
  const file = join(dir, signingKeysFile);
  const mode = await ensureFile(dir, file).catch((error: Error) => {
    throw new Error(`the signing keys can't be kept in ${dir}: ${error.message}. Name a directory that may be written, by --signing-keys-dir`, { cause: error });
  });
  if (mode !== undefined && (mode & 0o077) !== 0) {
    throw new Error(`${file}: others than its owner may use it (mode ${(mode & 0o777).toString(8)}). Make it private with chmod 600, or move it away: then new keys are made`);
  }
  try {
    return await readSigningKeys(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}. Mend it, or move it away: then new keys are made`, { cause: error });
  }
}

/** Makes the file where there is none. @returns its mode */
async function ensureFile(dir: string, file: string): Promise<number | undefined> {
  if ((await modeOf(file)) === undefined) await makeFile(dir, file);
  return modeOf(file);
}

/** Makes a directory and those above it. Not by `recursive`: that tries for ever where a file system calls every new name missing, as /proc does. */
async function ensureDir(dir: string): Promise<void> {
  if ((await modeOf(dir)) !== undefined) return;
  const above = dirname(dir);
  if (above !== dir) await ensureDir(above);
  await mkdir(dir, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function modeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mode;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes beside and links into place: the file is there whole or not at all, and the first one wins. */
async function makeFile(dir: string, file: string): Promise<void> {
  await ensureDir(dir);
  const temporary = join(dir, `.${signingKeysFile}.${randomUUID()}`);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(await makeSigningKeys());
    await handle.sync();
    await link(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
  }
}
