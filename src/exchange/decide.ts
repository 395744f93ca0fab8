// Step 5: the decision. First everything that the checks look at is gathered, then the checks are asked in their order.
import type { Steps } from '../policy/expressions.ts';
import type { Client, Target, TokenTypeName } from '../policy/policy.ts';
import { checks } from './checks.ts';
import { expressionContext, once, type ExpressionContext } from './expression-context.ts';
import { issuedClaims } from './issued-claims.ts';
import { mapClaims, type MappedClaims } from './map-claims.ts';
import { matchSubject, type MatchedSubject } from './match-subject.ts';
import { OAuthError } from './oauth-error.ts';
import type { ExchangeRequest } from './read-exchange-request.ts';
import type { JsonObject } from './strict-json.ts';
import type { VerifiedToken } from './verified-token.ts';

/** What is to be decided: who asks for what, with which token. */
export type Question = {
  client: Client;
  asked: Pick<ExchangeRequest, 'audience' | 'resource' | 'scope' | 'requested_token_type'>;
  subject: VerifiedToken;
  /** Seconds since the epoch, with their fraction. */
  now: number;
  /** The server's bound on every lifetime, in seconds. */
  maxLifetimeSeconds: number;
  /** Cambio's issuer URL. */
  issuerURL: string;
  /** What its expressions may spend; an allowance of its own where none is given. */
  steps?: Steps;
};

/**
 * A question with all that the checks look at; what could not be found is undefined, and a check says so. What takes
 * expressions is a function that evaluates them when it is called first: where an earlier check denies, it never is.
 */
export type Case = Question & {
  context: ExpressionContext;
  /** The entry of the client's subjects that the token matches. */
  match: () => MatchedSubject;
  /** The targets that were named, each once. */
  targetsAsked: readonly string[];
  target: Target | undefined;
  tokenType: TokenTypeName | undefined;
  scopes: readonly string[];
  lifetimeSeconds: number;
  /** What the client's mappings give, or why they fail. */
  mapped: () => MappedClaims | string;
  /** The claims to be issued, all but `jti`. */
  issued: () => JsonObject;
};

/** What was granted. */
export type Grant = {
  target: Target;
  tokenType: TokenTypeName;
  scopes: readonly string[];
  /** A whole number above 0. */
  lifetimeSeconds: number;
  /** The claims to be issued, all but `jti`. */
  claims: JsonObject;
};

/**
 * Decides. Throws the OAuthError of the first check that denies, which names that check.
 * @param onCase told what the checks look at, before they are asked
 */
export function decide(question: Question, onCase?: (decided: Case) => void): Grant {
  const gathered = gather(question);
  onCase?.(gathered);
  for (const check of checks) {
    const reason = check.denies(gathered);
    if (reason !== undefined) throw new OAuthError(check.mistake, check.name, reason);
  }
  const { target, tokenType, scopes, lifetimeSeconds } = gathered;
  if (gathered.match().rule === undefined || target === undefined || tokenType === undefined) throw new Error('a check let pass what it should have denied');
  return { target, tokenType, scopes, lifetimeSeconds, claims: gathered.issued() };
}

/** Gathers what the checks look at. */
export function gather(question: Question): Case {
  const { client, asked, subject, now, issuerURL } = question;
  const targetsAsked = [...new Set([...asked.audience, ...asked.resource])];
  const target = targetsAsked.length === 0 ? client.defaultTarget : client.targets.get(targetsAsked[0] ?? '');
  const tokenType = asked.requested_token_type ?? (target && defaultTokenType(target));
  const scopes = asked.scope.length > 0 ? asked.scope : (target?.defaultScopes ?? []);
  const lifetimeSeconds = lifetimeOf(question, target);
  const context = expressionContext(subject, client, () => ({ audience: target?.audience ?? targetsAsked[0] ?? '', scopes, tokenType }), question.steps);
  const mapped = once(() => (target === undefined ? 'there is no target' : mapClaims(target.mappings, context)));
  return {
    ...question,
    context,
    match: once(() => matchSubject(subject, client, context)),
    targetsAsked,
    target,
    tokenType,
    scopes,
    lifetimeSeconds,
    mapped,
    issued: once(() => {
      const claims = mapped();
      if (target === undefined || typeof claims === 'string') throw new Error('claims were wanted that a check should have denied');
      return issuedClaims({ issuerURL, client, subject, target, scopes, mapped: claims, now, lifetimeSeconds });
    }),
  };
}

/** The least of what the client, the target and the server allow, and of what is left of the subject token; in whole seconds. */
function lifetimeOf({ subject, now, maxLifetimeSeconds }: Question, target: Target | undefined): number {
  const { maxLifetimeSeconds: targetsOwn = Infinity, mayOutliveSubjectToken = false } = target?.service ?? {};
  const left = mayOutliveSubjectToken ? Infinity : subject.exp - now;
  return Math.floor(Math.min(target?.lifetimeSeconds ?? 0, targetsOwn, maxLifetimeSeconds, left));
}

const defaultTokenType = ({ tokenTypes }: Target): TokenTypeName | undefined =>
  tokenTypes.includes('access_token') ? 'access_token' : tokenTypes[0];
