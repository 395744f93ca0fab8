// Step 1b: the parameters become a token exchange request (RFC 8693 §2.1). What is not supported is refused, never ignored.
import type { TokenTypeName } from '../policy/policy.ts';
import { OAuthError } from './oauth-error.ts';
import type { Form } from './parse-form.ts';
import type { TokenRequest } from './token-request.ts';

/** What is asked for. The names are those of RFC 8693. */
export type ExchangeRequest = {
  subject_token: string;
  subject_token_type: TokenTypeName;
  requested_token_type: TokenTypeName | undefined;
  audience: readonly string[];
  resource: readonly string[];
  /** The scopes asked for, each once, in their order. */
  scope: readonly string[];
};

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';

const tokenTypePrefix = 'urn:ietf:params:oauth:token-type:';
const tokenTypes: ReadonlyMap<string, TokenTypeName> = new Map(
  (['access_token', 'jwt', 'id_token'] as const).map((name) => [tokenTypePrefix + name, name]),
);

/** The URN of a token type (RFC 8693 §3). */
export const tokenTypeURN = (name: TokenTypeName): string => tokenTypePrefix + name;

/** Known to other profiles or to later versions: to ignore one would drop a limit or a proof that the caller counts on. */
const unsupported = ['actor_token', 'actor_token_type', 'authorization_details', 'request', 'request_uri', 'request_context', 'request_details', 'dpop_jkt', 'req_cnf', 'claims'];

/** Reads the parameters of the grant, save those that name the client. */
export function readExchangeRequest(form: Form, request: TokenRequest): ExchangeRequest {
  const grant = form.get('grant_type');
  if (grant === undefined) throw malformed('grant_type is missing');
  if (grant !== tokenExchangeGrant) throw new OAuthError('unsupported_grant_type', 'grant-type', 'grant_type is another one');
  for (const name of unsupported) if (form.has(name)) throw malformed(`${name} is not supported`);
  if (request.unsupportedHeader !== undefined) throw malformed(`the header field ${request.unsupportedHeader} is not supported`);
  return {
    subject_token: form.get('subject_token') ?? missing('subject_token'),
    subject_token_type: readSubjectTokenType(form.get('subject_token_type') ?? missing('subject_token_type')),
    requested_token_type: readRequestedTokenType(form.get('requested_token_type')),
    audience: form.all('audience'),
    resource: form.all('resource'),
    scope: readScope(form.get('scope')),
  };
}

function readSubjectTokenType(urn: string): TokenTypeName {
  const name = tokenTypes.get(urn);
  if (name === undefined) throw malformed('subject_token_type is not one of access_token, jwt, id_token');
  return name;
}

function readRequestedTokenType(urn: string | undefined): TokenTypeName | undefined {
  if (urn === undefined) return undefined;
  const name = tokenTypes.get(urn);
  if (name === undefined) throw new OAuthError('unacceptable_token_type', 'parameters', 'requested_token_type is unknown');
  return name;
}

/** scope-token *( SP scope-token ), RFC 6749 §3.3; more than one space between them is let pass. Throws invalid_scope. */
export function readScope(scope: string | undefined): string[] {
  if (scope === undefined) return [];
  const tokens = scope.split(' ').filter((token) => token !== '');
  if (!tokens.every((token) => /^[!#-[\]-~]+$/.test(token))) throw new OAuthError('invalid_scope', 'parameters', 'scope has a character that no scope may have');
  return [...new Set(tokens)];
}

function missing(name: string): never {
  throw malformed(`${name} is missing`);
}

const malformed = (reason: string) => new OAuthError('malformed_request', 'parameters', reason);
