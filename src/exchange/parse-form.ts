// Step 1a: the bytes of the body become parameters (application/x-www-form-urlencoded, RFC 6749 §3.2 and Appendix B).
import { quoted } from './audit-record.ts';
import { OAuthError } from './oauth-error.ts';
import type { TokenRequest } from './token-request.ts';

/** The parameters of a request. One that was empty is not there (RFC 6749 §3.2). */
export type Form = {
  /** The value of a parameter that stands at most once. */
  get: (name: string) => string | undefined;
  /** All values of one that may be repeated, in their order. */
  all: (name: string) => readonly string[];
  has: (name: string) => boolean;
};

/** Parameters that may stand more than once (RFC 8693 §2.1). */
const repeatable = new Set(['resource', 'audience']);

/** More parameters than any honest request has. */
export const maxParameters = 64;

/** Reads the body. Throws malformed_request where it is not a form, and where a parameter stands twice. */
export function parseForm(request: TokenRequest): Form {
  if (request.query !== '') throw malformed('the URL has a query: parameters belong into the body, where no log keeps them');
  if (!isForm(request.contentType)) throw malformed('the content type is not application/x-www-form-urlencoded');
  const none: readonly string[] = [];
  const values = new Map<string, readonly string[]>();
  const pairs = decodeUtf8(request.body).split('&');
  if (pairs.length > maxParameters) throw malformed(`more than ${maxParameters} parameters`);
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = decodePart(equals < 0 ? pair : pair.slice(0, equals));
    const value = decodePart(equals < 0 ? '' : pair.slice(equals + 1));
    if (name === '') continue;
    const earlier = values.get(name);
    if (earlier !== undefined && !repeatable.has(name)) throw malformed(`the parameter ${quoted(name)} stands twice`);
    // An empty one counts as absent, and still may not stand twice.
    values.set(name, value === '' ? (earlier ?? none) : earlier === undefined ? [value] : [...earlier, value]);
  }
  return { all: (name) => values.get(name) ?? none, get: (name) => values.get(name)?.[0], has: (name) => values.get(name)?.[0] !== undefined };
}

const formType = 'application/x-www-form-urlencoded';

function isForm(contentType: string | undefined): boolean {
  return contentType === formType || contentType?.split(';')[0]?.trim().toLowerCase() === formType;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('the body is not UTF-8');
  }
}

/** decodeURIComponent refuses broken percent-encoding and what is not UTF-8; URLSearchParams would let both pass. */
function decodePart(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformed('broken percent-encoding');
  }
}

const malformed = (reason: string) => new OAuthError('malformed_request', 'form', reason);
