// Compiles a TrustedIssuer into what requests use, or says why it is off.
import { createHash } from 'node:crypto';
import type { Manifest } from '../manifests/read-object.ts';
import type { Reasons } from './conditions.ts';
import { compileWithExpressions, type ExpressionCompiler } from './compile-rules.ts';
import type { ClaimValidationRule, ClusterFacts, Issuer, Verification } from './policy.ts';
import { readInlineJwks } from './public-key.ts';
import { mistakeInCertificates } from './read-certificates.ts';
import type { PolicySettings } from './settings.ts';

type Spec = Manifest<'TrustedIssuer'>['spec'];

export type Refusal = { reason: Exclude<Reasons['Accepted'], 'Accepted'>; message: string };

/** A TrustedIssuer on its own: in force unless another one stands in its way. */
export type CompiledIssuer = { issuer: Issuer; refusal?: never } | { issuer?: never; refusal: Refusal };

/** Finds what is known of another cluster by the name of its Secret. */
export type FindClusterFacts = (name: string) => ClusterFacts | undefined;

/** Compiles one TrustedIssuer by itself; what several of them do to each other is decided in resolve-issuers.ts. */
export function compileIssuer(manifest: Manifest<'TrustedIssuer'>, settings: PolicySettings, findFacts: FindClusterFacts): CompiledIssuer {
  const { spec, name, uid, generation } = manifest;
  const remote = clusterSecretOf(spec);
  const facts = remote === undefined ? undefined : findFacts(remote);
  const verification = compileVerification(spec, settings, facts);
  if ('reason' in verification) return { refusal: verification };
  const ofOwnCluster = 'cluster' in verification && verification.cluster === undefined;
  const url = spec.issuer.url ?? (ofOwnCluster ? settings.cluster?.issuerURL : undefined);
  if (url === undefined) {
    return { refusal: refuse('InvalidField', 'spec.issuer.url: is required here: the API server did not tell its own issuer') };
  }
  const kubernetes = spec.kubernetes ?? 'cluster' in verification;
  if (url === settings.issuerURL) {
    return { refusal: refuse('Reserved', `spec.issuer.url: ${url} is Cambio itself; its tokens can't be exchanged again`) };
  }
  const apiServerAudiences = new Set(spec.issuer.apiServerAudiences);
  if (kubernetes) apiServerAudiences.add(url);
  if (ofOwnCluster || url === settings.cluster?.issuerURL) for (const audience of settings.cluster?.audiences ?? []) apiServerAudiences.add(audience);
  for (const audience of facts?.audiences ?? []) apiServerAudiences.add(audience);
  const own = spec.issuer.audiences.find((audience) => apiServerAudiences.has(audience));
  if (own !== undefined) {
    const message = `spec.issuer.audiences: ${own} is an audience of the API server, and a token with it is always refused; name one of Cambio's, such as ${settings.issuerURL}`;
    return { refusal: refuse('InvalidField', message) };
  }
  const rules = compileWithExpressions((compiler) => spec.claimValidationRules.map((rule, index) => compileClaimRule(rule, index, compiler)));
  if (rules.value === undefined) return { refusal: refuse('InvalidExpression', rules.mistake) };
  return {
    issuer: {
      name,
      revision: [uid === '' ? digestOf(spec) : `${uid}/${generation}`, ...(facts === undefined ? [] : [facts.revision])].join('/'),
      url,
      audiences: new Set(spec.issuer.audiences),
      apiServerAudiences,
      verification,
      algorithms: new Set(spec.algorithms),
      maxTokenLifetimeSeconds: spec.maxTokenLifetimeSeconds,
      clockSkewSeconds: spec.clockSkewSeconds,
      subjectPrefix: spec.subjectPrefix ?? `${name}:`,
      kubernetes,
      ownCluster: ofOwnCluster || (kubernetes && remote === undefined && url === settings.cluster?.issuerURL),
      claimValidationRules: rules.value,
      allowedNamespaces: spec.allowedNamespaces,
      sameNamespace: spec.serviceAccountNamespaces === 'Same',
      urlShared: false,
    },
  };
}

function compileClaimRule({ claim, requiredValue, expression, message }: Spec['claimValidationRules'][number], index: number, compiler: ExpressionCompiler): ClaimValidationRule {
  const field = `claimValidationRules[${index}]`;
  if (claim !== undefined && requiredValue !== undefined) return { field, claim, requiredValue };
  return { field, expression: compiler.expression('claimValidationRule', `${field}.expression`, expression ?? ''), message };
}

/** The name of the Secret that a TrustedIssuer names as another cluster's. */
export const clusterSecretOf = ({ verification: { tokenReview, kubernetesDiscovery } }: Spec): string | undefined =>
  (tokenReview ?? kubernetesDiscovery)?.cluster?.secretRef.name;

function compileVerification({ verification, issuer, allowPrivateAddresses }: Spec, settings: PolicySettings, facts: ClusterFacts | undefined): Verification | Refusal {
  if (verification.jwks !== undefined) {
    const set = readInlineJwks(verification.jwks);
    if (set.keys === undefined) return refuse('InvalidKey', `spec.verification.jwks: ${set.mistake}`);
    return { method: 'jwks', keys: set.keys };
  }
  if (verification.discovery !== undefined || verification.jwksURL !== undefined) {
    const { certificateAuthority, discoveryURL } = issuer;
    const mistake = certificateAuthority === undefined ? undefined : mistakeInCertificates(certificateAuthority);
    if (mistake !== undefined) return refuse('InvalidField', `spec.issuer.certificateAuthority: ${mistake}`);
    const fetch = { certificateAuthority, allowPrivateAddresses };
    const { jwksURL } = verification;
    const [field, url] = jwksURL === undefined ? ['issuer.discoveryURL', discoveryURL ?? issuer.url ?? ''] : ['verification.jwksURL', jwksURL];
    if (!URL.canParse(url)) return refuse('InvalidField', `spec.${discoveryURL === undefined && jwksURL === undefined ? 'issuer.url' : field}: is no URL that can be fetched: look at its host and its port`);
    return jwksURL === undefined ? { method: 'discovery', discoveryURL, fetch } : { method: 'jwksURL', url: jwksURL, fetch };
  }
  const method = verification.tokenReview === undefined ? 'kubernetesDiscovery' : 'tokenReview';
  if (settings.cluster === undefined) {
    return refuse('InvalidField', `spec.verification.${method}: needs an API server, and manifests are read from a directory here; use jwks, jwksURL or discovery`);
  }
  return { method, cluster: verification[method]?.cluster?.secretRef.name, identity: facts?.identity };
}

/** Stands for uid and generation where there is no API server to count them. */
const digestOf = (spec: Spec): string => createHash('sha256').update(JSON.stringify(spec)).digest('hex');

const refuse = (reason: Refusal['reason'], message: string): Refusal => ({ reason, message });
