// Replicas of Cambio on a real API server, with the rights in deploy/: one leads, another takes over, and people can read what they say.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startCluster, type TestCluster } from './cluster/start-cluster.ts';
import { healthOf, readHealthChecks } from './kubernetes/argocd-health.ts';
import { kstatusOf, type ReadableObject } from './kubernetes/kstatus.ts';
import { startCambio, until, type RunningCambio } from './start-cambio.ts';

const root = join(import.meta.dirname, '..');
const provided = inject('cluster');
const jwks = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] });

const issuer = (name: string, more: object = {}): object => ({
  apiVersion: 'cambio.dev/v1alpha1',
  kind: 'TrustedIssuer',
  metadata: { name },
  spec: { issuer: { url: `https://${name}.example.com`, audiences: ['https://cambio.example.com'] }, verification: { jwks }, ...more },
});
const client = (name: string, issuers: readonly string[], more: object = {}): object => ({
  apiVersion: 'cambio.dev/v1alpha1',
  kind: 'ExchangeClient',
  metadata: { name, namespace: 'cambio-system' },
  spec: {
    authentication: { none: {} },
    subjects: issuers.map((of) => ({ issuerRef: { name: of }, subject: 'a' })),
    targets: [{ audience: 'https://vault.example.com' }, { audience: 'https://registry.example.com' }],
    ...more,
  },
});

type LiveObject = Omit<ReadableObject, 'status'> & {
  kind: string;
  metadata: { name: string; namespace?: string; generation: number; resourceVersion: string };
  status?: { observedGeneration: number; conditions: { type: string; status: string; reason: string }[] } & Record<string, unknown>;
};
type LeaseSpec = { holderIdentity: string; leaseTransitions: number; leaseDurationSeconds: number; acquireTime: string; renewTime: string };

describe.skipIf(!provided.available)('replicas', () => {
  let cluster: TestCluster;
  let kubeconfig: string;
  const running: RunningCambio[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
    await cluster.mustKubectl(['apply', '-f', 'crds/'], { cwd: root });
    await cluster.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all'], { cwd: root });
    await cluster.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
    kubeconfig = await cluster.kubeconfigForServiceAccount('cambio-system', 'cambio');
  });
  afterAll(async () => {
    for (const cambio of running) await cambio.stop();
    await cluster?.stop();
  });

  async function start(): Promise<RunningCambio> {
    const cambio = await startCambio(['--kubeconfig', kubeconfig, '--issuer', 'https://cambio.example.com']);
    running.push(cambio);
    await cambio.untilReady();
    return cambio;
  }
  const leads = ({ log }: RunningCambio): boolean => log.findLast((line) => line.includes('this replica'))?.includes('this replica leads') ?? false;
  const untilLeads = (cambio: RunningCambio): Promise<void> => until(() => leads(cambio), 'it leads');
  const apply = (...objects: object[]): Promise<string> => cluster.mustKubectl(['apply', '--validate=false', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
  const lease = async (): Promise<LeaseSpec> => (JSON.parse(await cluster.mustKubectl(['get', 'lease', 'cambio-leader', '-n', 'cambio-system', '-o', 'json'])) as { spec: LeaseSpec }).spec;
  const get = async (kind: string, name: string): Promise<LiveObject> => JSON.parse(await cluster.mustKubectl(['get', kind, name, '-n', 'cambio-system', '-o', 'json'])) as LiveObject;
  const all = async (): Promise<LiveObject[]> => (JSON.parse(await cluster.mustKubectl(['get', 'cambio', '-A', '-o', 'json'])) as { items: LiveObject[] }).items;
  const isSettled = ({ metadata, status }: LiveObject): boolean => status?.observedGeneration === metadata.generation;
  const waitReady = (...names: string[]): Promise<string> => cluster.mustKubectl(['wait', '--for=condition=Ready', ...names, '-n', 'cambio-system', '--timeout=60s']);
  const reasonOf = async (kind: string, name: string): Promise<string | undefined> => (await get(kind, name)).status?.conditions?.find(({ type }) => type === 'Ready')?.reason;

  test('the first one leads, and the Lease says so', async () => {
    const first = await start();
    await untilLeads(first);
    expect(await lease()).toMatchObject({ leaseTransitions: 0, leaseDurationSeconds: 15 });
    const { holderIdentity } = await lease();
    const [header = '', row = ''] = (await cluster.mustKubectl(['get', 'lease', '-n', 'cambio-system'])).split('\n');
    expect(header.split(/\s+/)).toEqual(['NAME', 'HOLDER', 'AGE']);
    expect(row).toContain(holderIdentity);
    await start();
  });

  test('what is applied together, in whatever order, is waited for with kubectl', async () => {
    await apply(client('good', ['ci']), issuer('ci'));
    expect(await waitReady('ti/ci', 'xc/good')).toContain('exchangeclient.cambio.dev/good condition met');
  });

  test('kubectl get shows the columns', async () => {
    await apply(client('partly', ['ci', 'absent']), client('nothing', ['absent']), client('off', ['ci'], { suspend: true }), issuer('idle', { suspend: true }));
    await until(async () => (await all()).every(isSettled), 'all statuses are there');
    const table = (await cluster.mustKubectl(['get', 'xc', '-A', '-o', 'wide'])).trimEnd().split('\n').map((line) => line.split(/\s{2,}/).filter((_, column) => column !== 5));
    expect(table).toEqual([
      ['NAMESPACE', 'NAME', 'AUTH', 'TARGETS', 'READY', 'REASON'],
      ['cambio-system', 'good', 'none', 'https://vault.example.com (+1)', 'True', 'Ready'],
      ['cambio-system', 'nothing', 'none', 'https://vault.example.com (+1)', 'False', 'NothingLoaded'],
      ['cambio-system', 'off', 'none', 'https://vault.example.com (+1)', 'False', 'Suspended'],
      ['cambio-system', 'partly', 'none', 'https://vault.example.com (+1)', 'False', 'PartlyLoaded'],
    ]);
    await apply(client('typo', ['ci'], { suspended: true }));
    await until(async () => isSettled(await get('xc', 'typo')), 'its status is there');
    // What could not be read has no targets to show.
    expect((await cluster.mustKubectl(['get', 'xc/typo', '-n', 'cambio-system', '-o', 'wide', '--no-headers'])).trimEnd()).toMatch(/^typo +False +\S+ +NotAccepted$/);
  });

  test('kstatus and Argo CD read the real objects', async () => {
    const [script = ''] = (await readHealthChecks()).values();
    const objects = await all();
    const healths = await healthOf(script, objects);
    expect(Object.fromEntries(objects.map((object, i) => [object.metadata.name, `${kstatusOf(object)} ${healths[i]?.status}`]))).toEqual({
      ci: 'Current Healthy',
      idle: 'Failed Suspended',
      good: 'Current Healthy',
      typo: 'Failed Degraded',
      partly: 'Failed Degraded',
      nothing: 'Failed Degraded',
      off: 'Failed Suspended',
    });
  });

  test('an object that no replica has looked at is not settled to anybody', async () => {
    const text = await cluster.mustKubectl(['create', '--dry-run=server', '-f', '-', '-o', 'json'], { stdin: JSON.stringify(client('new', ['ci'])) });
    const object = JSON.parse(text) as LiveObject;
    expect([object.status, kstatusOf(object)]).toEqual([{ observedGeneration: -1 }, 'InProgress']);
  });

  test('kubectl describe shows what has happened, of both scopes', async () => {
    const untilTold = (what: string, pattern: RegExp): Promise<void> =>
      until(async () => pattern.test(await cluster.mustKubectl(['describe', what, '-n', 'cambio-system'])), `${what} has the event ${pattern.source}`);
    await untilTold('xc/typo', /Warning +UnknownField +.* +cambio\.dev\/cambio +spec\.suspended: unknown field; did you mean suspend\?/);
    await untilTold('ti/ci', /Normal +Ready +.* +cambio\.dev\/cambio/);
    await untilTold('ti/idle', /Normal +Suspended +/);
    for (const suspend of [false, true]) {
      await apply(issuer('idle', { suspend }));
      await until(async () => isSettled(await get('ti', 'idle')), 'the status is there');
    }
    await untilTold('ti/idle', /Normal +Suspended +\S+ \(x2 over /);
    const { items } = JSON.parse(await cluster.mustKubectl(['get', 'events.events.k8s.io', '-A', '-o', 'json'])) as { items: { metadata: { namespace: string }; regarding: { kind: string } }[] };
    const places = items.filter(({ regarding }) => /^(?:TrustedIssuer|ExchangeClient)$/.test(regarding.kind)).map(({ regarding, metadata }) => `${regarding.kind} in ${metadata.namespace}`);
    expect([...new Set(places)].toSorted()).toEqual(['ExchangeClient in cambio-system', 'TrustedIssuer in default']);
  });

  test('kill -9: the other takes over, and writes the status of what was edited meanwhile', async () => {
    const [first, second] = running as [RunningCambio, RunningCambio];
    expect(leads(second)).toBe(false);
    process.kill(first.pid, 'SIGKILL');
    await apply(client('good', ['ci'], { suspend: true }), client('later', ['ci']));
    await untilLeads(second);
    await waitReady('xc/later');
    await until(async () => isSettled(await get('xc', 'good')), 'the edit is told');
    expect(await reasonOf('xc', 'good')).toBe('Suspended');
    expect(await lease()).toMatchObject({ leaseTransitions: 1 });
    expect((await fetch(`${second.adminUrl}/readyz`)).status).toBe(200);
  });

  test('SIGTERM: the Lease is given back before the process ends, and another leads', async () => {
    const second = running[1] as RunningCambio;
    const third = await start();
    const { holderIdentity } = await lease();
    expect(await second.stop()).toBe(0);
    expect((await lease()).holderIdentity).not.toBe(holderIdentity);
    await untilLeads(third);
    expect(await lease()).toMatchObject({ leaseTransitions: 2 });
    await apply(client('good', ['ci']));
    await waitReady('xc/good');
  });

  test('a restart writes nothing when nothing has changed', async () => {
    const versions = async (): Promise<string[]> => (await all()).map(({ kind, metadata }) => `${kind}/${metadata.name} ${metadata.resourceVersion}`);
    // Its keys are fetched from the API server: anew by each process.
    await apply(issuer('in-cluster', { issuer: { audiences: ['https://cambio.example.com'] }, verification: { kubernetesDiscovery: {} } }), client('of-cluster', ['in-cluster']));
    await waitReady('ti/in-cluster', 'xc/of-cluster');
    expect((await get('ti', 'in-cluster')).status).toMatchObject({ keys: 1, lastFetchTime: expect.any(String) as string });
    await until(async () => (await all()).every(isSettled), 'all statuses are there');
    const before = await versions();
    await running[2]?.stop();
    const fourth = await start();
    await untilLeads(fourth);
    await apply(client('sentinel', ['ci']));
    await waitReady('xc/sentinel');
    // One that was right already, and is made wrong, is looked at after all that were there.
    await cluster.mustKubectl(['patch', 'xc', 'sentinel', '-n', 'cambio-system', '--subresource=status', '--type=merge', '-p', '{"status":{"conditions":[]}}']);
    await waitReady('xc/sentinel');
    expect((await versions()).filter((line) => !line.includes('sentinel'))).toEqual(before);
  });

  test('what somebody else has put into a status is taken back, and what is theirs is left', async () => {
    const theirs = { type: 'Theirs', status: 'True', reason: 'R', message: 'm', lastTransitionTime: '2020-01-01T00:00:00Z' };
    const { status } = await get('xc', 'good');
    const conditions = [...(status?.conditions ?? []).map((each) => (each.type === 'Ready' ? { ...each, status: 'False' } : each)), { ...theirs, type: 'Stalled' }, theirs];
    await cluster.mustKubectl(['patch', 'xc', 'good', '-n', 'cambio-system', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: { conditions, targets: 'theirs' } })]);
    await until(async () => (await get('xc', 'good')).status?.conditions.every(({ type }) => type !== 'Stalled') ?? false, 'Stalled is gone');
    const { status: after } = await get('xc', 'good');
    expect(after?.['targets']).toBe('https://vault.example.com (+1)');
    expect(Object.fromEntries((after?.conditions ?? []).map((each) => [each.type, each.status]))).toEqual({ Ready: 'True', Accepted: 'True', ResolvedRefs: 'True', ExamplesPassed: 'True', Theirs: 'True' });
  });

  test('the rights are those that are used, and no more', async () => {
    const may = async (verb: string, resource: string, namespace: string): Promise<boolean> =>
      (await cluster.kubectl(['auth', 'can-i', verb, resource, '-n', namespace, '-q', '--as=system:serviceaccount:cambio-system:cambio'])).code === 0;
    const asked: [string, string, string, boolean][] = [
      ['get', 'leases/cambio-leader', 'cambio-system', true],
      ['update', 'leases/cambio-leader', 'cambio-system', true],
      ['create', 'leases', 'cambio-system', true],
      ['delete', 'leases/cambio-leader', 'cambio-system', false],
      ['list', 'leases', 'cambio-system', false],
      ['get', 'leases/other', 'cambio-system', false],
      ['create', 'leases', 'default', false],
      ['create', 'events.events.k8s.io', 'default', true],
      ['patch', 'events.events.k8s.io', 'shop', true],
      ['get', 'events.events.k8s.io', 'default', false],
      ['create', 'events', 'default', false],
      ['patch', 'exchangeclients.cambio.dev/status', 'shop', false],
      ['update', 'exchangeclients.cambio.dev', 'shop', false],
      ['list', 'secrets', 'cambio-system', true],
      ['update', 'secrets', 'cambio-system', false],
      ['get', 'secrets', 'default', false],
    ];
    const answers: typeof asked = [];
    for (const [verb, resource, namespace] of asked) answers.push([verb, resource, namespace, await may(verb, resource, namespace)]);
    expect(answers).toEqual(asked);
    expect(running.flatMap(({ log }) => log.filter((line) => /forbidden|\b403\b/i.test(line)))).toEqual([]);
  });

  test('without the right to the Lease it serves, and the log says what is missing', async () => {
    await cluster.mustKubectl(['delete', 'rolebinding', 'cambio', '-n', 'cambio-system']);
    const cambio = await start();
    await until(() => cambio.log.some((line) => line.includes('get was refused with 403') && line.includes('deploy/rbac.yaml')), 'the log says so');
    expect((await fetch(`${cambio.adminUrl}/readyz`)).status).toBe(200);
    expect(await cambio.stop()).toBe(0);
    await cluster.mustKubectl(['apply', '-k', 'deploy/'], { cwd: root });
  });
});
