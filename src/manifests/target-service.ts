// TargetService: who may hand out an audience, and within which limits.
import { z } from 'zod';
import { claimName, condition, expression, message, notReserved } from './expression-fields.ts';
import { listOf, mapOf, scopeToken, setOf, text, wholeNumber } from './fields.ts';
import { allowedNamespaces } from './namespace-selection.ts';
import { immutable, withRules } from './rules.ts';

const claim = withRules(
  z
    .strictObject({
      name: claimName,
      rule: expression('CEL; must be true of `value`, what a client wants to put into the claim.'),
      message,
    })
    .meta({ description: 'A claim that clients outside the trusted namespaces may set.' }),
  [notReserved],
);

export const targetServiceSpec = withRules(
  z
    .strictObject({
      audience: text(512, 'The audience that this is about: `aud` of issued tokens. Immutable. An audience that any TargetService names is closed to everybody while that TargetService is off, or while there are two.'),
      scopes: setOf(scopeToken, 0, 64, 'The most that any client may offer for this audience.').default([]),
      allowedNamespaces: allowedNamespaces('Whose ExchangeClients may hand out this audience. Default: those of the trusted namespaces only.').optional(),
      maxLifetimeSeconds: wholeNumber(60, 86_400, 3600, 'How long a token for this audience lives at most, in seconds.'),
      mayOutliveSubjectToken: z.boolean().default(false).meta({ description: 'true: an issued token may be good for longer than the token that it was exchanged for.' }),
      signingAlgorithm: z.enum(['ES256', 'RS256']).meta({ description: 'What tokens for this audience are signed with. Default: the server\'s own choice.' }).optional(),
      subjectMapping: z
        .enum(['Forbidden', 'Allowed'])
        .default('Forbidden')
        .meta({ description: 'Whether clients outside the trusted namespaces may replace `sub`.' }),
      claims: mapOf(claim, 'name', 0, 32, 'The claims that clients outside the trusted namespaces may set.').default([]),
      allowSystemNames: z
        .boolean()
        .default(false)
        .meta({ description: 'true: a mapped `sub`, and text in mapped claims, may begin with "system:", which Kubernetes keeps for itself.' }),
      tokenValidationRules: listOf(condition('A rule about the claims of a token for this audience, in `token`.'), 0, 32, 'What must hold for every token for this audience, whoever issues it.').default([]),
      suspend: z.boolean().default(false).meta({ description: 'true: the audience is closed to everybody.' }),
    })
    .meta({ description: 'What is wanted.' }),
  [immutable('audience')],
);

export type TargetServiceSpec = z.output<typeof targetServiceSpec>;
