// The admission policy in deploy/: labels under grant.cambio.dev/ are kept to those who may grant them, on a real API server.
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { connectCluster, type KubectlResult } from './cluster/connect-cluster.ts';
import { until } from './start-cambio.ts';

const root = join(import.meta.dirname, '..');
const provided = inject('cluster');

describe.skipIf(!provided.available)('labels of Namespaces that are grants', () => {
  const cluster = provided.available ? connectCluster(provided.handle) : undefined;
  const kubectl = (...args: string[]): Promise<KubectlResult> => cluster?.kubectl(args) ?? Promise.reject(new Error('there is no cluster'));
  const as = (user: string, ...args: string[]): Promise<KubectlResult> => kubectl(...args, `--as=${user}`);
  const label = (...labels: string[]): string[] => ['label', '--overwrite', 'namespace', 'grants', ...labels];

  beforeAll(async () => {
    await kubectl('create', 'namespace', 'grants');
    await cluster?.mustKubectl(['apply', '-f', 'deploy/namespace-grants.yaml'], { cwd: root });
    await kubectl('create', 'clusterrole', 'grants-editor', '--verb=get,create,update,patch', '--resource=namespaces,namespaces/status,namespaces/finalize');
    await kubectl('create', 'clusterrolebinding', 'grants-editor', '--clusterrole=grants-editor', '--user=editor', '--user=granter', '--user=elsewhere');
    await kubectl('create', 'clusterrolebinding', 'grants-granter', '--clusterrole=cambio-namespace-granter', '--user=granter');
    const elsewhere = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'grants-elsewhere' }, rules: [{ apiGroups: ['cambio.dev'], resources: ['namespaces'], resourceNames: ['another'], verbs: ['grant'] }] };
    await cluster?.mustKubectl(['apply', '-f', '-'], { stdin: JSON.stringify(elsewhere) });
    await kubectl('create', 'clusterrolebinding', 'grants-elsewhere', '--clusterrole=grants-elsewhere', '--user=elsewhere');
    await until(async () => (await as('editor', ...label('grant.cambio.dev/probe=x'), '--dry-run=server')).code !== 0, 'the policy is in force');
    await kubectl(...label('grant.cambio.dev/team=blue', 'team=blue'));
  });

  const denied = (name: string): object => ({ code: 1, stderr: expect.stringContaining(`the label grant.cambio.dev/${name} is a grant of Cambio: to set, change or remove it takes the verb grant on namespaces.cambio.dev`) as string });
  const allowed = { code: 0, stderr: '' };

  test.each<{ name: string; user: string; args: string[]; answer: object }>([
    { name: 'to set one', user: 'editor', args: label('grant.cambio.dev/other=x'), answer: denied('other') },
    { name: 'to change one', user: 'editor', args: label('grant.cambio.dev/team=red'), answer: denied('team') },
    { name: 'to remove one', user: 'editor', args: label('grant.cambio.dev/team-'), answer: denied('team') },
    { name: 'to set one beside another label', user: 'editor', args: label('team=red', 'grant.cambio.dev/other=x'), answer: denied('other') },
    { name: 'to set one by the status', user: 'editor', args: ['patch', 'namespace', 'grants', '--subresource=status', '--type=merge', '-p', '{"metadata":{"labels":{"grant.cambio.dev/other":"x"}}}'], answer: denied('other') },
    { name: 'to set another label', user: 'editor', args: label('team=red'), answer: allowed },
    { name: 'to set one as it is', user: 'editor', args: label('grant.cambio.dev/team=blue', 'team=green'), answer: allowed },
    { name: 'to set one whose prefix is only like it', user: 'editor', args: label('grant.cambio.dev.example.com/a=b'), answer: allowed },
    { name: 'to set one with the right for another namespace', user: 'elsewhere', args: label('grant.cambio.dev/other=x'), answer: denied('other') },
    { name: 'to set one with the right', user: 'granter', args: label('grant.cambio.dev/other=x'), answer: allowed },
  ])('$name', async ({ user, args, answer }) => {
    expect(await as(user, ...args, '--dry-run=server')).toMatchObject(answer);
  });

  test('to make a Namespace that has one', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'grants-new', labels: { 'grant.cambio.dev/team': 'blue' } } };
    const create = (user: string): Promise<KubectlResult> | undefined => cluster?.kubectl(['create', '--dry-run=server', '-f', '-', `--as=${user}`], { stdin: JSON.stringify(namespace) });
    expect(await create('editor')).toMatchObject(denied('team'));
    expect(await create('granter')).toMatchObject(allowed);
  });
});
