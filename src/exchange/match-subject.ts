// Which entry of a client's subjects a token matches: by its form, then by its conditions.
import { matchesSubjectPattern } from '../policy/match-subject-pattern.ts';
import type { Client, ServiceAccountRef, SubjectMatch, SubjectRule } from '../policy/policy.ts';
import { refuseByRule, type ExpressionContext } from './expression-context.ts';
import type { ServiceAccount, VerifiedToken } from './verified-token.ts';

/** The entry that a token matches, or why conditions kept it from those that it matches by their form. */
export type MatchedSubject = { rule: SubjectRule; conditions?: never } | { rule?: never; conditions: readonly string[] };

/** Finds the first entry that a token matches. */
export function matchSubject(token: VerifiedToken, { subjects }: Client, context: ExpressionContext): MatchedSubject {
  const conditions: string[] = [];
  for (const rule of subjects) {
    if (rule.issuer !== token.issuer || !matchesForm(rule, token)) continue;
    const why = refuseByConditions(rule, context);
    if (why === undefined) return { rule };
    conditions.push(why);
  }
  return { conditions };
}

function refuseByConditions({ conditions }: SubjectRule, context: ExpressionContext): string | undefined {
  for (const condition of conditions) {
    const why = refuseByRule(condition, context);
    if (why !== undefined) return why;
  }
  return undefined;
}

type MatchesForm<M extends SubjectMatch> = (rule: M, token: VerifiedToken) => boolean;

/** One entry for each form of an entry of subjects. */
const forms = {
  subject: (rule, { sub }) => rule.subject === sub,
  subjectPattern: (rule, { sub }) => matchesSubjectPattern(rule.pattern, sub),
  serviceAccounts: (rule, { serviceAccount }) => serviceAccount !== undefined && rule.serviceAccounts.some((ref) => isThatAccount(ref, serviceAccount)),
  any: () => true,
} satisfies { [M in SubjectMatch['match']]: MatchesForm<Extract<SubjectMatch, { match: M }>> };

/** A form and its name are of one kind, which the compiler can't follow through an index. */
const matchesForm = (rule: SubjectRule, token: VerifiedToken): boolean => (forms[rule.match] as MatchesForm<SubjectMatch>)(rule, token);

function isThatAccount(ref: ServiceAccountRef, { namespace, name, uid }: ServiceAccount): boolean {
  return ref.namespace === namespace && ref.name === name && (ref.uid === undefined || ref.uid === uid);
}
