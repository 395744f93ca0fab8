// Issuers on the network in the status of a real API server: their keys, and why they can't be had.
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { connectCluster, type ClusterClient } from './cluster/connect-cluster.ts';
import { dripping, endless, json, startIssuer, type IssuerServer } from './keys/issuer-server.ts';
import { exchange, startCambio, until, type RunningCambio } from './start-cambio.ts';

const issuer = 'https://cambio.example.com';
const discoveryPath = '/.well-known/openid-configuration';
const root = join(import.meta.dirname, '..');
const provided = inject('cluster');

type Key = { kid: string; privateKey: CryptoKey; jwk: JWK };
type Status = { conditions: string[]; messages: Record<string, string>; fields: Record<string, unknown> };

describe.skipIf(!provided.available)('issuers on the network', () => {
  let cluster: ClusterClient;
  let cambio: RunningCambio;
  let ci: IssuerServer;
  let published: JWK[] = [];
  const keys: Key[] = [];

  const key = (index: number): Key => keys[index] ?? expect.fail(`there is no key ${index}`);

  async function statusOf(name: string, kind = 'ti'): Promise<Status> {
    const object = JSON.parse(await cluster.mustKubectl(['get', kind, name, '-n', 'cambio-system', '-o', 'json'])) as {
      status?: { conditions?: { type: string; status: string; reason: string; message: string }[]; [field: string]: unknown };
    };
    const { conditions = [], ...fields } = object.status ?? {};
    return {
      conditions: conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`).toSorted(),
      messages: Object.fromEntries(conditions.map(({ type, message }) => [type, message])),
      fields,
    };
  }
  const becomes = (name: string, condition: string, kind = 'ti'): Promise<void> => until(async () => (await statusOf(name, kind)).conditions.includes(condition), `${name} is ${condition}`);

  async function apply(name: string, spec: { issuer: { url: string }; verification: object; allowPrivateAddresses?: boolean }): Promise<void> {
    const trusted = { apiVersion: 'cambio.dev/v1alpha1', kind: 'TrustedIssuer', metadata: { name }, spec: { ...spec, issuer: { audiences: [issuer], ...spec.issuer } } };
    const client = {
      apiVersion: 'cambio.dev/v1alpha1',
      kind: 'ExchangeClient',
      metadata: { name, namespace: 'cambio-system' },
      spec: { authentication: { none: {} }, subjects: [{ issuerRef: { name }, subject: 'repo:acme/payments' }], targets: [{ audience: 'https://ledger.example.com', default: true }] },
    };
    await cluster.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [trusted, client] }) });
  }

  const tokenOf = (iss: string, { kid, privateKey }: Key): Promise<string> =>
    new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(iss).setSubject('repo:acme/payments').setAudience(issuer).setIssuedAt().setExpirationTime('10m').sign(privateKey);

  beforeAll(async () => {
    if (!provided.available) return;
    cluster = connectCluster(provided.handle);
    for (const kid of ['one', 'two']) {
      const { publicKey, privateKey } = await generateKeyPair('ES256');
      keys.push({ kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid } });
    }
    published = [key(0).jwk];
    ci = await startIssuer((url) => ({
      [discoveryPath]: json({ issuer: url, jwks_uri: `${url}/jwks` }),
      '/jwks': (request, response) => json({ keys: published })(request, response),
      [`/other${discoveryPath}`]: json({ issuer: 'https://other.example.com', jwks_uri: `${url}/jwks` }),
      [`/moved${discoveryPath}`]: (_request, response) => response.writeHead(301, { location: `${url}${discoveryPath}` }).end(),
      '/none': json({ keys: [] }),
      '/huge': endless,
      '/slow': dripping,
    }));
    await cluster.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
    await cluster.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all'], { cwd: root });
    await cluster.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
    cambio = await startCambio(['--kubeconfig', await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio'), '--issuer', issuer]);
    await cambio.untilReady();
  });
  afterAll(async () => {
    await cambio?.stop();
    await ci?.close();
  });

  const trustedHere = () => ({ certificateAuthority: ci.certificateAuthority });

  test('by discovery: it is ready with its keys, and a new key is counted', async () => {
    await apply('net-ci', { issuer: { url: ci.url, ...trustedHere() }, verification: { discovery: {} }, allowPrivateAddresses: true });
    await becomes('net-ci', 'Ready=True Ready');
    const before = await statusOf('net-ci');
    expect(before).toMatchObject({
      conditions: ['Accepted=True Accepted', 'KeysAvailable=True Available', 'Ready=True Ready'],
      fields: { issuerURL: ci.url, verification: 'discovery', keys: 1, lastFetchTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/) },
    });
    await becomes('net-ci', 'Ready=True Ready', 'xc');
    const ask = async (index: number): Promise<number> => (await exchange(cambio.url, { client_id: 'cambio-system/net-ci', subject_token: await tokenOf(ci.url, key(index)) })).status;
    expect(await ask(0)).toBe(200);

    published = [key(0).jwk, key(1).jwk];
    expect(await ask(1)).toBe(200);
    await until(async () => (await statusOf('net-ci')).fields['keys'] === 2, 'two keys are counted');
    expect((await statusOf('net-ci')).conditions).toEqual(before.conditions);
  });

  const refused: { name: string; spec: () => Parameters<typeof apply>[1]; reason: string; message: RegExp }[] = [
    { name: 'net-other', spec: () => ({ issuer: { url: `${ci.url}/other`, ...trustedHere() }, verification: { discovery: {} }, allowPrivateAddresses: true }), reason: 'IssuerMismatch', message: /the discovery document is that of "https:\/\/other.example.com"/ },
    { name: 'net-moved', spec: () => ({ issuer: { url: `${ci.url}/moved`, ...trustedHere() }, verification: { discovery: {} }, allowPrivateAddresses: true }), reason: 'FetchFailed', message: /answered with a redirect \(301\), which is not followed/ },
    { name: 'net-none', spec: () => ({ issuer: { url: 'https://none.example.com', ...trustedHere() }, verification: { jwksURL: `${ci.url}/none` }, allowPrivateAddresses: true }), reason: 'NoUsableKeys', message: /has no usable key/ },
    { name: 'net-huge', spec: () => ({ issuer: { url: 'https://huge.example.com', ...trustedHere() }, verification: { jwksURL: `${ci.url}/huge` }, allowPrivateAddresses: true }), reason: 'FetchFailed', message: /answered with more than 256 KiB/ },
    { name: 'net-slow', spec: () => ({ issuer: { url: 'https://slow.example.com', ...trustedHere() }, verification: { jwksURL: `${ci.url}/slow` }, allowPrivateAddresses: true }), reason: 'FetchFailed', message: /it did not end within 5 s/ },
    { name: 'net-stranger', spec: () => ({ issuer: { url: `${ci.url}/stranger` }, verification: { discovery: {} }, allowPrivateAddresses: true }), reason: 'FetchFailed', message: /not signed by an authority that is trusted/ },
    { name: 'net-metadata', spec: () => ({ issuer: { url: 'https://metadata.example.com' }, verification: { jwksURL: 'https://169.254.169.254/jwks' } }), reason: 'AddressRefused', message: /169.254.169.254 is not a public address \(link-local\)/ },
    { name: 'net-loopback', spec: () => ({ issuer: { url: ci.url.replace('127.0.0.1', 'localhost') }, verification: { discovery: {} } }), reason: 'AddressRefused', message: /localhost is at .*, which is not public \(loopback\)/ },
  ];

  test.each(refused)('$name: $reason', async ({ name, spec, reason, message }) => {
    await apply(name, spec());
    await becomes(name, `KeysAvailable=False ${reason}`);
    const { conditions, messages } = await statusOf(name);
    expect(conditions).toEqual(['Accepted=True Accepted', `KeysAvailable=False ${reason}`, 'Ready=False KeysUnavailable', 'Reconciling=True KeysUnavailable']);
    expect(messages['KeysAvailable']).toMatch(message);
    await becomes(name, 'ResolvedRefs=False IssuerNotReady', 'xc');
    const answer = await exchange(cambio.url, { client_id: `cambio-system/${name}`, subject_token: await tokenOf(spec().issuer.url, key(0)) });
    expect([answer.status, answer.body['error'], answer.headers.has('retry-after')]).toEqual([503, 'temporarily_unavailable', true]);
    expect(await cambio.auditOf(answer)).toMatchObject({ outcome: 'failed', check: 'issuer-keys', reason: expect.stringContaining(`no keys of TrustedIssuer ${name} are known: ${reason}: `) as string });
  });
});
