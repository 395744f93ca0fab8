// The audit log: one JSON line for each request to the token endpoint.
import { pino } from 'pino';
import type { AuditRecord } from '../exchange/audit-record.ts';
import { writeTogether } from './write-together.ts';

/** Writes one record. Resolves when it has been written, and rejects if it can't be. */
export type WriteAudit = (record: AuditRecord, durationMs: number) => Promise<void>;

/**
 * Opens the audit log.
 * @param destination a file, which is appended to, or `stdout`
 * @param now milliseconds since the epoch
 * @throws Error that says what to do, where it can't be opened
 */
export function openAuditLog(destination: string, now: () => number): { write: WriteAudit; close: () => void } {
  // Synchronous: what was answered has been written, even if the process dies in the next moment.
  const stream = openStream(destination);
  // Where nobody reads the pipe any more pino would fall silent: without a listener write() throws, and nothing is issued unseen.
  stream.removeAllListeners('error');
  const write = writeTogether((text) => void stream.write(text));
  return {
    write: (record, durationMs) => write(`${JSON.stringify(auditLine(record, now(), durationMs))}\n`),
    close: () => stream.flushSync(),
  };
}

function openStream(destination: string): ReturnType<typeof pino.destination> {
  try {
    // It names who asked for what: not for everybody who has an account on this machine.
    return pino.destination({ dest: destination === 'stdout' ? 1 : destination, append: true, mkdir: false, sync: true, mode: 0o600 });
  } catch (error) {
    throw new Error(`--audit-log: ${destination} can't be opened: ${(error as Error).message}. Name a file in a directory that is there and can be written to`, { cause: error });
  }
}

/** The line of a record, member by member: nothing else can get into the log. */
export function auditLine(record: AuditRecord, now: number, durationMs: number): Record<string, unknown> {
  return {
    time: new Date(now).toISOString(),
    requestId: record.requestId,
    outcome: record.outcome,
    error: record.error,
    check: record.check,
    reason: record.reason,
    clientId: record.clientId,
    issuer: record.issuer,
    subject: record.subject,
    issuedSubject: record.issuedSubject,
    audience: record.audience,
    scopesAsked: record.scopesAsked,
    scopesGranted: record.scopesGranted,
    tokenType: record.tokenType,
    jti: record.jti,
    expiresAt: record.expiresAt,
    subjectTokenSha256: record.subjectTokenSha256,
    sourceAddress: record.sourceAddress,
    durationMs: Math.round(durationMs * 1000) / 1000,
  };
}
