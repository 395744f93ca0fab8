// The life of a token: one request to the token endpoint, from its bytes to the answer (RFC 8693 §2).
import { hash } from 'node:crypto';
import { clipped, withoutTokens, type AuditRecord } from './audit-record.ts';
import { authenticateClient, readCredentials } from './authenticate-client.ts';
import { decide } from './decide.ts';
import type { ExchangeEffects } from './effects.ts';
import { issueToken, type TokenResponse } from './issue-token.ts';
import { issuedSubject } from './issued-claims.ts';
import { OAuthError } from './oauth-error.ts';
import { parseForm, type Form } from './parse-form.ts';
import { readExchangeRequest } from './read-exchange-request.ts';
import type { TokenRequest } from './token-request.ts';
import { verifySubjectToken } from './verify-subject-token.ts';

/**
 * Exchanges a token: each step may refuse, and the first that does answers. What is learnt on the way is noted in the
 * record, which is complete at every exit.
 * @throws OAuthError for what can be expected; anything else is a bug
 */
export async function exchangeToken(request: TokenRequest, record: AuditRecord, effects: ExchangeEffects): Promise<TokenResponse> {
  if (request.clientIdInPath !== undefined) record.clientId = clipped(request.clientIdInPath);
  const policy = effects.policy();
  if (!policy.complete) throw new OAuthError('not_ready', 'policy', 'the policy has not been loaded yet');

  const form = parseForm(request);
  noteForm(record, form);
  const asked = readExchangeRequest(form, request);

  const credentials = readCredentials(request, form);
  if (credentials.clientId !== undefined) record.clientId = clipped(credentials.clientId);
  const client = authenticateClient(credentials, policy);

  const subject = await verifySubjectToken(asked.subject_token, asked.subject_token_type, client, effects);
  record.issuer = subject.issuer.name;
  record.subject = withoutTokens(issuedSubject(subject));

  const { issuerURL, maxLifetimeSeconds } = effects.settings;
  const grant = decide({ client, asked, subject, now: effects.now(), maxLifetimeSeconds, issuerURL }, effects.onCase);
  record.audience = grant.target.audience;
  record.tokenType = grant.tokenType;

  const issued = await issueToken(grant, effects);
  record.scopesGranted = grant.scopes;
  const sub = withoutTokens(String(grant.claims['sub']));
  if (sub !== record.subject) record.issuedSubject = sub;
  record.jti = issued.jti;
  record.expiresAt = new Date(issued.exp * 1000).toISOString();
  record.outcome = 'issued';
  return issued.response;
}

/** Notes who asks for what, cut short, and which token was shown, as a hash: before what they say is judged. */
function noteForm(record: AuditRecord, form: Form): void {
  const [clientId, token, target, scope] = [form.get('client_id'), form.get('subject_token'), form.get('audience') ?? form.get('resource'), form.get('scope')];
  if (clientId !== undefined) record.clientId ??= clipped(clientId);
  if (token !== undefined) record.subjectTokenSha256 = hash('sha256', token);
  if (target !== undefined) record.audience = clipped(target);
  const scopes = scope?.split(' ').filter((each) => each !== '') ?? [];
  if (scopes.length > 0) record.scopesAsked = scopes.slice(0, 64).map(clipped);
}
