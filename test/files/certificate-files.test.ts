// A certificate and its key in two files: what is taken, what is refused in which words, and what a change brings about.
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { followCertificate, maxCertificateFileBytes, readCertificate, type ServerCertificate } from '../../src/files/certificate-files.ts';
import { makeAuthority } from '../make-authority.ts';

const authority = makeAuthority();
const below = authority.makeIntermediate();
const good = below.certify({ hosts: ['cambio.example.com', '127.0.0.1'], notBefore: '20260101000000Z', notAfter: '20270101000000Z' });
const other = below.certify();
const weak = below.certify({ keys: generateKeyPairSync('rsa', { modulusLength: 1024 }) });
const encrypted = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });

let dir: string;
let files: { certFile: string; keyFile: string };
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-certificate-'));
  files = { certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') };
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Writes both files; each appears whole or not at all. */
async function write({ cert, key }: { cert?: string; key?: string }): Promise<void> {
  for (const [file, text] of [[files.certFile, cert], [files.keyFile, key]] as const) {
    if (text === undefined) continue;
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  }
}

describe('readCertificate', () => {
  test('the server\'s own certificate first, then those above it', async () => {
    await write({ cert: `a comment\n${good.cert}\n${below.cert}`, key: good.key });
    expect(await readCertificate(files)).toEqual({
      cert: `a comment\n${good.cert}\n${below.cert}`,
      key: good.key,
      notBefore: Date.parse('2026-01-01T00:00:00Z'),
      notAfter: Date.parse('2027-01-01T00:00:00Z'),
      names: 'DNS:cambio.example.com, IP Address:127.0.0.1',
    });
  });

  test('one without a chain, or that has expired, is taken: whether it is believed is for the clients to say', async () => {
    await write(below.certify({ hosts: ['a.example.com'], notAfter: '20010101000000Z' }));
    expect(await readCertificate(files)).toMatchObject({ names: 'DNS:a.example.com', notAfter: Date.parse('2001-01-01T00:00:00Z') });
  });

  test.for<[name: string, pair: { cert?: string; key?: string }, message: string]>([
    ['no certificate', { key: good.key }, "the certificate DIR/tls.crt can't be read: ENOENT: no such file or directory, stat 'DIR/tls.crt'"],
    ['no key', { cert: good.cert }, "the key DIR/tls.key can't be read: ENOENT: no such file or directory, stat 'DIR/tls.key'"],
    ['an empty certificate', { cert: '', key: good.key }, 'the certificate DIR/tls.crt is not PEM: there is no BEGIN CERTIFICATE in it'],
    ['the files exchanged', { cert: good.key, key: good.cert }, 'the certificate DIR/tls.crt is not PEM: there is no BEGIN CERTIFICATE in it'],
    ['a certificate cut off', { cert: good.cert.slice(0, 200), key: good.key }, 'the certificate DIR/tls.crt is not PEM: there is no BEGIN CERTIFICATE in it'],
    ['an empty key', { cert: good.cert, key: '' }, 'the key DIR/tls.key is not a private key in PEM'],
    ['a key cut off', { cert: good.cert, key: good.key.slice(0, 100) }, 'the key DIR/tls.key is not a private key in PEM'],
    ['an encrypted key', { cert: good.cert, key: encrypted }, 'the key DIR/tls.key is encrypted, and there is nobody to ask for its passphrase'],
    ['the key of another certificate', { cert: good.cert, key: other.key }, 'the key DIR/tls.key is not that of the certificate DIR/tls.crt'],
    ['the chain the wrong way round', { cert: below.cert + good.cert, key: good.key }, "the certificate DIR/tls.crt: the server's own certificate must stand first in it"],
    ['a key that TLS finds too weak', weak, "the certificate DIR/tls.crt can't be used for TLS: error:0A00018F:SSL routines::ee key too small"],
    ['a file far too large', { cert: good.cert.padEnd(maxCertificateFileBytes + 1), key: good.key }, `the certificate DIR/tls.crt can't be read: it is larger than ${maxCertificateFileBytes} bytes`],
  ])('%s', async ([, pair, message]) => {
    await write(pair);
    await expect(readCertificate(files)).rejects.toThrow(new Error(message.replaceAll('DIR', dir)));
  });

  test('a directory in place of a file', async () => {
    await mkdir(files.certFile);
    await write({ key: good.key });
    await expect(readCertificate(files)).rejects.toThrow(`the certificate ${files.certFile} can't be read: it is not a file`);
  });

  test('broken base64 within the marks', async () => {
    await write({ cert: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n', key: good.key });
    await expect(readCertificate(files)).rejects.toThrow(`the certificate ${files.certFile} is not PEM: `);
  });
});

describe('followCertificate', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  /** Follows what is there now; keeps all that it is told. */
  async function follow(): Promise<{ changes: string[]; states: (string | undefined)[] }> {
    const controller = new AbortController();
    const changes: string[] = [];
    const states: (string | undefined)[] = [];
    const current: ServerCertificate = await readCertificate(files);
    const ended = followCertificate({ files, current, signal: controller.signal, onChange: ({ cert }) => changes.push(cert), onState: (state) => states.push(state) });
    ends.push(async () => {
      controller.abort();
      await ended;
    });
    return { changes, states };
  }

  const bound = { timeout: 15_000, interval: 20 };

  test('a new pair is handed on, though its files come one after the other', async () => {
    await write(good);
    const { changes } = await follow();
    await write({ key: other.key });
    await write({ cert: other.cert });
    await vi.waitFor(() => expect(changes).toEqual([other.cert]), bound);
  });

  test('a broken pair is told of, and the next good one as well', async () => {
    await write(good);
    const { changes, states } = await follow();
    await write({ cert: other.cert });
    await vi.waitFor(() => expect(states).toEqual([`the key ${files.keyFile} is not that of the certificate ${files.certFile}`]), bound);
    expect(changes).toEqual([]);
    await rm(files.certFile);
    await vi.waitFor(() => expect(states).toHaveLength(2), bound);
    expect(states[1]).toContain("tls.crt can't be read: ENOENT");
    await write(good);
    await vi.waitFor(() => expect(states).toHaveLength(3), bound);
    expect([states[2], changes]).toEqual([undefined, []]);
    await write(other);
    await vi.waitFor(() => expect(changes).toEqual([other.cert]), bound);
  });

  test('a mounted Secret: links into a folder that a renamed link exchanges', async () => {
    const mount = join(dir, 'mount');
    const version = async (name: string, { cert, key }: { cert: string; key: string }): Promise<void> => {
      await mkdir(join(mount, name), { recursive: true });
      await writeFile(join(mount, name, 'tls.crt'), cert);
      await writeFile(join(mount, name, 'tls.key'), key);
      await symlink(name, join(mount, '..data_tmp'));
      await rename(join(mount, '..data_tmp'), join(mount, '..data'));
    };
    await version('..2026_01_01', good);
    for (const file of ['tls.crt', 'tls.key']) await symlink(join('..data', file), join(mount, file));
    files = { certFile: join(mount, 'tls.crt'), keyFile: join(mount, 'tls.key') };
    const { changes } = await follow();
    await version('..2026_01_02', other);
    await rm(join(mount, '..2026_01_01'), { recursive: true });
    await vi.waitFor(() => expect(changes).toEqual([other.cert]), bound);
  });

  test('a change between the first read and the first look is not lost', async () => {
    await write(good);
    const following = follow();
    const { changes } = await following;
    await write(other);
    await vi.waitFor(() => expect(changes).toEqual([other.cert]), bound);
  });
});
