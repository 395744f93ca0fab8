// Signing keys in a directory: made once, private, and refused with a sentence where they are not what they should be.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadSigningKeysDir } from '../../src/keys/signing-keys-dir.ts';
import { testKeys } from '../cases/mint-token.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cambio-keys-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
const good = JSON.stringify({ keys: [testKeys['cambio-es'], testKeys['cambio-rs']] });

async function keep(text: string, mode = 0o600): Promise<string> {
  const file = join(root, 'signing-keys.json');
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

const refusal = (dir: string): Promise<string> => loadSigningKeysDir(dir).then(() => 'no refusal', (error: Error) => error.message);

test('they are made where there are none, for their owner only, and nothing else is left there', async () => {
  const dir = join(root, 'a', 'b');
  const keys = await loadSigningKeysDir(dir);
  expect(keys.map(({ algorithm }) => algorithm)).toEqual(['ES256', 'RS256']);
  expect(await readdir(dir)).toEqual(['signing-keys.json']);
  expect([await modeOf(dir), await modeOf(join(dir, 'signing-keys.json'))]).toEqual(['700', '600']);
});

test('a second load gives the same keys, and changes nothing', async () => {
  const first = await loadSigningKeysDir(root);
  const text = await readFile(join(root, 'signing-keys.json'), 'utf8');
  const second = await loadSigningKeysDir(root);
  expect(second.map(({ publicJwk }) => publicJwk)).toEqual(first.map(({ publicJwk }) => publicJwk));
  expect(await readFile(join(root, 'signing-keys.json'), 'utf8')).toBe(text);
});

test('loads at once give the same keys', async () => {
  const loads = await Promise.all(Array.from({ length: 3 }, () => loadSigningKeysDir(root)));
  const [first, ...others] = loads.map((keys) => keys.map(({ kid }) => kid));
  expect(others).toEqual([first, first]);
  expect(await readdir(root)).toEqual(['signing-keys.json']);
});

test('keys that are there are used: their kid is the thumbprint, whatever stands in the file', async () => {
  await keep(JSON.stringify({ keys: [{ ...testKeys['cambio-es'], kid: 'mine', use: 'enc' }, testKeys['cambio-rs']] }));
  expect((await loadSigningKeysDir(root))[0]?.publicJwk).toEqual({
    kty: 'EC',
    crv: 'P-256',
    x: testKeys['cambio-es']?.x,
    y: testKeys['cambio-es']?.y,
    use: 'sig',
    alg: 'ES256',
    kid: 'QexyiYYZ1gnNb3IfUQALChmtYAJ_LoWkUqkal9s6yfs',
  });
});

describe('a file that others may use is refused', () => {
  test.for([0o640, 0o604, 0o660, 0o644, 0o610, 0o777])('%o', async (mode) => {
    const file = await keep(good, mode);
    expect(await refusal(root)).toBe(`${file}: others than its owner may use it (mode ${mode.toString(8)}). Make it private with chmod 600, or move it away: then new keys are made`);
    expect(await readFile(file, 'utf8')).toBe(good);
  });

  test('behind a symbolic link, too', async () => {
    await writeFile(join(root, 'elsewhere.json'), good, { mode: 0o644 });
    await symlink(join(root, 'elsewhere.json'), join(root, 'signing-keys.json'));
    expect(await refusal(root)).toContain('others than its owner may use it (mode 644)');
  });

  test.for([0o600, 0o400])('%o is private', async (mode) => {
    await keep(good, mode);
    expect(await loadSigningKeysDir(root)).toHaveLength(2);
  });
});

test('a file that is broken is refused with its name, left as it is, and nothing of it is told', async () => {
  const text = good.slice(0, -1);
  const file = await keep(text);
  expect(await refusal(root)).toBe(`${file}: it is not JSON. Mend it, or move it away: then new keys are made`);
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('a directory in its place', async () => {
  await mkdir(join(root, 'signing-keys.json'), { mode: 0o700 });
  expect(await refusal(root)).toContain(`${join(root, 'signing-keys.json')}: EISDIR`);
});

test('a file in the place of the directory', async () => {
  const file = await keep(good);
  expect(await refusal(file)).toContain('ENOTDIR');
});

// Elsewhere than on Linux there is no /proc, and nobody may make one.
test.each(['/proc/cambio', '/proc/cambio/keys'])('a directory where none can be made: %s', async (dir) => {
  expect(await refusal(dir)).toMatch(/^the signing keys can't be kept in \/proc\/.*: E[A-Z]+: .*, mkdir '\/proc.*'\. Name a directory that may be written, by --signing-keys-dir$/);
});
