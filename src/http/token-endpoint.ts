// The token endpoint: an HTTP request becomes a token request, and whatever comes of it an HTTP response and an audit line.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { noteFailure, type AuditRecord } from '../exchange/audit-record.ts';
import type { TokenResponse } from '../exchange/issue-token.ts';
import { OAuthError, type PublicError } from '../exchange/oauth-error.ts';
import { unsupportedHeaders, type TokenRequest } from '../exchange/token-request.ts';
import { createBodyReader, type ReadBody } from './read-body.ts';

export type TokenEndpointOptions = {
  exchange: (request: TokenRequest, record: AuditRecord) => Promise<TokenResponse>;
  audit: (record: AuditRecord, durationMs: number) => Promise<void>;
  /** Told of a bug, and of the request in which it happened if that is known: never shown to the caller. */
  onBug: (error: unknown, requestId: string | undefined) => void;
  newId: () => string;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  maxRequestsInFlight: number;
  /** What bodies that have not ended may hold together, in bytes; default maxHeldBytes. */
  maxHeldBytes?: number;
  /** Puts the exact reason into error_description: for learning and testing, never for production. */
  explainDenials: boolean;
};

/** Answers one request, whatever its method. Rejects only where nothing could be answered. */
export type AnswerToken = (request: IncomingMessage, response: ServerResponse, clientIdInPath: string | undefined) => Promise<void>;

/** Makes the handler for /token and /clients/<namespace>/<name>/token. */
export function tokenEndpoint(options: TokenEndpointOptions): AnswerToken {
  const readBody = createBodyReader(options.maxHeldBytes);
  let inFlight = 0;
  return async (request, response, clientIdInPath) => {
    const start = options.monotonic();
    const record: AuditRecord = { requestId: options.newId(), outcome: 'failed', sourceAddress: request.socket.remoteAddress ?? '' };
    try {
      if (request.method !== 'POST') throw new OAuthError('method_not_allowed', 'method', `the method is ${request.method}`);
      const granted = await exchangeWithin(await readTokenRequest(request, clientIdInPath, readBody), record);
      await options.audit(record, options.monotonic() - start);
      send(response, record.requestId, 200, granted, {});
    } catch (error) {
      const failure = error instanceof OAuthError ? error : new OAuthError('server_error', 'bug', 'a bug: see the log');
      if (failure !== error) options.onBug(error, record.requestId);
      const told = noteFailure(record, failure);
      await options.audit(record, options.monotonic() - start);
      sendError(response, record, failure, told, options.explainDenials);
    }
  };

  /** Counts from when the body is there: who sends one byte at a time takes no place from anybody. */
  async function exchangeWithin(request: TokenRequest, record: AuditRecord): Promise<TokenResponse> {
    if (inFlight >= options.maxRequestsInFlight) throw new OAuthError('overloaded', 'overload', 'too many requests in flight', 1);
    inFlight++;
    try {
      return await options.exchange(request, record);
    } finally {
      inFlight--;
    }
  }
}

async function readTokenRequest(request: IncomingMessage, clientIdInPath: string | undefined, readBody: ReadBody): Promise<TokenRequest> {
  const { url = '', headers } = request;
  // `headers` has the first one only.
  if (headers.authorization !== undefined && request.headersDistinct.authorization?.length !== 1) throw new OAuthError('malformed_request', 'client', 'more than one Authorization header');
  const question = url.indexOf('?');
  return {
    clientIdInPath,
    query: question < 0 ? '' : url.slice(question + 1),
    contentType: headers['content-type'],
    authorization: headers.authorization,
    unsupportedHeader: unsupportedHeaders.find((name) => headers[name] !== undefined),
    body: await readBody(request),
  };
}

function sendError(response: ServerResponse, record: AuditRecord, failure: OAuthError, { status, error, description }: PublicError, explain: boolean): void {
  const headers: OutgoingHttpHeaders = {};
  if (status === 401) headers['WWW-Authenticate'] = 'Basic realm="cambio", charset="UTF-8"';
  if (status === 405) headers['Allow'] = 'POST';
  if (failure.retryAfterSeconds !== undefined) headers['Retry-After'] = failure.retryAfterSeconds;
  // What was not read of the body is not waited for.
  if (!response.req.complete) headers['Connection'] = 'close';
  const error_description = explain && status < 500 ? printable(`${failure.check}: ${failure.reason}`) : description;
  send(response, record.requestId, status, { error, error_description }, headers);
}

/** The characters that error_description may have (RFC 6749 §5.2). */
const printable = (text: string): string => text.replaceAll('−', '-').replaceAll('"', "'").replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');

function send(response: ServerResponse, requestId: string, status: number, body: object, headers: OutgoingHttpHeaders): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      ...headers,
      'Cache-Control': 'no-store',
      Pragma: 'no-cache',
      'Request-Id': requestId,
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    })
    .end(text);
}
