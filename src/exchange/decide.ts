// Step 5: the decision. First everything that the checks look at is gathered, then the checks are asked in their order.
import { matchesSubjectPattern } from '../policy/match-subject-pattern.ts';
import type { Client, ServiceAccountRef, SubjectMatch, SubjectRule, Target, TokenTypeName } from '../policy/policy.ts';
import { checks } from './checks.ts';
import { OAuthError } from './oauth-error.ts';
import type { ExchangeRequest } from './read-exchange-request.ts';
import type { ServiceAccount, VerifiedToken } from './verified-token.ts';

/** What is to be decided: who asks for what, with which token. */
export type Question = {
  client: Client;
  asked: ExchangeRequest;
  subject: VerifiedToken;
  /** Seconds since the epoch, with their fraction. */
  now: number;
  /** The server's bound on every lifetime, in seconds. */
  maxLifetimeSeconds: number;
};

/** A question with all that the checks look at; what could not be found is undefined, and a check says so. */
export type Case = Question & {
  /** The entry of the client's subjects that the token matches. */
  rule: SubjectRule | undefined;
  /** The targets that were named, each once. */
  targetsAsked: readonly string[];
  target: Target | undefined;
  tokenType: TokenTypeName | undefined;
  scopes: readonly string[];
  lifetimeSeconds: number;
};

/** What was granted. */
export type Grant = {
  client: Client;
  subject: VerifiedToken;
  rule: SubjectRule;
  target: Target;
  tokenType: TokenTypeName;
  scopes: readonly string[];
  /** A whole number above 0. */
  lifetimeSeconds: number;
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
  const { client, subject, rule, target, tokenType, scopes, lifetimeSeconds } = gathered;
  if (rule === undefined || target === undefined || tokenType === undefined) throw new Error('a check let pass what it should have denied');
  return { client, subject, rule, target, tokenType, scopes, lifetimeSeconds };
}

/** Gathers what the checks look at. */
export function gather(question: Question): Case {
  const { client, asked, subject, now, maxLifetimeSeconds } = question;
  const targetsAsked = [...new Set([...asked.audience, ...asked.resource])];
  const target = targetsAsked.length === 0 ? client.defaultTarget : client.targets.get(targetsAsked[0] ?? '');
  return {
    ...question,
    rule: client.subjects.find((rule) => matches(rule, subject)),
    targetsAsked,
    target,
    tokenType: asked.requested_token_type ?? (target && defaultTokenType(target)),
    scopes: asked.scope.length > 0 ? asked.scope : (target?.defaultScopes ?? []),
    lifetimeSeconds: Math.floor(Math.min(target?.lifetimeSeconds ?? 0, maxLifetimeSeconds, subject.exp - now)),
  };
}

function matches(rule: SubjectRule, token: VerifiedToken): boolean {
  // The forms and their names are of one kind, which the compiler can't follow through an index.
  const matchesForm = forms[rule.match] as MatchesForm<SubjectMatch>;
  // Conditions can't be evaluated yet: an entry with one matches nothing.
  return rule.issuer === token.issuer && rule.conditions.length === 0 && matchesForm(rule, token);
}

type MatchesForm<M extends SubjectMatch> = (rule: M, token: VerifiedToken) => boolean;

/** One entry for each form of an entry of subjects. */
const forms = {
  subject: (rule, { sub }) => rule.subject === sub,
  subjectPattern: (rule, { sub }) => matchesSubjectPattern(rule.pattern, sub),
  serviceAccounts: (rule, { serviceAccount }) => serviceAccount !== undefined && rule.serviceAccounts.some((ref) => isThatAccount(ref, serviceAccount)),
  any: () => true,
} satisfies { [M in SubjectMatch['match']]: MatchesForm<Extract<SubjectMatch, { match: M }>> };

function isThatAccount(ref: ServiceAccountRef, { namespace, name, uid }: ServiceAccount): boolean {
  return ref.namespace === namespace && ref.name === name && (ref.uid === undefined || ref.uid === uid);
}

const defaultTokenType = ({ tokenTypes }: Target): TokenTypeName | undefined =>
  tokenTypes.includes('access_token') ? 'access_token' : tokenTypes[0];
