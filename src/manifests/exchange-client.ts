// ExchangeClient: which subjects may trade their token, for which targets.
import { z } from 'zod';
import { listOf, mapOf, nameRef, namespaceName, objectName, oneOf, patterned, setOf, text, wholeNumber } from './fields.ts';
import { exactlyOne, withRules } from './rules.ts';

/** Short names of the token types (RFC 8693 §3) that a target may offer. */
export const tokenTypes = ['access_token', 'jwt', 'id_token'] as const;

const scopeToken = patterned(
  /^[!#-[\]-~]+$/,
  128,
  'A scope (RFC 6749 §3.3).',
  'one scope: printable ASCII without space, quote or backslash',
);

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
    namespace: namespaceName('Its namespace. Default: that of this object.').optional(),
    uid: text(128, 'Its uid: a ServiceAccount of the same name that is made later is another one.').optional(),
  })
  .meta({ description: 'A ServiceAccount, as its token names it.' });

const subject = withRules(
  z
    .strictObject({
      issuerRef: nameRef('The TrustedIssuer whose tokens are meant.'),
      subject: text(1024, 'The claim `sub`, exactly.').optional(),
      serviceAccounts: listOf(
        serviceAccount,
        1,
        64,
        'ServiceAccounts, for issuers whose tokens are ServiceAccount tokens.',
      ).optional(),
    })
    .meta({ description: 'Subjects whose tokens are accepted.' }),
  [exactlyOne('subject', 'serviceAccounts')],
);

const target = withRules(
  z
    .strictObject({
      audience: text(512, 'What will stand in `aud` of the issued token; a request names it by `audience`, or by `resource` if it is an absolute URI.'),
      scopes: setOf(scopeToken, 0, 64, 'Scopes that may be asked for.').default([]),
      defaultScopes: setOf(scopeToken, 0, 64, 'Scopes that are given when none is asked for. MUST be among scopes.').default([]),
      tokenTypes: setOf(z.enum(tokenTypes), 1, 3, 'Token types that may be asked for.').default(['access_token']),
      lifetimeSeconds: wholeNumber(60, 86_400, 600, 'How long an issued token lives at most, in seconds. The server\'s own maximum and the subject token\'s end go before it.'),
      default: z.boolean().default(false).meta({ description: 'true: given when a request names no target.' }),
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
