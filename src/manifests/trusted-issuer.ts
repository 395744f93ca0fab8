// TrustedIssuer: whose tokens are believed, and how they are verified.
import { z } from 'zod';
import { oneOf, patterned, setOf, text, wholeNumber } from './fields.ts';
import { immutable, withRules } from './rules.ts';

/** The signature algorithms that a TrustedIssuer may list (RFC 7518 §3.1, RFC 8037), spelled exactly so. */
export const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const issuerURL = patterned(
  /^https:\/\/([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\/[!-"$->@-~]*)?$/,
  512,
  'Compared with the claim `iss` code point by code point. Immutable. May be left out for tokenReview: then it is the API server\'s own issuer, shown in status.issuerURL.',
  'an https URL without user info, query or fragment',
);

const issuer = withRules(
  z
    .strictObject({
      url: issuerURL.optional(),
      audiences: setOf(
        text(512, 'An audience.'),
        1,
        16,
        'What must stand in the claim `aud` of a subject token: one of these at least. MUST be made for Cambio, such as its issuer URL.',
      ),
      apiServerAudiences: setOf(
        text(512, 'An audience.'),
        0,
        16,
        'Audiences of the API server besides those that Cambio finds itself. A token that has one of them is refused, whatever else stands beside it.',
      ).default([]),
    })
    .meta({ description: 'Who signs the tokens, and for whom they must be made.' }),
  [immutable('url')],
);

const verification = oneOf(
  {
    jwks: text(65_536, 'A JWK Set (RFC 7517) as JSON text, with public keys only.').optional(),
    tokenReview: z
      .strictObject({})
      .meta({ description: 'Ask the API server: it sees deleted pods and ServiceAccounts at once.' })
      .optional(),
  },
  'How tokens are verified: exactly one way.',
);

const spec = z
  .strictObject({
    issuer,
    verification,
    algorithms: setOf(z.enum(algorithms), 1, 10, 'The signature algorithms that are accepted.').default(['RS256', 'ES256', 'PS256', 'EdDSA']),
    maxTokenLifetimeSeconds: wholeNumber(1, 31_536_000, 86_400, 'The longest `exp` − `iat` of a token, in seconds.'),
    clockSkewSeconds: wholeNumber(0, 300, 30, 'By how many seconds the issuer\'s clock may differ, for `nbf`, `iat` and `exp`.'),
    subjectPrefix: patterned(
      /^[A-Za-z0-9._-]+:$/,
      254,
      'What stands before the subject\'s own name in the `sub` of an issued token, so that subjects of two issuers never collide. Immutable. Default: the name of this object and ":".',
      'letters, digits, ".", "_" and "-", ended by one ":"',
    ).optional(),
    suspend: z.boolean().default(false).meta({ description: 'true: no token of this issuer is accepted.' }),
  })
  .meta({ description: 'What is wanted.' });

export const trustedIssuerSpec = withRules(spec, [
  immutable('subjectPrefix'),
  {
    cel: 'has(self.issuer.url) || has(self.verification.tokenReview)',
    message: 'issuer.url is required: only with verification.tokenReview may it be left out',
    field: 'issuer',
    check: (value) => value.issuer.url !== undefined || value.verification.tokenReview !== undefined,
  },
  {
    cel: "!has(self.subjectPrefix) || self.subjectPrefix != 'system:'",
    message: 'subjectPrefix must not be "system:": Kubernetes keeps that for itself',
    field: 'subjectPrefix',
    check: (value) => value.subjectPrefix !== 'system:',
  },
]);

export type TrustedIssuerSpec = z.output<typeof trustedIssuerSpec>;

