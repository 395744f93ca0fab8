// A tenant on a real API server, under the rights in deploy/: what examples/tenant grants, how soon it ends, and what may not be had.
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startCluster, type TestCluster } from './cluster/start-cluster.ts';
import { exchange, startCambio, until, type Answer, type RunningCambio } from './start-cambio.ts';

const issuer = 'https://cambio.example.com';
const ledger = 'https://ledger.example.com';
const root = join(import.meta.dirname, '..');
const provided = inject('cluster');

describe.skipIf(!provided.available)('a tenant', () => {
  let cluster: TestCluster;
  let cambio: RunningCambio;

  const kubectl = (...args: string[]): Promise<string> => cluster.mustKubectl(args, { cwd: root });
  const apply = (manifest: object): Promise<string> => cluster.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify(manifest) });
  const patch = (kind: string, name: string, spec: object): Promise<string> => kubectl('patch', kind, name, '-n', 'payments', '--type=merge', '-p', JSON.stringify({ spec }));
  const ask = async (client: string, namespace = 'payments', name = 'api'): Promise<Answer> =>
    exchange(cambio.url, { client_id: client, subject_token: await cluster.createToken(namespace, name, { audiences: [issuer] }) });
  const becomes = (client: string, status: number): Promise<void> => until(async () => (await ask(client)).status === status, `${client} is answered with ${status}`);
  /** Ready and ResolvedRefs, in short. */
  async function says(kind: string, name: string, namespace = 'payments'): Promise<string> {
    const { status } = JSON.parse(await kubectl('get', kind, name, '-n', namespace, '-o', 'json')) as { status?: { conditions?: { type: string; status: string; reason: string }[] } };
    const conditions = (status?.conditions ?? []).filter(({ type }) => ['Ready', 'ResolvedRefs', 'ExamplesPassed'].includes(type));
    return conditions.map((condition) => `${condition.type}=${condition.status} ${condition.reason}`).join(', ');
  }
  const comesToSay = (kind: string, name: string, what: string, namespace?: string): Promise<void> => until(async () => (await says(kind, name, namespace)).includes(what), `${kind} ${name} says ${what}`);

  beforeAll(async () => {
    cluster = await startCluster();
    await kubectl('apply', '-f', 'crds/');
    await kubectl('wait', '--for=condition=Established', 'crd', '--all');
    await kubectl('apply', '-k', 'deploy/');
    cambio = await startCambio(['--kubeconfig', await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio'), '--issuer', issuer, '--reserved-audiences', 'https://vault.example.com']);
    await cambio.untilReady();
    await kubectl('apply', '-f', 'examples/tenant/manifests/');
    await kubectl('wait', '--for=condition=Ready', 'ts/ledger', 'ti/in-cluster', '--timeout=60s');
    await becomes('payments/api', 200);
  });
  afterAll(async () => {
    await cambio?.stop();
    await cluster?.stop();
  });

  test('gets what its TargetService allows, with its mapped claims', async () => {
    const { body } = await ask('payments/api');
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ sub: 'in-cluster:system:serviceaccount:payments:api', aud: ledger, scope: 'read', groups: ['payments:readers'], client_id: 'payments/api' });
  });

  test('its client waits for the keys of the GitLab that can not be reached, and its pods do not', async () => {
    await comesToSay('xc', 'api', 'Ready=False KeysUnavailable, ResolvedRefs=False IssuerNotReady, ExamplesPassed=True Passed');
    expect((await ask('payments/api')).status).toBe(200);
  });

  test('the columns of a TargetService, with the number of its clients', async () => {
    expect((await kubectl('get', 'ts', 'ledger')).split('\n')[1]?.split(/\s+/).slice(0, 4)).toEqual(['ledger', ledger, '1', 'True']);
  });

  test('another ServiceAccount of its namespace, and one of another, get nothing', async () => {
    await kubectl('create', 'serviceaccount', 'batch', '-n', 'payments');
    await kubectl('create', 'namespace', 'shop');
    await kubectl('create', 'serviceaccount', 'api', '-n', 'shop');
    for (const [namespace, name, check] of [['payments', 'batch', 'subject'], ['shop', 'api', 'service-account-namespace']] as const) {
      const answer = await ask('payments/api', namespace, name);
      expect(answer.status).toBe(400);
      expect(await cambio.auditOf(answer)).toMatchObject({ check, outcome: 'denied' });
    }
  });

  describe('what an ExchangeClient of another namespace may not have', () => {
    const attempts: { name: string; spec: object; reason: string }[] = [
      { name: 'audience', spec: { targets: [{ audience: ledger }] }, reason: 'AudienceNotPermitted' },
      { name: 'reserved', spec: { targets: [{ audience: 'https://vault.example.com' }] }, reason: 'AudienceReserved' },
      { name: 'cambio', spec: { targets: [{ audience: issuer }] }, reason: 'AudienceReserved' },
      { name: 'api-server', spec: { targets: [{ audience: 'https://kubernetes.default.svc.cluster.local' }] }, reason: 'AudienceReserved' },
      { name: 'issuer', spec: { subjects: [{ issuerRef: { name: 'gitlab' }, subjectPattern: 'project_path:*' }] }, reason: 'IssuerNotPermitted' },
      { name: 'service-account', spec: { subjects: [{ issuerRef: { name: 'in-cluster' }, serviceAccounts: [{ name: 'api', namespace: 'payments' }] }] }, reason: 'ServiceAccountNotPermitted' },
    ];
    test.each(attempts)('$name', async ({ name, spec, reason }) => {
      const subjects = [{ issuerRef: { name: 'in-cluster' }, conditions: [{ expression: 'true' }] }];
      await apply({ apiVersion: 'cambio.dev/v1alpha1', kind: 'ExchangeClient', metadata: { name, namespace: 'shop' }, spec: { authentication: { none: {} }, subjects, targets: [{ audience: 'shop' }], ...spec } });
      await comesToSay('xc', name, `ResolvedRefs=False ${reason}`, 'shop');
      expect((await ask(`shop/${name}`, 'shop')).status).toBe(400);
    });
  });

  test('a suspended TargetService closes its audience, and opens it again', async () => {
    await patch('ts', 'ledger', { suspend: true });
    await becomes('payments/api', 400);
    await comesToSay('xc', 'api', 'ResolvedRefs=False TargetNotReady, ExamplesPassed=False Denied');
    await comesToSay('ts', 'ledger', 'Ready=False Suspended');
    expect((await ask('payments/api')).body['error']).toBe('invalid_target');
    await patch('ts', 'ledger', { suspend: false });
    await becomes('payments/api', 200);
  });

  test('a second TargetService for its audience closes it, and both say so', async () => {
    await apply({ apiVersion: 'cambio.dev/v1alpha1', kind: 'TargetService', metadata: { name: 'ledger-too' }, spec: { audience: ledger, allowedNamespaces: { from: 'All' } } });
    await becomes('payments/api', 400);
    for (const name of ['ledger', 'ledger-too']) await comesToSay('ts', name, 'Ready=False NotAccepted');
    expect(await kubectl('get', 'ts', 'ledger', '-o', 'jsonpath={.status.conditions[?(@.type=="Accepted")].reason}')).toBe('Conflicted');
    await kubectl('delete', 'ts', 'ledger-too');
    await becomes('payments/api', 200);
  });

  test('a client that is wider than its examples say is kept out', async () => {
    await patch('xc', 'api', { subjects: [{ issuerRef: { name: 'in-cluster' }, conditions: [{ expression: 'true' }] }] });
    await becomes('payments/api', 401);
    await comesToSay('xc', 'api', 'Ready=False ExamplesWiden');
    expect(await says('xc', 'api')).toContain('ExamplesPassed=False Widened');
    await kubectl('apply', '-f', 'examples/tenant/manifests/payments.yaml');
    await becomes('payments/api', 200);
  });

  test('what a label of its namespace grants ends with the label', async () => {
    await patch('ts', 'ledger', { allowedNamespaces: { from: 'Selector', selector: { matchLabels: { 'grant.cambio.dev/ledger': 'yes' }, matchExpressions: null } } });
    await becomes('payments/api', 400);
    await kubectl('label', 'namespace', 'payments', 'grant.cambio.dev/ledger=yes');
    await becomes('payments/api', 200);
    await kubectl('label', 'namespace', 'payments', 'grant.cambio.dev/ledger-');
    await becomes('payments/api', 400);
    await comesToSay('xc', 'api', 'ResolvedRefs=False AudienceNotPermitted');
    const [line] = cambio.audit.slice(-1);
    expect(line?.['reason']).toContain('AudienceNotPermitted: spec.targets[0].audience');
  });

  describe('its team, by rbac.yaml', () => {
    const team = ['--as=ann', '--as-group=payments-team'];
    const client = (namespace: string): object => ({ apiVersion: 'cambio.dev/v1alpha1', kind: 'ExchangeClient', metadata: { name: 'of-the-team', namespace }, spec: { authentication: { none: {} }, subjects: [{ issuerRef: { name: 'in-cluster' }, serviceAccounts: [{ name: 'api' }] }], targets: [{ audience: ledger }] } });
    const target = { apiVersion: 'cambio.dev/v1alpha1', kind: 'TargetService', metadata: { name: 'of-the-team' }, spec: { audience: 'https://of-the-team.example.com', allowedNamespaces: { from: 'All' } } };
    const issuerOfTheirs = { apiVersion: 'cambio.dev/v1alpha1', kind: 'TrustedIssuer', metadata: { name: 'of-the-team' }, spec: { issuer: { url: 'https://ci.example.com', audiences: [issuer] }, verification: { discovery: {} } } };

    test.each([
      { what: 'writes clients in its namespace', args: ['apply', '-f', '-'], stdin: client('payments') },
      { what: 'deletes them', args: ['delete', 'xc', 'of-the-team', '-n', 'payments'] },
      { what: 'sees what it may refer to', args: ['get', 'ti,ts'] },
    ])('$what', async ({ args, stdin }) => {
      expect(await cluster.kubectl([...args, ...team], stdin === undefined ? {} : { stdin: JSON.stringify(stdin) })).toMatchObject({ code: 0 });
    });

    test.each([
      { what: 'clients in another namespace', args: ['create', '-f', '-'], stdin: client('shop') },
      { what: 'a TargetService', args: ['create', '-f', '-'], stdin: target },
      { what: 'a TrustedIssuer', args: ['create', '-f', '-'], stdin: issuerOfTheirs },
      { what: 'the limits of one that is there', args: ['patch', 'ts', 'ledger', '--type=merge', '-p', '{"spec":{"maxLifetimeSeconds":3600}}'] },
      { what: 'the labels of its namespace', args: ['label', 'namespace', 'payments', 'grant.cambio.dev/ledger=yes'] },
      { what: 'the status of its client', args: ['patch', 'xc', 'api', '-n', 'payments', '--subresource=status', '--type=merge', '-p', '{"status":{"targets":"all"}}'] },
    ])('may not write $what', async ({ args, stdin }) => {
      const { code, stderr } = await cluster.kubectl([...args, ...team], stdin === undefined ? {} : { stdin: JSON.stringify(stdin) });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('(Forbidden)') as string });
    });
  });

  test('the rights in deploy/ were enough: nothing was forbidden, and no token is in the log', () => {
    expect(cambio.log.filter((line) => /forbidden|\b403\b|eyJ/i.test(line))).toEqual([]);
  });
});
