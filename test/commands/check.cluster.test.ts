// `cambio check` beside a real API server: the examples pass both, and --server needs no more than the right to list.
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { connectCluster } from '../cluster/connect-cluster.ts';
import { examplesDir, readExamples } from '../examples.ts';
import { runCheckWith } from './run-check.ts';

const provided = inject('cluster');

const reader = `
apiVersion: v1
kind: Namespace
metadata: {name: check}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: check}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: check-reader}
rules:
- {apiGroups: [cambio.dev], resources: [trustedissuers, exchangeclients, targetservices], verbs: [list]}
- {apiGroups: [""], resources: [namespaces], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: check-reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: check-reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: check}]
`;

const mistaken = `
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: mistaken, namespace: check}
spec:
  authentication: {none: {}}
  subjects: [{issuerRef: {name: check-nobody}, subject: a}]
  targets: [{audience: https://check.example.com, lifetimeSecond: 60}]
`;

describe.skipIf(!provided.available)('beside an API server', () => {
  const connected = provided.available ? connectCluster(provided.handle) : undefined;
  const must = (args: string[], stdin?: string): Promise<string> => connected?.mustKubectl(args, stdin === undefined ? {} : { stdin }) ?? Promise.reject(new Error('there is no cluster'));

  beforeAll(async () => {
    await must(['apply', '--server-side', '--force-conflicts', '-f', join(import.meta.dirname, '../../crds')]);
    await must(['wait', '--for=condition=Established', 'crd/trustedissuers.cambio.dev', 'crd/exchangeclients.cambio.dev', 'crd/targetservices.cambio.dev']);
    await must(['apply', '-f', '-'], reader);
  });

  test.each(readExamples())('the API server takes the example $name', async ({ name, folder }) => {
    // Namespaces that an example only refers to are not made by a dry run: each document is looked at by itself.
    const text = await must(['create', '--dry-run=client', '--validate=false', '-o', 'json', '-f', join(examplesDir, name, folder)]);
    const parsed = JSON.parse(text.replaceAll(/\n\}\n\{/g, '\n},\n{').replace(/^/, '[').concat(']')) as { kind: string; items?: object[] }[];
    const objects = parsed.flatMap((object) => (object.kind === 'List' ? (object.items ?? []) : [object])) as { apiVersion: string; metadata: { name: string; namespace?: string } }[];
    const own = objects.filter(({ apiVersion }) => apiVersion.startsWith('cambio.dev/'));
    expect(own.length).toBeGreaterThan(0);
    for (const object of own) {
      // Other tests may have one of that name there.
      object.metadata.name = `example-${object.metadata.name}`;
      if (object.metadata.namespace !== undefined) object.metadata.namespace = 'check';
      await must(['create', '--dry-run=server', '--validate=strict', '-f', '-'], JSON.stringify(object));
    }
  });

  test('--server reads with the right to list, and tells what is wrong', async () => {
    await must(['apply', '--validate=false', '-f', '-'], mistaken);
    const kubeconfig = (await connected?.kubeconfigForServiceAccount('check', 'reader')) ?? '';
    const { code, out, err } = await runCheckWith(['--server', '--kubeconfig', kubeconfig, '--output', 'json']);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    const { problems } = JSON.parse(out) as { problems: { file: string; field: string; message: string }[] };
    expect(problems.filter(({ file }) => file === 'ExchangeClient/check/mistaken')).toMatchObject([
      { field: 'spec.targets[0].lifetimeSecond', message: 'unknown field; did you mean lifetimeSeconds?' },
    ]);
  });
});
