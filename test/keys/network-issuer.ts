// A TrustedIssuer in force whose keys are published, for tests.
import type { Issuer, Verification } from '../../src/policy/policy.ts';

export const byDiscovery = { method: 'discovery', discoveryURL: undefined, fetch: { certificateAuthority: undefined, allowPrivateAddresses: false } } as const satisfies Verification;

/** What is not given is ordinary. */
export function networkIssuer(given: Partial<Issuer> = {}): Issuer {
  const { name = 'ci' } = given;
  return {
    name,
    revision: 'uid/1',
    url: 'https://ci.example.com',
    audiences: new Set(['https://cambio.example.com']),
    apiServerAudiences: new Set(),
    verification: byDiscovery,
    algorithms: new Set(['ES256', 'EdDSA']),
    maxTokenLifetimeSeconds: 3600,
    clockSkewSeconds: 0,
    subjectPrefix: `${name}:`,
    kubernetes: false,
    ownCluster: false,
    claimValidationRules: [],
    allowedNamespaces: undefined,
    sameNamespace: true,
    urlShared: false,
    ...given,
  };
}
