// Compiles a TrustedIssuer into what requests use, or says why it is off.
import type { Manifest } from '../manifests/read-object.ts';
import type { Reasons } from './conditions.ts';
import type { Issuer, Verification } from './policy.ts';
import { readInlineJwks } from './public-key.ts';
import { mistakeInCertificates } from './read-certificates.ts';
import type { PolicySettings } from './settings.ts';

type Spec = Manifest<'TrustedIssuer'>['spec'];

export type Refusal = { reason: Exclude<Reasons['Accepted'], 'Accepted'>; message: string };

/** A TrustedIssuer on its own: in force unless another one stands in its way. */
export type CompiledIssuer = { issuer: Issuer; refusal?: never } | { issuer?: never; refusal: Refusal };

/** Compiles one TrustedIssuer by itself; what several of them do to each other is decided in resolve-issuers.ts. */
export function compileIssuer(manifest: Manifest<'TrustedIssuer'>, settings: PolicySettings): CompiledIssuer {
  const { spec, name, uid, generation } = manifest;
  const verification = compileVerification(spec, settings);
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
  const own = spec.issuer.audiences.find((audience) => apiServerAudiences.has(audience));
  if (own !== undefined) {
    const message = `spec.issuer.audiences: ${own} is an audience of the API server, and a token with it is always refused; name one of Cambio's, such as ${settings.issuerURL}`;
    return { refusal: refuse('InvalidField', message) };
  }
  return {
    issuer: {
      name,
      revision: `${uid}/${generation}`,
      url,
      audiences: new Set(spec.issuer.audiences),
      apiServerAudiences,
      verification,
      algorithms: new Set(spec.algorithms),
      maxTokenLifetimeSeconds: spec.maxTokenLifetimeSeconds,
      clockSkewSeconds: spec.clockSkewSeconds,
      subjectPrefix: spec.subjectPrefix ?? `${name}:`,
      kubernetes,
      urlShared: false,
    },
  };
}

function compileVerification({ verification, issuer, allowPrivateAddresses }: Spec, settings: PolicySettings): Verification | Refusal {
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
  return { method, cluster: verification[method]?.cluster?.secretRef.name };
}

const refuse = (reason: Refusal['reason'], message: string): Refusal => ({ reason, message });
