// The rules that every token of an issuer is held against, whatever it is used for: as subject, actor or client assertion.
import type { Client, ClaimValidationRule } from '../policy/policy.ts';
import { refuseByRule, type ExpressionContext } from './expression-context.ts';
import { kubernetesClaim, type VerifiedToken } from './verified-token.ts';

export type TokenRule = {
  name: string;
  /** What is asked, for people. */
  asks: string;
  /** Why a token is refused, for the audit log; undefined if it is not. */
  refuses: (token: VerifiedToken, client: Client, context: ExpressionContext) => string | undefined;
};

const claimValidation: TokenRule = {
  name: 'claim-validation',
  asks: 'Do the claims of the token meet the rules of its TrustedIssuer?',
  refuses: (token, _client, context) => {
    for (const rule of token.issuer.claimValidationRules) {
      const why = refuseByClaimRule(rule, token, context);
      if (why !== undefined) return `TrustedIssuer ${token.issuer.name}: ${why}`;
    }
    return undefined;
  },
};

function refuseByClaimRule(rule: ClaimValidationRule, { claims }: VerifiedToken, context: ExpressionContext): string | undefined {
  if (rule.expression !== undefined) return refuseByRule(rule, context);
  return claims[rule.claim] === rule.requiredValue ? undefined : `${rule.field}: the claim ${rule.claim} is not the required value`;
}

const kubernetesTokenOutside: TokenRule = {
  name: 'kubernetes-token-outside',
  asks: 'Is it no ServiceAccount token of an issuer that is not said to have any?',
  refuses: ({ issuer, sub, claims }, { trusted }) => {
    if (trusted || issuer.kubernetes || !(sub.startsWith('system:serviceaccount:') || kubernetesClaim in claims)) return undefined;
    return `it looks like a ServiceAccount token, and TrustedIssuer ${issuer.name} is not said to have any (kubernetes: true)`;
  },
};

const serviceAccountNamespace: TokenRule = {
  name: 'service-account-namespace',
  asks: 'Is the ServiceAccount in the namespace of the client, where its issuer wants that?',
  refuses: ({ issuer, serviceAccount }, { trusted, namespace }) => {
    if (trusted || !issuer.kubernetes || !issuer.sameNamespace || serviceAccount?.namespace === namespace) return undefined;
    return `the ServiceAccount is in the namespace ${serviceAccount?.namespace}, the client in ${namespace} (serviceAccountNamespaces of TrustedIssuer ${issuer.name})`;
  },
};

/** All of them must let a token pass, in this order. */
export const tokenRules: readonly TokenRule[] = [claimValidation, kubernetesTokenOutside, serviceAccountNamespace];
