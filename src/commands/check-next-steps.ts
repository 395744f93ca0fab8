// What to do next after a denial, by the check that denied, and by what does not go together where that is known.
import type { Comparison } from './compare-token.ts';

/** For each check of the decision, and for each step before it, what an author or a caller can do. */
export const nextSteps: Readonly<Record<string, string>> = {
  client: 'ask with --client NAMESPACE/NAME of an ExchangeClient that is in force',
  'subject-token': 'take the token anew, whole and as its platform gives it; docs/exchange.md says what a subject token must be',
  'subject-issuer': 'compare the token\'s iss with spec.issuer.url of the TrustedIssuers that the client refers to, letter by letter',
  'claim-validation': 'compare the claims with claimValidationRules of the TrustedIssuer: they hold for every client',
  'kubernetes-token-outside': 'if the issuer signs ServiceAccount tokens, say kubernetes: true in its TrustedIssuer',
  'service-account-namespace': 'put the ExchangeClient into the namespace of the ServiceAccount, or set serviceAccountNamespaces: Any in the TrustedIssuer if names mean the same owner in every namespace',
  subject: 'add an entry to spec.subjects of the client, or compare sub and the conditions with those that are there, letter by letter',
  resource: 'name the target by an absolute URI without fragment, or with --audience',
  'one-target': 'name one target with --audience, or give one of spec.targets default: true',
  target: 'name one of spec.targets of the client that is in force, or add it there',
  'token-type': 'ask for one of the target\'s tokenTypes, or add it there',
  scope: 'ask for less, or add the scope to the target\'s scopes',
  lifetime: 'take a newer token; ask with --at about another moment',
  'claim-mappings': 'mend the expression in claimMappings, so that it has a value for this token too: has(claims.x) tells whether a claim is there',
  'target-claims': 'map another value, or have the rule in claims of the TargetService changed by its owner',
  'system-names': 'map another name: Kubernetes keeps "system:" for itself, and only allowSystemNames in a TargetService permits it',
  'token-validation': 'compare the claims to be issued with tokenValidationRules of the TargetService: they hold for everybody',
};

/**
 * @param check the name of what denied
 * @param comparisons what does not go together, the weightiest first
 */
export const nextStepAfter = (check: string | undefined, [first]: readonly Comparison[]): string => first?.next ?? nextSteps[check ?? ''] ?? 'mend the request: docs/exchange.md has what a token request may look like';
