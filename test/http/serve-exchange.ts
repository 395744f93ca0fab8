// A whole server for clients that know nothing of tests: its issuer URL is where it really listens; and a CI system that mints tokens for it.
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { SigningAlgorithm } from '../../src/exchange/effects.ts';
import type { AuditRecord } from '../../src/exchange/audit-record.ts';
import { exchangeToken } from '../../src/exchange/exchange-token.ts';
import { createApp } from '../../src/http/app.ts';
import { listen, listenTls, type TlsPair } from '../../src/http/listen.ts';
import { createSigner, publicJwks } from '../../src/keys/signing-keys.ts';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import { createPolicyStore } from '../../src/policy/policy-store.ts';
import { signingKeys } from '../cases/run-case.ts';

export type ServedExchange = {
  issuerURL: string;
  /** A subject token of the CI system, made for this server unless another audience is named. */
  mint: (audience?: string) => Promise<string>;
  audit: AuditRecord[];
  /** The bodies of the token requests so far. */
  bodies: URLSearchParams[];
  close: () => Promise<void>;
};

/** Serves below a path of 127.0.0.1; over TLS where a certificate is given. */
export async function serveExchange({ signingAlgorithm = 'ES256', tls }: { signingAlgorithm?: SigningAlgorithm; tls?: TlsPair } = {}): Promise<ServedExchange> {
  const ci = await generateKeyPair('ES256');
  const jwks = JSON.stringify({ keys: [await exportJWK(ci.publicKey)] });
  let handler: Parameters<typeof listen>[1] = () => undefined;
  const anywhere = { host: '127.0.0.1', port: 0 };
  const begin: typeof handler = (request, response) => handler(request, response);
  const server = await (tls === undefined ? listen(anywhere, begin) : listenTls(anywhere, begin, tls));
  const issuerURL = `${server.url}/cambio`;
  const store = createPolicyStore({ issuerURL, isTrustedNamespace: () => true, reservedAudiences: [], runExamples: () => [] });
  const { objects } = parseManifests(manifests(issuerURL, jwks), 'manifests.yaml');
  store.apply(objects.map((object) => ({ id: object, object })));
  store.complete();
  const audit: AuditRecord[] = [];
  const bodies: URLSearchParams[] = [];
  handler = createApp({
    issuerURL,
    jwks: () => publicJwks(signingKeys),
    token: {
      exchange: (request, record) => {
        bodies.push(new URLSearchParams(Buffer.from(request.body).toString()));
        return exchangeToken(request, record, {
          policy: store.snapshot,
          now: () => Date.now() / 1000,
          newId: randomUUID,
          reviewToken: () => Promise.reject(new Error('there is no API server')),
          issuerKeys: { known: () => undefined, current: async () => undefined, refetched: async () => undefined, trouble: () => undefined },
          sign: createSigner(() => signingKeys),
          settings: { issuerURL, maxLifetimeSeconds: 3600, signingAlgorithm },
        });
      },
      audit: async (record) => void audit.push(record),
      onBug: () => undefined,
      newId: randomUUID,
      monotonic: () => performance.now(),
      maxRequestsInFlight: 10,
      explainDenials: false,
    },
  });
  const mint = (audience = issuerURL): Promise<string> =>
    new SignJWT({ iss: 'https://ci.example.com', sub: 'prod', aud: audience }).setProtectedHeader({ alg: 'ES256' }).setIssuedAt().setExpirationTime('15m').sign(ci.privateKey);
  return { issuerURL, mint, audit, bodies, close: () => server.close(1000) };
}

const manifests = (audience: string, jwks: string): string => `
apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ci}
spec:
  issuer: {url: 'https://ci.example.com', audiences: ['${audience}']}
  verification: {jwks: '${jwks}'}
---
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: deployer, namespace: payments}
spec:
  authentication: {none: {}}
  subjects:
  - issuerRef: {name: ci}
    subject: prod
  targets:
  - audience: https://deploy.example.com
    scopes: [deploy, read]
    defaultScopes: [read]
    tokenTypes: [access_token, id_token]
  - audience: https://google.example.com
    scopes: ['https://www.googleapis.com/auth/cloud-platform']
`;
