// The audit log: one line for each record, of known members only, and never lost in silence.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
  await log.write({ requestId: 'a', outcome: 'denied', reason: 'x\n{"outcome":"issued"}\u2028\u0000', sourceAddress: '' }, 0);
  await log.write({ requestId: 'b', outcome: 'denied', sourceAddress: '' }, 0);
  // Written already, before anything is closed.
  const lines = (await readFile(file, 'utf8')).split('\n');
  expect([lines.length, lines[0], lines[3]]).toEqual([4, 'before', '']);
  expect(lines.slice(1, 3).map((line) => (JSON.parse(line) as AuditRecord).requestId)).toEqual(['a', 'b']);
  log.close();
});

test('a file that it makes is for its own account only', async () => {
  const file = join(dir, 'audit.log');
  openAuditLog(file, now).close();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a place where nothing can be written is refused at the start', () => {
  expect(() => openAuditLog(join(dir, 'not', 'there'), now)).toThrow(/^--audit-log: .*there can't be opened: ENOENT/);
});

test.skipIf(!existsSync('/dev/full'))('a full disk: it rejects, each time', async () => {
  const log = openAuditLog('/dev/full', now);
  await expect(log.write(record, 0)).rejects.toThrow('ENOSPC');
  await expect(log.write(record, 0)).rejects.toThrow('ENOSPC');
});

test('a pipe that nobody reads any more: it rejects, each time', async () => {
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const log = openAuditLog(pipe, now);
  await log.write(record, 0);
  closeSync(reader);
  await expect(log.write(record, 0)).rejects.toThrow('EPIPE');
  await expect(log.write(record, 0)).rejects.toThrow('EPIPE');
});
