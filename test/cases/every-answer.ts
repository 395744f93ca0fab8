// The rules that every answer of the token endpoint keeps, whatever the request was.
import type { Case } from './read-cases.ts';
import type { Outcome } from './run-case.ts';

type Rule = (outcome: Outcome, given: Case) => boolean;

const inEveryWay: Readonly<Record<string, Rule>> = {
  'no bug was met': ({ bugs }) => bugs.length === 0,
  'there is one audit line': ({ audit }) => audit.length === 1,
  'its outcome fits the status': ({ audit, status }) => audit[0]?.['outcome'] === (status === 200 ? 'issued' : status >= 500 ? 'failed' : 'denied'),
  'it is no longer than 4 KiB': ({ audit }) => JSON.stringify(audit).length < 4096,
  'no part of a token stands in it': ({ audit, subjectToken, body }) => !holdsAny(JSON.stringify(audit), [subjectToken, textOf(body['access_token'])]),
  'no secret stands in it': ({ audit }) => !JSON.stringify(audit).includes('hunter2'),
  'no member of it is unknown': ({ audit }) => Object.keys(audit[0] ?? {}).every((name) => auditMembers.has(name)),
  'an error has error and error_description, and nothing else': ({ status, body }, { request }) =>
    status === 200 || Object.keys(body).join() === (request.method === 'HEAD' ? '' : 'error,error_description'),
  'error_description has allowed characters only (RFC 6749 §5.2)': ({ body }) =>
    body['error_description'] === undefined || /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(textOf(body['error_description'])),
  'an error does not echo the token': ({ status, body, subjectToken }) => status === 200 || !holdsAny(JSON.stringify(body), [subjectToken]),
  'there is never a refresh_token or an id_token beside it': ({ body }) => !('refresh_token' in body) && !('id_token' in body),
};

const overHTTP: Readonly<Record<string, Rule>> = {
  'the audit line has the id in Request-Id': ({ audit, headers }) => audit[0]?.['requestId'] === headers?.['request-id'],
  'it is JSON': ({ headers }) => headers?.['content-type'] === 'application/json; charset=utf-8',
  'nobody may store it (RFC 6749 §5.1)': ({ headers }) => headers?.['cache-control'] === 'no-store' && headers['pragma'] === 'no-cache',
  'a 401 has WWW-Authenticate (RFC 9110 §15.5.2), and nothing else has': ({ headers, status }) => (headers?.['www-authenticate'] !== undefined) === (status === 401),
  'a 503 has Retry-After, and nothing else has': ({ headers, status }) => (headers?.['retry-after'] !== undefined) === (status === 503),
  'a 405 has Allow (RFC 9110 §15.5.6), and nothing else has': ({ headers, status }) => headers?.['allow'] === (status === 405 ? 'POST' : undefined),
  'it does not say what it is made of': ({ headers }) => headers?.['x-powered-by'] === undefined && headers?.['server'] === undefined,
};

/** The rules that an answer breaks. */
export function brokenRules(outcome: Outcome, given: Case): string[] {
  const rules = { ...inEveryWay, ...(outcome.headers === undefined ? {} : overHTTP) };
  return Object.entries(rules).flatMap(([rule, holds]) => (holds(outcome, given) ? [] : [rule]));
}

const auditMembers = new Set([
  'time', 'requestId', 'outcome', 'error', 'check', 'reason', 'clientId', 'issuer', 'subject', 'issuedSubject', 'audience', 'scopesAsked',
  'scopesGranted', 'tokenType', 'jti', 'expiresAt', 'subjectTokenSha256', 'sourceAddress', 'durationMs',
]);

/** Whether a text holds a part of a token that is long enough to mean something. */
const holdsAny = (text: string, tokens: readonly string[]): boolean =>
  tokens.flatMap((token) => token.split('.')).some((part) => part.length >= 12 && text.includes(part));

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
