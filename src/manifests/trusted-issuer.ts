// TrustedIssuer: whose tokens are believed, and how they are verified.
import { z } from 'zod';
import { claimRule } from './expression-fields.ts';
import { listOf, nameRef, oneOf, patterned, setOf, text, wholeNumber } from './fields.ts';
import { allowedNamespaces } from './namespace-selection.ts';
import { immutable, withRules, type Rule } from './rules.ts';

/** The signature algorithms that a TrustedIssuer may list (RFC 7518 §3.1, RFC 8037), spelled exactly so. */
export const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const issuerURL = patterned(
  /^https?:\/\/([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\/[!-"$->@-~]*)?$/,
  512,
  'Compared with the claim `iss` code point by code point. MUST be https; http on loopback only, with allowPrivateAddresses. Immutable. May be left out for tokenReview and kubernetesDiscovery without `cluster`: then it is the API server\'s own issuer, shown in status.issuerURL.',
  'an https URL without user info, query or fragment',
);

const fetchURL = (what: string) =>
  patterned(
    /^https?:\/\/([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\/[!-"$->@-~]*)?(\?[!-"$-~]*)?$/,
    512,
    `${what} MUST be https; http on loopback only, with allowPrivateAddresses.`,
    'an https URL without user info or fragment',
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
      discoveryURL: fetchURL('Where the discovery document is, exactly, if it is not at `/.well-known/openid-configuration` below url. The `issuer` in it MUST be url all the same. Only with verification.discovery.').optional(),
      certificateAuthority: text(65_536, 'Certificates in PEM: the only ones that fetches of keys trust. Default: those that the system trusts. Only with verification.discovery and verification.jwksURL.').optional(),
    })
    .meta({ description: 'Who signs the tokens, and for whom they must be made.' }),
  [
    immutable('url'),
    {
      cel: '!has(self.discoveryURL) || !has(self.url) || self.discoveryURL != self.url',
      message: 'discoveryURL must be the URL of the document itself, and is that of the issuer',
      field: 'discoveryURL',
      check: (value) => value.discoveryURL === undefined || value.discoveryURL !== value.url,
    },
  ],
);

const cluster = z
  .strictObject({
    secretRef: nameRef('A Secret in Cambio\'s own namespace, with the label `cambio.dev/remote-cluster: "true"` and the keys `server`, `ca.crt` and `token`.'),
  })
  .meta({ description: 'Another cluster. Default: the one that Cambio runs in.' });

const verification = oneOf(
  {
    discovery: z
      .strictObject({})
      .meta({ description: 'Fetch the issuer\'s discovery document (OpenID Connect Discovery 1.0), then the keys at its jwks_uri.' })
      .optional(),
    jwksURL: fetchURL('Fetch a JWK Set (RFC 7517) here: for issuers without a discovery document.').optional(),
    jwks: text(65_536, 'A JWK Set (RFC 7517) as JSON text, with public keys only.').optional(),
    tokenReview: z
      .strictObject({ cluster: cluster.optional() })
      .meta({ description: 'Ask the API server: it sees deleted pods and ServiceAccounts at once.' })
      .optional(),
    kubernetesDiscovery: z
      .strictObject({ cluster: cluster.optional() })
      .meta({ description: 'Fetch the keys that the API server itself publishes, with Cambio\'s own credential.' })
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
    kubernetes: z
      .boolean()
      .meta({ description: 'true: the tokens are ServiceAccount tokens of some cluster. Default: true for tokenReview and kubernetesDiscovery, else false.' })
      .optional(),
    allowPrivateAddresses: z
      .boolean()
      .default(false)
      .meta({ description: 'true: keys may be fetched from loopback, private and link-local addresses, and on loopback by http.' }),
    claimValidationRules: listOf(claimRule, 0, 32, 'What must hold for every token of this issuer, whatever it is used for. The rules may look at `claims` and `client`.').default([]),
    allowedNamespaces: allowedNamespaces('Whose ExchangeClients may refer to this issuer. Default: those of the trusted namespaces only.').optional(),
    serviceAccountNamespaces: z
      .enum(['Same', 'Any'])
      .default('Same')
      .meta({ description: 'Same: outside the trusted namespaces a ServiceAccount token is accepted only if its namespace is that of the ExchangeClient. Any: no such check.' }),
    suspend: z.boolean().default(false).meta({ description: 'true: no token of this issuer is accepted.' }),
  })
  .meta({ description: 'What is wanted.' });

type Spec = z.output<typeof spec>;

const onLoopback = '^http://(localhost|127[.][0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}|\\[::1\\])(:[0-9]{1,5})?([/?]|$)';

/** https, or on loopback http with allowPrivateAddresses. `member` is where the URL stands: two names with a dot. */
function secure(member: string, urlOf: (value: Spec) => string | undefined): Rule<Spec> {
  const url = `self.${member}`;
  return {
    cel: `!has(${url}) || !${url}.startsWith('http://') || (self.allowPrivateAddresses && ${url}.matches(r'${onLoopback}'))`,
    message: `${member} must be https (http on loopback only, with allowPrivateAddresses: true)`,
    field: member,
    check: (value) => {
      const given = urlOf(value);
      return given?.startsWith('http://') !== true || (value.allowPrivateAddresses && new RegExp(onLoopback).test(given));
    },
  };
}

/** Whether Cambio asks an API server. */
const asksAPIServer = ({ verification: { tokenReview, kubernetesDiscovery } }: Spec): boolean => (tokenReview ?? kubernetesDiscovery) !== undefined;

/** Whether it is that of another cluster. */
const asksAnotherCluster = ({ verification: { tokenReview, kubernetesDiscovery } }: Spec): boolean => (tokenReview ?? kubernetesDiscovery)?.cluster !== undefined;

export const trustedIssuerSpec = withRules(spec, [
  immutable('subjectPrefix'),
  {
    cel: 'has(self.issuer.url) || has(self.verification.tokenReview) || has(self.verification.kubernetesDiscovery)',
    message: 'issuer.url is required: only with verification.tokenReview and verification.kubernetesDiscovery may it be left out',
    field: 'issuer',
    check: (value) => value.issuer.url !== undefined || asksAPIServer(value),
  },
  {
    cel: 'has(self.issuer.url) || !(has(self.verification.tokenReview) && has(self.verification.tokenReview.cluster) || has(self.verification.kubernetesDiscovery) && has(self.verification.kubernetesDiscovery.cluster))',
    message: 'issuer.url is required: another cluster must not say itself which tokens it is asked about',
    field: 'issuer',
    check: (value) => value.issuer.url !== undefined || !asksAnotherCluster(value),
  },
  secure('issuer.url', (value) => value.issuer.url),
  secure('issuer.discoveryURL', (value) => value.issuer.discoveryURL),
  secure('verification.jwksURL', (value) => value.verification.jwksURL),
  {
    cel: '!has(self.issuer.discoveryURL) || has(self.verification.discovery)',
    message: 'issuer.discoveryURL means something only with verification.discovery',
    field: 'issuer.discoveryURL',
    check: (value) => value.issuer.discoveryURL === undefined || value.verification.discovery !== undefined,
  },
  {
    cel: '!has(self.issuer.certificateAuthority) || has(self.verification.discovery) || has(self.verification.jwksURL)',
    message: 'issuer.certificateAuthority means something only with verification.discovery and verification.jwksURL',
    field: 'issuer.certificateAuthority',
    check: ({ issuer: { certificateAuthority }, verification: { discovery, jwksURL } }) => certificateAuthority === undefined || (discovery ?? jwksURL) !== undefined,
  },
  {
    cel: '!has(self.kubernetes) || self.kubernetes || !(has(self.verification.tokenReview) || has(self.verification.kubernetesDiscovery))',
    message: 'kubernetes can not be false here: an API server signs ServiceAccount tokens',
    field: 'kubernetes',
    check: (value) => value.kubernetes !== false || !asksAPIServer(value),
  },
  {
    cel: "!has(self.subjectPrefix) || self.subjectPrefix != 'system:'",
    message: 'subjectPrefix must not be "system:": Kubernetes keeps that for itself',
    field: 'subjectPrefix',
    check: (value) => value.subjectPrefix !== 'system:',
  },
]);

export type TrustedIssuerSpec = z.output<typeof trustedIssuerSpec>;

