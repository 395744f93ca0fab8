// The checks of the decision, in their order. Each is a question with a name: the audit log says which one denied.
import { clipped } from './audit-record.ts';
import type { Case } from './decide.ts';
import type { Mistake } from './oauth-error.ts';

export type Check = {
  name: string;
  /** What is asked, for people. */
  asks: string;
  /** What the caller is told when it denies. */
  mistake: Mistake;
  /** What must have been found for its answer to mean something. Where that is missing, an earlier check denies. */
  needs?: keyof Case;
  /** Why it denies, for the audit log; undefined if it does not. */
  denies: (decided: Case) => string | undefined;
};

/** An absolute URI without fragment (RFC 8707 §2, RFC 3986 §4.3). */
const absoluteURI = /^[A-Za-z][A-Za-z0-9+.-]*:[!$-;=?-Z_a-z~[\]%]+$/;

const subject: Check = {
  name: 'subject',
  asks: 'Does the subject token match an entry of the client\'s subjects?',
  mistake: 'unacceptable_token',
  denies: ({ rule, subject: { issuer, sub } }) => (rule === undefined ? `no entry of subjects matches ${sub} of TrustedIssuer ${issuer.name}` : undefined),
};

const resource: Check = {
  name: 'resource',
  asks: 'Is every resource an absolute URI without a fragment?',
  mistake: 'invalid_target',
  denies: ({ asked }) => (asked.resource.every((value) => absoluteURI.test(value)) ? undefined : 'resource is not an absolute URI without fragment'),
};

const oneTarget: Check = {
  name: 'one-target',
  asks: 'Is one target named, or is there a default?',
  mistake: 'invalid_target',
  denies: ({ targetsAsked, target }) => {
    if (targetsAsked.length > 1) return 'more than one target is named: one for each request';
    return targetsAsked.length === 0 && target === undefined ? 'no target is named, and the client has no default' : undefined;
  },
};

const target: Check = {
  name: 'target',
  asks: 'Does the client have this target?',
  mistake: 'invalid_target',
  denies: (decided) => (decided.target === undefined ? 'the client has no such target' : undefined),
};

const tokenType: Check = {
  name: 'token-type',
  asks: 'Does the target offer this type of token?',
  mistake: 'unacceptable_token_type',
  needs: 'target',
  denies: (decided) =>
    decided.tokenType !== undefined && decided.target?.tokenTypes.includes(decided.tokenType) ? undefined : `the target does not offer ${decided.tokenType ?? 'any type'}`,
};

const scope: Check = {
  name: 'scope',
  asks: 'Does the target offer every scope that is asked for?',
  mistake: 'invalid_scope',
  needs: 'target',
  denies: (decided) => {
    const excess = decided.scopes.filter((value) => !decided.target?.scopes.includes(value));
    return excess.length === 0 ? undefined : `the target does not offer ${excess.slice(0, 4).map(clipped).join(' ')}`;
  },
};

const lifetime: Check = {
  name: 'lifetime',
  asks: 'Is at least a second left of the subject token?',
  mistake: 'unacceptable_token',
  needs: 'target',
  denies: ({ lifetimeSeconds }) => (lifetimeSeconds >= 1 ? undefined : 'less than a second is left of the subject token'),
};

/** All of them must let a request pass. */
export const checks: readonly Check[] = [subject, resource, oneTarget, target, tokenType, scope, lifetime];
