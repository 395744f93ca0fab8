// What to do next: after a denial, by the check that denied; and after a look at the manifests.

/** For each check of the decision, and for each step before it, what an author or a caller can do. */
export const nextSteps: Readonly<Record<string, string>> = {
  client: 'ask with --client NAMESPACE/NAME of an ExchangeClient that is in force',
  'subject-token': 'mend the token, or the TrustedIssuer that it is of; ask with --at about another moment',
  'subject-issuer': 'compare the token\'s iss with spec.issuer.url of the TrustedIssuers that the client refers to',
  subject: 'add an entry to spec.subjects of the client, or compare sub with those that are there, letter by letter',
  resource: 'name the target by an absolute URI without fragment, or with --audience',
  'one-target': 'name one target with --audience, or give one of spec.targets default: true',
  target: 'name one of spec.targets of the client, or add it there',
  'token-type': 'ask for one of the target\'s tokenTypes, or add it there',
  scope: 'ask for less, or add the scope to the target\'s scopes',
  lifetime: 'take a newer token; ask with --at about another moment',
};

/** @param check the name of what denied */
export const nextStepAfter = (check: string | undefined): string => nextSteps[check ?? ''] ?? 'mend the request: docs/exchange.md has what a token request may look like';
