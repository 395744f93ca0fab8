// The errors of the token endpoint: what the caller is told (fixed sentences) and what only the audit log is told.

/** What can be wrong, with the answer for it (RFC 6749 §5.2, RFC 8693 §2.2.2; 503 and 500 are of our choosing). */
const catalogue = {
  malformed_request: [400, 'invalid_request', 'The request lacks a required parameter, repeats one, or has one that is malformed or not supported.'],
  unacceptable_token: [400, 'invalid_request', 'The subject token or the actor token is invalid or not acceptable.'],
  unacceptable_token_type: [400, 'invalid_request', 'The requested token type is unknown or not offered.'],
  unsupported_grant_type: [400, 'unsupported_grant_type', 'Only the token exchange grant is supported.'],
  invalid_client: [401, 'invalid_client', 'The client is unknown or did not authenticate.'],
  invalid_target: [400, 'invalid_target', 'The requested target is unknown or not allowed.'],
  invalid_scope: [400, 'invalid_scope', 'The requested scope is malformed, unknown or not allowed.'],
  method_not_allowed: [405, 'invalid_request', 'The token endpoint takes POST only.'],
  request_too_large: [413, 'invalid_request', 'The request is too large.'],
  overloaded: [503, 'temporarily_unavailable', 'The server is busy. Try again later.'],
  not_ready: [503, 'temporarily_unavailable', 'The server is not ready yet. Try again later.'],
  issuer_unavailable: [503, 'temporarily_unavailable', 'The token could not be verified now. Try again later.'],
  server_error: [500, 'server_error', 'The server failed.'],
} as const satisfies Record<string, readonly [status: number, error: string, description: string]>;

export type Mistake = keyof typeof catalogue;

/** What the caller gets: the status, and the members of the JSON body. */
export type PublicError = { status: number; error: string; description: string };

/** An expected failure: safe to show in its public form. `check` and `reason` are for the audit log only. */
export class OAuthError extends Error {
  readonly mistake: Mistake;
  /** Which rule refused: the name of a step or of a check of the decision. */
  readonly check: string;
  /** For whom this must wait, in seconds: sent as Retry-After. */
  readonly retryAfterSeconds: number | undefined;

  constructor(mistake: Mistake, check: string, reason: string, retryAfterSeconds?: number) {
    super(reason);
    this.name = 'OAuthError';
    this.mistake = mistake;
    this.check = check;
    this.retryAfterSeconds = retryAfterSeconds ?? (catalogue[mistake][0] === 503 ? 5 : undefined);
  }

  /** The private sentence: what exactly was wrong. */
  get reason(): string {
    return this.message;
  }
}

/** The public form of a mistake. */
export function publicError(mistake: Mistake): PublicError {
  const [status, error, description] = catalogue[mistake];
  return { status, error, description };
}
