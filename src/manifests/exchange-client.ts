// ExchangeClient: which subjects may trade their token, for which targets.
import { z } from 'zod';
import { example } from './examples.ts';
import { claimName, condition, expression, notReserved } from './expression-fields.ts';
import { listOf, mapOf, nameRef, namespaceName, objectName, oneOf, scopeToken, setOf, text, wholeNumber } from './fields.ts';
import { atMostOne, withRules } from './rules.ts';

/** Short names of the token types (RFC 8693 §3) that a target may offer. */
export const tokenTypes = ['access_token', 'jwt', 'id_token'] as const;

const authentication = oneOf(
  {
    none: z
      .strictObject({})
      .meta({ description: 'An open client: whoever holds an accepted subject token may use it. A decision that stands in Git.' })
      .optional(),
  },
  'How the client itself proves who it is: exactly one way.',
);

const serviceAccount = z
  .strictObject({
    name: objectName('The name of the ServiceAccount.'),
    namespace: namespaceName('Its namespace. Default: that of this object, for the cluster that Cambio runs in; required for others.').optional(),
    uid: text(128, 'Its uid: a ServiceAccount of the same name that is made later is another one.').optional(),
  })
  .meta({ description: 'A ServiceAccount, as its token names it.' });

const subject = withRules(
  z
    .strictObject({
      issuerRef: nameRef('The TrustedIssuer whose tokens are meant.'),
      subject: text(1024, 'The claim `sub`, exactly.').optional(),
      subjectPattern: text(1024, 'The claim `sub`, whole; each `*` stands for one or more characters, none of them ":" or "/".').optional(),
      serviceAccounts: listOf(
        serviceAccount,
        1,
        64,
        'ServiceAccounts, for issuers whose tokens are ServiceAccount tokens.',
      ).optional(),
      conditions: listOf(condition('What must be true besides.'), 0, 32, 'Conditions on the token: all must be true.').default([]),
    })
    .meta({ description: 'Subjects whose tokens are accepted.' }),
  [
    atMostOne('subject', 'subjectPattern', 'serviceAccounts'),
    {
      cel: 'has(self.subject) || has(self.subjectPattern) || has(self.serviceAccounts) || (has(self.conditions) && self.conditions.size() > 0)',
      message: 'one of subject, subjectPattern, serviceAccounts or at least one condition must be set',
      check: (value) => (value.subject ?? value.subjectPattern ?? value.serviceAccounts) !== undefined || value.conditions.length > 0,
      schema: {
        anyOf: [
          ...['subject', 'subjectPattern', 'serviceAccounts'].map((member) => ({ required: [member], properties: { [member]: { not: { type: 'null' } } } })),
          { required: ['conditions'], properties: { conditions: { type: 'array', minItems: 1 } } },
        ],
      },
    },
    {
      cel: "!has(self.subjectPattern) || (self.subjectPattern != '*' && !self.subjectPattern.contains('**'))",
      message: 'subjectPattern must not be "*" alone, and two "*" mean no more than one: none goes past ":" or "/"',
      field: 'subjectPattern',
      check: ({ subjectPattern }) => subjectPattern === undefined || (subjectPattern !== '*' && !subjectPattern.includes('**')),
    },
  ],
);

const mappedClaim = withRules(
  z
    .strictObject({ name: claimName, expression: expression('CEL: the value; null leaves the claim out.') })
    .meta({ description: 'A claim that is set in issued tokens.' }),
  [notReserved],
);

const claimMappings = z
  .strictObject({
    subject: z
      .strictObject({ expression: expression('CEL: text.') })
      .meta({ description: 'Replaces `sub` of issued tokens, the issuer\'s prefix included.' })
      .optional(),
    claims: mapOf(mappedClaim, 'name', 0, 32, 'Claims that are set in issued tokens.').default([]),
  })
  .meta({ description: 'What stands in issued tokens besides what Cambio itself says.' });

const target = withRules(
  z
    .strictObject({
      audience: text(512, 'What will stand in `aud` of the issued token; a request names it by `audience`, or by `resource` if it is an absolute URI.'),
      scopes: setOf(scopeToken, 0, 64, 'Scopes that may be asked for.').default([]),
      defaultScopes: setOf(scopeToken, 0, 64, 'Scopes that are given when none is asked for. MUST be among scopes.').default([]),
      tokenTypes: setOf(z.enum(tokenTypes), 1, 3, 'Token types that may be asked for.').default(['access_token']),
      lifetimeSeconds: wholeNumber(60, 86_400, 600, 'How long an issued token lives at most, in seconds. The server\'s own maximum and the subject token\'s end go before it.'),
      default: z.boolean().default(false).meta({ description: 'true: given when a request names no target.' }),
      claimMappings: claimMappings.optional(),
    })
    .meta({ description: 'A target service for which tokens may be issued.' }),
  [
    {
      cel: '!has(self.defaultScopes) || self.defaultScopes.all(scope, has(self.scopes) && scope in self.scopes)',
      message: 'every one of defaultScopes must be among scopes',
      field: 'defaultScopes',
      check: (value) => value.defaultScopes.every((scope) => value.scopes.includes(scope)),
    },
  ],
);

export const exchangeClientSpec = withRules(
  z
    .strictObject({
      authentication,
      subjects: listOf(subject, 1, 64, 'A subject token must match one of these.'),
      targets: mapOf(target, 'audience', 1, 64, 'What tokens may be issued for.'),
      examples: mapOf(example, 'name', 0, 64, 'What must be allowed, and what must not. A client that allows more than its examples say is kept out.').default([]),
      suspend: z.boolean().default(false).meta({ description: 'true: the client is unknown until this is false again.' }),
    })
    .meta({ description: 'What is wanted.' }),
  [
    {
      cel: 'self.targets.filter(target, has(target.default) && target.default).size() <= 1',
      message: 'at most one target may be the default',
      field: 'targets',
      check: (value) => value.targets.filter((entry) => entry.default).length <= 1,
    },
  ],
);

export type ExchangeClientSpec = z.output<typeof exchangeClientSpec>;
