// Names and their addresses: from the files of the system, and from a name server that is honest, broken or silent.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Address } from '../../src/keys/private-addresses.ts';
import { createHostResolver } from '../../src/keys/resolve-host.ts';

let dir: string;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-resolve-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await rm(dir, { recursive: true, force: true });
});

/** What a name server knows: addresses by name; `fails` and `is silent` are names that it treats so. */
type Zone = Readonly<Record<string, readonly Address[] | 'fails' | 'is silent'>>;

async function startNameServer(zone: Zone): Promise<{ server: string; asked: string[]; untilAsked: Promise<unknown> }> {
  const asked: string[] = [];
  const first = Promise.withResolvers<void>();
  const socket = createSocket('udp4', (query, { port, address }) => {
    const { name, type, end } = readQuestion(query);
    asked.push(`${name} ${type === 1 ? 'A' : 'AAAA'}`);
    const known = zone[name];
    if (known !== 'is silent') socket.send(answerTo(query, end, known, type), port, address);
    first.resolve();
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return { server: `127.0.0.1:${socket.address().port}`, asked, untilAsked: first.promise };
}

/** RFC 1035 §4.1.2. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(query: Buffer, end: number, known: readonly Address[] | 'fails' | undefined, type: number): Buffer {
  const records = typeof known === 'object' ? known.filter(({ family }) => family === (type === 1 ? 4 : 6)) : [];
  const code = known === 'fails' ? 2 : known === undefined ? 3 : 0;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([
    header,
    query.subarray(12, end),
    ...records.map(({ address, family }) => {
      const bytes = family === 4 ? Buffer.from(address.split('.').map(Number)) : bytesOf6(address);
      return Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length]), bytes]);
    }),
  ]);
}

/** Of an address written in full. */
const bytesOf6 = (address: string): Buffer => Buffer.from(address.split(':').map((part) => part.padStart(4, '0')).join(''), 'hex');

const v4 = (address: string): Address => ({ address, family: 4 });
const v6 = (address: string): Address => ({ address, family: 6 });

async function resolver({ zone = {}, hosts = '', resolvConf = '' }: { zone?: Zone; hosts?: string; resolvConf?: string }) {
  const { server, asked, untilAsked } = await startNameServer(zone);
  const files = { hosts: join(dir, 'hosts'), resolvConf: join(dir, 'resolv.conf') };
  await writeFile(files.hosts, hosts);
  await writeFile(files.resolvConf, resolvConf);
  const resolve = createHostResolver({ ...files, servers: [server] });
  return { asked, untilAsked, resolve: (host: string, signal = AbortSignal.timeout(15_000)) => resolve(host, signal) };
}

describe('a name server', () => {
  test('addresses of both families', async () => {
    const { resolve, asked } = await resolver({ zone: { 'ci.example.com': [v4('192.0.2.1'), v4('192.0.2.2'), v6('2001:db8:0:0:0:0:0:1')] } });
    expect(await resolve('CI.example.com')).toEqual([v4('192.0.2.1'), v4('192.0.2.2'), v6('2001:db8::1')]);
    expect(asked.toSorted()).toEqual(['ci.example.com A', 'ci.example.com AAAA']);
  });

  test.each([
    ['IPv4 alone', v4('192.0.2.1')],
    ['IPv6 alone', v6('2001:db8:1:2:3:4:5:6')],
  ])('%s', async (_name, address) => {
    const { resolve } = await resolver({ zone: { 'ci.example.com': [address] } });
    expect(await resolve('ci.example.com')).toEqual([address]);
  });

  test('a name that does not exist', async () => {
    const { resolve } = await resolver({});
    await expect(resolve('ci.example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  test('one that fails', async () => {
    const { resolve } = await resolver({ zone: { 'ci.example.com': 'fails' }, resolvConf: 'search corp.example.com\n' });
    await expect(resolve('ci.example.com')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('one that is silent is given up', async () => {
    const { resolve } = await resolver({ zone: { 'ci.example.com': 'is silent' } });
    await expect(resolve('ci.example.com')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  test('one that is silent is waited for until the signal says no', async () => {
    const { resolve, untilAsked } = await resolver({ zone: { 'ci.example.com': 'is silent' } });
    const controller = new AbortController();
    const resolving = resolve('ci.example.com', controller.signal).catch((error: unknown) => error);
    await untilAsked;
    controller.abort();
    expect(await resolving).toMatchObject({ code: 'ECANCELLED' });
  });
});

describe('the search list', () => {
  const zone: Zone = { 'keycloak.auth.svc.cluster.local': [v4('10.0.0.9')], 'ci.example.com': [v4('192.0.2.1')] };
  const resolvConf = 'nameserver 10.0.0.10\nsearch cambio-system.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n';

  test('a name that does not exist as it is', async () => {
    const { resolve } = await resolver({ zone, resolvConf });
    expect(await resolve('keycloak.auth.svc')).toEqual([v4('10.0.0.9')]);
    expect(await resolve('keycloak.auth')).toEqual([v4('10.0.0.9')]);
  });

  test('the name as it is comes first: nothing else is asked where it exists', async () => {
    const { resolve, asked } = await resolver({ zone: { ...zone, 'ci.example.com.cluster.local': [v4('10.0.0.1')] }, resolvConf });
    expect(await resolve('ci.example.com')).toEqual([v4('192.0.2.1')]);
    expect(new Set(asked)).toEqual(new Set(['ci.example.com A', 'ci.example.com AAAA']));
  });

  test.each(['fails', 'is silent'] as const)('the name of a Service needs nobody outside the cluster: who %s there is not asked', async (outside) => {
    const { resolve, asked } = await resolver({ zone: { ...zone, 'keycloak.auth.svc': outside }, resolvConf });
    expect(await resolve('keycloak.auth.svc')).toEqual([v4('10.0.0.9')]);
    expect(asked).not.toContain('keycloak.auth.svc A');
  });

  test.each(['', resolvConf])('the name of a Service that no search domain has is asked for as it is', async (text) => {
    const { resolve } = await resolver({ zone: { 'keycloak.other.svc': [v4('10.0.0.8')] }, resolvConf: text });
    expect(await resolve('keycloak.other.svc')).toEqual([v4('10.0.0.8')]);
  });

  test('of another name the failure as it is ends the search', async () => {
    const { resolve, asked } = await resolver({ zone: { 'gitlab.com': 'fails', 'gitlab.com.svc.cluster.local': [v4('10.0.0.1')] }, resolvConf });
    await expect(resolve('gitlab.com')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    expect(new Set(asked)).toEqual(new Set(['gitlab.com A', 'gitlab.com AAAA']));
  });

  test('none for a name that ends with a dot', async () => {
    const { resolve } = await resolver({ zone, resolvConf });
    await expect(resolve('keycloak.auth.svc.')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('the file of hosts', () => {
  const hosts = '# addresses\n127.0.0.1\tlocalhost\n10.0.0.7  gitlab.corp.example.com GitLab # ours\nfd00::7 gitlab.corp.example.com\nx gitlab\n';

  test('wins, and the name server is not asked', async () => {
    const { resolve, asked } = await resolver({ zone: { gitlab: [v4('192.0.2.1')] }, hosts });
    expect(await resolve('gitlab.corp.example.com')).toEqual([v4('10.0.0.7'), v6('fd00::7')]);
    expect(await resolve('gitlab')).toEqual([v4('10.0.0.7')]);
    expect(await resolve('localhost')).toEqual([v4('127.0.0.1')]);
    expect(asked).toEqual([]);
  });

  test.each(['localhost', 'localhost.', 'ci.localhost'])('%s is loopback without any entry', async (name) => {
    const { resolve, asked } = await resolver({ zone: { localhost: [v4('192.0.2.1')] } });
    expect(await resolve(name)).toEqual([v4('127.0.0.1'), v6('::1')]);
    expect(asked).toEqual([]);
  });

  test('files that are not there are empty ones', async () => {
    const resolve = createHostResolver({ hosts: join(dir, 'no'), resolvConf: join(dir, 'no'), servers: ['127.0.0.1:1'] });
    expect(await resolve('localhost', AbortSignal.timeout(15_000))).toHaveLength(2);
  });
});
