// TrustedIssuers whose keys are fetched: what they become, and what is refused before anything is fetched.
import { describe, expect, test } from 'vitest';
import { maxCertificates } from '../../src/policy/read-certificates.ts';
import { makeAuthority } from '../make-authority.ts';
import { clusterSettings, describeVerdicts, issuer, messageOf, settings, storeOf } from './objects.ts';

const authority = makeAuthority();
const url = 'https://ci.example.com';

type Parts = { issuer?: object; spec: object };

const inForce = (parts: Parts, of = settings) => storeOf([issuer('ci', parts)], of).store.snapshot().issuers.get('ci');

describe('the way that keys take', () => {
  const fetch = { certificateAuthority: undefined, allowPrivateAddresses: false };
  test.each<[string, Parts, object]>([
    ['discovery', { spec: { verification: { discovery: {} } } }, { method: 'discovery', discoveryURL: undefined, fetch }],
    ['discovery at another URL', { issuer: { discoveryURL: 'https://mirror.example.com/ci' }, spec: { verification: { discovery: {} } } }, { method: 'discovery', discoveryURL: 'https://mirror.example.com/ci', fetch }],
    ['jwksURL', { spec: { verification: { jwksURL: 'https://keys.example.com/jwks?v=1' } } }, { method: 'jwksURL', url: 'https://keys.example.com/jwks?v=1', fetch }],
    [
      'with its rules',
      { issuer: { certificateAuthority: authority.cert }, spec: { verification: { discovery: {} }, allowPrivateAddresses: true } },
      { method: 'discovery', discoveryURL: undefined, fetch: { certificateAuthority: authority.cert, allowPrivateAddresses: true } },
    ],
  ])('%s', (_name, parts, verification) => {
    expect(inForce(parts)?.verification).toEqual(verification);
  });

  test('http on loopback, with allowPrivateAddresses', () => {
    const parts = { issuer: { url: 'http://127.0.0.1:8080/ci' }, spec: { verification: { discovery: {} }, allowPrivateAddresses: true } };
    expect(inForce(parts)?.url).toBe('http://127.0.0.1:8080/ci');
  });
});

describe('kubernetes', () => {
  const discovery = { verification: { discovery: {} } };
  test.each<[string, Parts, boolean, string[]]>([
    ['not said: it is not', { spec: discovery }, false, []],
    ['false', { spec: { ...discovery, kubernetes: false } }, false, []],
    ['true: its own URL is an audience of its API server', { spec: { ...discovery, kubernetes: true } }, true, [url]],
    ['true, with audiences of its API server', { issuer: { apiServerAudiences: ['sts.amazonaws.com'] }, spec: { ...discovery, kubernetes: true } }, true, ['sts.amazonaws.com', url]],
    ['true with keys in the manifest', { spec: { kubernetes: true } }, true, [url]],
    ['kubernetesDiscovery', { spec: { verification: { kubernetesDiscovery: {} } } }, true, [url, 'https://api.cluster.example.com', 'k3s']],
    [
      'the cluster that Cambio runs in, by discovery',
      { issuer: { url: 'https://kubernetes.default.svc.cluster.local' }, spec: { ...discovery, kubernetes: true } },
      true,
      ['https://kubernetes.default.svc.cluster.local', 'https://api.cluster.example.com', 'k3s'],
    ],
  ])('%s', (_name, parts, kubernetes, audiences) => {
    expect(inForce(parts, clusterSettings)).toMatchObject({ kubernetes, apiServerAudiences: new Set(audiences) });
  });

  test('kubernetesDiscovery takes the URL of its API server', () => {
    expect(inForce({ issuer: { url: null }, spec: { verification: { kubernetesDiscovery: {} } } }, clusterSettings)?.url).toBe('https://kubernetes.default.svc.cluster.local');
  });
});

describe('what is refused', () => {
  const discovery = { verification: { discovery: {} } };
  const broken = authority.cert.replace(/\n[A-Za-z0-9+/]{10}/, '\nAAAAAAAAAA');
  const whole = (certificateAuthority: string): Parts => ({ issuer: { certificateAuthority }, spec: discovery });
  test.each<[string, Parts, string]>([
    ['a port that is none', { issuer: { url: 'https://ci.example.com:99999' }, spec: discovery }, 'spec.issuer.url: is no URL that can be fetched: look at its host and its port'],
    ['an address that is none', { issuer: { discoveryURL: 'https://1.2.3.4.5/' }, spec: discovery }, 'spec.issuer.discoveryURL: is no URL that can be fetched: look at its host and its port'],
    ['a host that is none', { spec: { verification: { jwksURL: 'https://[::g]/' } } }, 'spec.verification.jwksURL: must be an https URL without user info or fragment'],
    ['an IPv6 address that is none', { spec: { verification: { jwksURL: 'https://[1:2]/' } } }, 'spec.verification.jwksURL: is no URL that can be fetched: look at its host and its port'],
    ['no certificate', whole('ours'), 'spec.issuer.certificateAuthority: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)'],
    ['a broken certificate', whole(`${authority.cert}\n${broken}`), 'spec.issuer.certificateAuthority: certificate 2 of 2 can not be read'],
    ['a private key', whole(`${authority.cert}\n${authority.key}`), 'spec.issuer.certificateAuthority: holds a PRIVATE KEY: only certificates belong here, and that key is known to others now'],
    ['too many certificates', whole(authority.cert.repeat(maxCertificates + 1)), 'spec.issuer.certificateAuthority: holds 65 certificates: 64 at most'],
    ['kubernetesDiscovery without an API server', { spec: { verification: { kubernetesDiscovery: {} } } }, 'spec.verification.kubernetesDiscovery: needs an API server, and manifests are read from a directory here; use jwks, jwksURL or discovery'],
  ])('%s', (_name, parts, message) => {
    const { verdicts, store } = storeOf([issuer('ci', parts)]);
    expect(messageOf(verdicts, 'ci')).toBe(message);
    expect(describeVerdicts(verdicts)).toEqual(['TrustedIssuer//ci: Ready=False NotAccepted, Accepted=False InvalidField, Stalled=True NotAccepted']);
    expect(store.snapshot().issuers.size).toBe(0);
  });

  test('a bundle of several certificates is none of that', () => {
    expect(inForce(whole(`# ours\n${authority.cert}\n${makeAuthority().cert}`))).toBeDefined();
  });
});
