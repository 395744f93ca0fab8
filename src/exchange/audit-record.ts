// What is remembered of a request: an allow-list of facts. No token, secret or assertion is ever among them.
import { publicError, type OAuthError, type PublicError } from './oauth-error.ts';

export type AuditRecord = {
  requestId: string;
  outcome: 'issued' | 'denied' | 'failed';
  /** The OAuth error code, if one was answered. */
  error?: string;
  /** The step or check that refused. */
  check?: string;
  /** Exactly why, in a sentence. */
  reason?: string;
  clientId?: string;
  /** The name of the TrustedIssuer. */
  issuer?: string;
  /** Whose token was shown, once it has been verified: the issuer's prefix and `sub`. Issued tokens name it so, too, if no mapping says otherwise. */
  subject?: string;
  /** How the issued token names it, where a mapping says otherwise. */
  issuedSubject?: string;
  audience?: string;
  scopesAsked?: readonly string[];
  scopesGranted?: readonly string[];
  tokenType?: string;
  jti?: string;
  /** RFC 3339. */
  expiresAt?: string;
  /** SHA-256 of the subject token, in hexadecimal: to find its other uses without keeping it. */
  subjectTokenSha256?: string;
  sourceAddress: string;
};

/** The longest text that a caller can put into a record. */
const maxText = 256;

/**
 * A JWT, or the beginning of one; if white space follows its first brace, at least two parts of one. The latter is looked for
 * only where a word begins: a caller could make the search for it take the square of what is sent.
 */
const jwt = /(?:eyJ[\w-]{8,}|(?<![\w-])e[wy][\w-]{8,}\.e[wy][\w-]{8,})(\.[\w-]*)*/g;

/** Text without the JWTs in it: who names a subject by a token, or mixes up parameters, does not bring one into the log. */
export const withoutTokens = (text: string): string => text.replaceAll(jwt, '(a JWT)');

/** Text of a caller, cut short, without tokens. */
export function clipped(text: string): string {
  const safe = withoutTokens(text);
  return safe.length > maxText ? `${safe.slice(0, maxText)}…` : safe;
}

/** Text of a caller in a sentence, in quotes. */
export const quoted = (text: string): string => JSON.stringify(clipped(text));

/** At most four texts in a sentence, such as `"a", "b"`; `none` where there are none. */
export function quotedList(texts: Iterable<string>): string {
  const [first, ...more] = [...texts].map(quoted);
  if (first === undefined) return 'none';
  return [first, ...more.slice(0, 3), ...(more.length > 3 ? ['…'] : [])].join(', ');
}

/** Notes why a request came to nothing. @returns what its caller is told */
export function noteFailure(record: AuditRecord, { mistake, check, reason }: OAuthError): PublicError {
  const told = publicError(mistake);
  record.outcome = told.status >= 500 ? 'failed' : 'denied';
  record.error = told.error;
  record.check = check;
  record.reason = withoutTokens(reason);
  return told;
}
