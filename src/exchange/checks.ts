// The checks of the decision, in their order. Each is a question with a name: the audit log says which one denied.
import { clipped } from './audit-record.ts';
import type { Case } from './decide.ts';
import { refuseByRule } from './expression-context.ts';
import { describeInert } from './inert-entries.ts';
import { findSystemName, refuseBySize, refuseByTargetClaims } from './map-claims.ts';
import type { Mistake } from './oauth-error.ts';
import { tokenRules, type TokenRule } from './token-rules.ts';
import { toExpressionValue } from '../policy/expressions.ts';

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

/** A rule of its issuer, held against the subject token. */
const onSubjectToken = ({ name, asks, refuses }: TokenRule): Check => ({
  name,
  asks,
  mistake: 'unacceptable_token',
  denies: ({ subject: token, client, context }) => refuses(token, client, context),
});

const subject: Check = {
  name: 'subject',
  asks: 'Does the subject token match an entry of the client\'s subjects?',
  mistake: 'unacceptable_token',
  denies: ({ match, client, subject: { issuer, sub } }) => {
    const { rule, conditions } = match();
    if (rule !== undefined) return undefined;
    const inert = describeInert(client, ({ issuerURL }) => issuerURL === issuer.url);
    return `no entry of subjects matches ${sub} of TrustedIssuer ${issuer.name}${conditions.slice(0, 4).map((why) => `; ${why}`).join('')}${inert}`;
  },
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
  denies: ({ client, targetsAsked, target }) => {
    if (targetsAsked.length > 1) return 'more than one target is named: one for each request';
    if (targetsAsked.length > 0 || target !== undefined) return undefined;
    return `no target is named, and the client has no default${describeInert(client, ({ isDefault }) => isDefault === true)}`;
  },
};

const target: Check = {
  name: 'target',
  asks: 'Does the client have this target?',
  mistake: 'invalid_target',
  denies: (decided) =>
    decided.target === undefined ? `the client has no such target${describeInert(decided.client, ({ audience }) => audience === decided.targetsAsked[0])}` : undefined,
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

const claimMappings: Check = {
  name: 'claim-mappings',
  asks: 'Can every mapped claim be told from this token, and are they small enough?',
  mistake: 'unacceptable_token',
  needs: 'target',
  denies: ({ mapped }) => {
    const claims = mapped();
    return typeof claims === 'string' ? claims : refuseBySize(claims);
  },
};

const targetClaims: Check = {
  name: 'target-claims',
  asks: 'Outside the trusted namespaces: does the TargetService let these values stand in these claims?',
  mistake: 'invalid_target',
  needs: 'target',
  denies: ({ client, target: { service } = {}, mapped, context }) => {
    const claims = mapped();
    if (client.trusted || service === undefined || typeof claims === 'string') return undefined;
    const why = refuseByTargetClaims(claims, service, context);
    return why && `TargetService ${service.name}: ${why}`;
  },
};

const systemNames: Check = {
  name: 'system-names',
  asks: 'Does no mapped name begin with "system:", unless the TargetService allows that?',
  mistake: 'invalid_target',
  needs: 'target',
  denies: ({ target: { service } = {}, mapped }) => {
    const claims = mapped();
    if (service?.allowSystemNames === true || typeof claims === 'string') return undefined;
    const where = findSystemName(claims);
    return where && `${where} would hold a name that begins with "system:", and no TargetService allows that (allowSystemNames)`;
  },
};

const tokenValidation: Check = {
  name: 'token-validation',
  asks: 'Do the claims to be issued meet the rules of the TargetService?',
  mistake: 'invalid_target',
  needs: 'target',
  denies: ({ target: { service } = {}, issued, context }) => {
    for (const rule of service?.tokenValidationRules ?? []) {
      const why = refuseByRule(rule, context, { token: toExpressionValue(issued()) });
      if (why !== undefined) return `TargetService ${service?.name}: ${why}`;
    }
    return undefined;
  },
};

/** All of them must let a request pass. */
export const checks: readonly Check[] = [
  ...tokenRules.map(onSubjectToken),
  subject,
  resource,
  oneTarget,
  target,
  tokenType,
  scope,
  lifetime,
  claimMappings,
  targetClaims,
  systemNames,
  tokenValidation,
];
