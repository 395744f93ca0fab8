// The audit log: one JSON line for each request to the token endpoint.
import type { AuditRecord } from '../exchange/audit-record.ts';
import { openAppender, type Append } from './append-only.ts';
import { writeTogether } from './write-together.ts';

/** Writes one record. Resolves when it has been written, and rejects if it can't be. */
export type WriteAudit = (record: AuditRecord, durationMs: number) => Promise<void>;

/**
 * Opens the audit log. What was answered has been written, even if the process dies in the next moment.
 * @param destination a file, which is appended to, or `stdout`
 * @param now milliseconds since the epoch
 * @throws Error that says what to do, where it can't be opened
 */
export function openAuditLog(destination: string, now: () => number): WriteAudit {
  const write = writeTogether(open(destination));
  return (record, durationMs) => write(`${JSON.stringify(auditLine(record, now(), durationMs))}\n`);
}

function open(destination: string): Append {
  try {
    return openAppender(destination);
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
