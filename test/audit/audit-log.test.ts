// The audit log: one line for each record, of known members only, and never lost in silence.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { appendBy } from '../../src/audit/append-only.ts';
import { auditLine, openAuditLog } from '../../src/audit/audit-log.ts';
import type { AuditRecord } from '../../src/exchange/audit-record.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-audit-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const record: AuditRecord = {
  requestId: 'id-1',
  outcome: 'issued',
  clientId: 'payments/deployer',
  issuer: 'ci',
  subject: 'ci:prod',
  audience: 'https://deploy.example.com',
  scopesAsked: ['read'],
  scopesGranted: ['read'],
  tokenType: 'access_token',
  jti: 'id-2',
  expiresAt: '2027-01-15T08:05:00.000Z',
  subjectTokenSha256: '00',
  sourceAddress: '192.0.2.1',
};
const now = (): number => 1_800_000_000_000;

test('the members of a line, in their order', () => {
  expect(Object.entries(auditLine({ ...record, issuedSubject: 'deployer', error: 'e', check: 'c', reason: 'r' }, now(), 1.23456))).toEqual([
    ['time', '2027-01-15T08:00:00.000Z'],
    ['requestId', 'id-1'],
    ['outcome', 'issued'],
    ['error', 'e'],
    ['check', 'c'],
    ['reason', 'r'],
    ['clientId', 'payments/deployer'],
    ['issuer', 'ci'],
    ['subject', 'ci:prod'],
    ['issuedSubject', 'deployer'],
    ['audience', 'https://deploy.example.com'],
    ['scopesAsked', ['read']],
    ['scopesGranted', ['read']],
    ['tokenType', 'access_token'],
    ['jti', 'id-2'],
    ['expiresAt', '2027-01-15T08:05:00.000Z'],
    ['subjectTokenSha256', '00'],
    ['sourceAddress', '192.0.2.1'],
    ['durationMs', 1.235],
  ]);
});

test('what is not a member of the line does not get into it', () => {
  expect(JSON.stringify(auditLine({ ...record, subject_token: 'hunter2' } as AuditRecord, now(), 0))).not.toContain('hunter2');
});

test('a file is appended to, a line for each record, whatever stands in it', async () => {
  const file = join(dir, 'audit.log');
  await writeFile(file, 'before\n');
  const log = openAuditLog(file, now);
  await log({ requestId: 'a', outcome: 'denied', reason: 'x\n{"outcome":"issued"}\u2028\u0000', sourceAddress: '' }, 0);
  await log({ requestId: 'b', outcome: 'denied', sourceAddress: '' }, 0);
  // Written already, before anything is closed.
  const lines = (await readFile(file, 'utf8')).split('\n');
  expect([lines.length, lines[0], lines[3]]).toEqual([4, 'before', '']);
  expect(lines.slice(1, 3).map((line) => (JSON.parse(line) as AuditRecord).requestId)).toEqual(['a', 'b']);
});

test('a file that it makes is for its own account only', async () => {
  const file = join(dir, 'audit.log');
  openAuditLog(file, now);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a place where nothing can be written is refused at the start', () => {
  expect(() => openAuditLog(join(dir, 'not', 'there'), now)).toThrow(/^--audit-log: .*there can't be opened: ENOENT/);
});

test.skipIf(!existsSync('/dev/full'))('a full disk: it rejects, each time', async () => {
  const log = openAuditLog('/dev/full', now);
  await expect(log(record, 0)).rejects.toThrow('ENOSPC');
  await expect(log(record, 0)).rejects.toThrow('ENOSPC');
});

test('a pipe that nobody reads any more: it rejects, each time, and nothing of that comes later', async () => {
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const open = (): number => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const first = open();
  const log = openAuditLog(pipe, now);
  await log(record, 0);
  closeSync(first);
  await expect(log({ ...record, requestId: 'refused' }, 0)).rejects.toThrow('EPIPE');
  await expect(log({ ...record, requestId: 'refused' }, 0)).rejects.toThrow('EPIPE');
  const second = open();
  await log({ ...record, requestId: 'granted' }, 0);
  const bytes = Buffer.alloc(65_536);
  expect(bytes.toString('utf8', 0, readSync(second, bytes)).match(/"requestId":"\w+"/g)).toEqual(['"requestId":"granted"']);
  closeSync(second);
});

test('what was written in part before a failure ends in a line of its own', () => {
  const written: string[] = [];
  const room = [4, 0, -1, 2, -1, 3, 100].values();
  const append = appendBy((bytes, from) => {
    const most = room.next().value ?? 0;
    if (most < 0) throw new Error('no room');
    const part = Buffer.from(bytes).toString('utf8', from, from + most);
    written.push(part);
    return Buffer.byteLength(part);
  });
  expect(() => append('first\n')).toThrow('no room');
  expect(() => append('second\n')).toThrow('no room');
  append('third\n');
  expect(written.join('')).toBe('firs\ns\nthird\n');
});
