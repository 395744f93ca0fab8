// The corpus against a real API server: the CRDs and Cambio's own schema must give the same verdict and the same defaults.
import { join } from 'node:path';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { formatPath } from '../../src/manifests/format-path.ts';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import { readObject, type ReadObject } from '../../src/manifests/read-object.ts';
import { connectCluster, type KubectlResult } from '../cluster/connect-cluster.ts';
import { readCorpus, type CorpusFile } from './corpus.ts';

const provided = inject('cluster');
const valid = readCorpus('valid');
const invalid = readCorpus('invalid');
const onlyCambio = readCorpus('only-cambio');
const namespaces = ['corpus', 'tenant'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));

describe.skipIf(!provided.available)('on an API server', () => {
  const connected = provided.available ? connectCluster(provided.handle) : undefined;
  const answers = new Map<string, KubectlResult>();

  const kubectl = (args: string[], stdin?: string): Promise<KubectlResult> =>
    connected?.kubectl(args, stdin === undefined ? {} : { stdin }) ?? Promise.reject(new Error('there is no cluster'));

  beforeAll(async () => {
    await connected?.mustKubectl(['apply', '--server-side', '--force-conflicts', '-f', join(import.meta.dirname, '../../crds')]);
    await connected?.mustKubectl(['wait', '--for=condition=Established', 'crd/trustedissuers.cambio.dev', 'crd/exchangeclients.cambio.dev', 'crd/targetservices.cambio.dev']);
    await connected?.mustKubectl(['apply', '--server-side', '-f', '-'], { stdin: namespaces.map((namespace) => JSON.stringify(namespace)).join('\n---\n') });
    const files = [...valid, ...invalid, ...onlyCambio];
    const ask = async (): Promise<void> => {
      for (let file = files.pop(); file !== undefined; file = files.pop()) {
        answers.set(file.path, await kubectl(['create', '--validate=false', '--dry-run=server', '-o', 'json', '-f', file.path]));
      }
    };
    await Promise.all([ask(), ask(), ask(), ask()]);
  });

  const answerTo = (file: CorpusFile): KubectlResult => answers.get(file.path) ?? { code: -1, stdout: '', stderr: 'was not asked' };

  /** The object as the API server would store it. */
  const stored = (file: CorpusFile): ReadObject | undefined => readObject(JSON.parse(answerTo(file).stdout)).read;
  const written = (file: CorpusFile): ReadObject | undefined => parseManifests(file.text, file.name).objects[0];

  describe('the corpus', () => {
    test.each(valid)('valid/$name is stored, and what is stored is read as what was written', (file) => {
      expect(answerTo(file)).toMatchObject({ code: 0, stderr: '' });
      const { spec, kind, name } = written(file)?.manifest ?? {};
      expect(stored(file)?.problems).toBeUndefined();
      expect(stored(file)?.manifest).toMatchObject({ kind, name });
      expect(stored(file)?.manifest?.spec).toEqual(spec);
    });

    test.each(invalid.filter((file) => !file.apiServerAccepts))('invalid/$name is refused here too', (file) => {
      const { code, stderr } = answerTo(file);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.any(String) });
      expect(stderr).not.toMatch(/already exists|"corpus" not found|internal error|connection/i);
    });

    test.each(invalid.filter((file) => file.apiServerAccepts))('invalid/$name is stored with what is wrong in it, and Cambio sees that', (file) => {
      expect(answerTo(file)).toMatchObject({ code: 0, stderr: '' });
      const problems = stored(file)?.problems?.map(({ path, message }) => `${formatPath(path)}: ${message}`);
      // The one thing that the API server mends: it takes the namespace off an object that has none.
      expect(problems).toEqual(file.name === 'namespace-of-a-cluster-kind' ? undefined : file.problems);
    });
  });

  test.each(onlyCambio)('only-cambio/$name is stored: its mistake is told by a condition', (file) => {
    expect(answerTo(file)).toMatchObject({ code: 0, stderr: '' });
  });

  test('YAML 1.1 is stored as these values, and read from a file as the same', () => {
    const file = valid.find(({ name }) => name === 'client-yaml-1-1');
    const read = file === undefined ? undefined : [stored(file), written(file)].map((object) => (object?.manifest?.kind === 'ExchangeClient' ? object.manifest.spec.examples : []));
    const claims = [
      { sub: 'a', a: true, b: false, c: true, d: false, e: true, f: false, g: true, h: 'yEs', i: 'yes' },
      { sub: 'a', true: 'in an EC key', false: 'in an RSA key', 15: 'octal', 10: 'ten' },
      { sub: 'a', a: 511, b: 15, c: 15, d: 3, e: 31, f: 1000, g: 8, h: 0.5, i: 1000, j: 0, k: 1, l: 9_007_199_254_740_991 },
      { sub: 'a', a: '1:30', b: '190:20:30', c: '2026-01-01', d: '2026-01-01T00:00:00Z', e: '0o8', f: '1.2.3' },
      { sub: 'a', a: null, b: null, c: null, d: [null], e: { f: null } },
      { sub: 'a', a: 'one\ntwo\n', b: 'one two', c: 'one two', d: 'one two' },
      { sub: 'a', a: 1 },
    ];
    expect(read?.map((examples) => examples.map((example) => example.claims))).toEqual([claims, claims]);
  });

  describe('what can not be changed', () => {
    type IssuerSpec = { url?: string; subjectPrefix?: string };
    const issuer = (name: string, { url, subjectPrefix }: IssuerSpec): string =>
      JSON.stringify({
        apiVersion: 'cambio.dev/v1alpha1',
        kind: 'TrustedIssuer',
        metadata: { name },
        spec: { issuer: { url, audiences: ['cambio'] }, verification: { tokenReview: {} }, subjectPrefix },
      });
    const url = 'https://ci.example.com';
    const changes: { name: string; before: IssuerSpec; after: IssuerSpec; field: string }[] = [
      { name: 'url-changed', before: { url }, after: { url: `${url}/` }, field: 'issuer.url' },
      { name: 'url-removed', before: { url }, after: {}, field: 'issuer.url' },
      { name: 'url-added', before: {}, after: { url }, field: 'issuer.url' },
      { name: 'prefix-changed', before: { url, subjectPrefix: 'a:' }, after: { url, subjectPrefix: 'b:' }, field: 'subjectPrefix' },
      { name: 'prefix-removed', before: { url, subjectPrefix: 'a:' }, after: { url }, field: 'subjectPrefix' },
      { name: 'prefix-added', before: { url }, after: { url, subjectPrefix: 'a:' }, field: 'subjectPrefix' },
    ];

    test.each(changes)('$name', async ({ name, before, after, field }) => {
      expect(await kubectl(['apply', '-f', '-'], issuer(`corpus-${name}`, before))).toMatchObject({ code: 0 });
      expect(await kubectl(['apply', '-f', '-'], issuer(`corpus-${name}`, before))).toMatchObject({ code: 0, stdout: expect.stringContaining('unchanged') });
      const { code, stderr } = await kubectl(['apply', '-f', '-'], issuer(`corpus-${name}`, after));
      expect(code).toBe(1);
      expect(stderr).toContain(`spec.${field}: Invalid value: `);
      expect(stderr).toContain('is immutable: make a new object instead');
    });
  });

  test('the audience of a TargetService', async () => {
    const target = (audience: string): string => JSON.stringify({ apiVersion: 'cambio.dev/v1alpha1', kind: 'TargetService', metadata: { name: 'corpus-audience' }, spec: { audience } });
    expect(await kubectl(['apply', '-f', '-'], target('vault'))).toMatchObject({ code: 0 });
    const { code, stderr } = await kubectl(['apply', '-f', '-'], target('vault2'));
    expect(code).toBe(1);
    expect(stderr).toContain('spec.audience: Invalid value: ');
    expect(stderr).toContain('audience is immutable: make a new object instead');
  });

  describe('one member of a union after the other', () => {
    type Union = { union: string; members: readonly { member: string; spec: object }[] };
    const issuer = { url: 'https://ci.example.com', audiences: ['cambio'] };
    const selector = { matchLabels: { team: 'payments' } };
    const verification = [{ jwks: '{"keys": []}' }, { tokenReview: {} }, { discovery: {} }, { jwksURL: 'https://keys.example.com/jwks' }, { kubernetesDiscovery: {} }];
    const from = [{ from: 'None' }, { from: 'All' }, { from: 'Selector', selector }];
    const rules = [{ claim: 'a', requiredValue: 'b' }, { expression: 'true', message: 'always' }];
    const subjects = [{ subject: 'a' }, { subjectPattern: 'a*' }, { serviceAccounts: [{ name: 'a' }] }, { conditions: [{ expression: 'true' }] }];
    const client = { authentication: { none: {} }, targets: [{ audience: 'vault' }] };
    const unions: Record<'TrustedIssuer' | 'TargetService' | 'ExchangeClient', Union[]> = {
      TrustedIssuer: [
        { union: 'verification', members: verification.map((way) => ({ member: Object.keys(way)[0] ?? '', spec: { issuer, verification: way } })) },
        { union: 'allowedNamespaces', members: from.map((allowedNamespaces) => ({ member: allowedNamespaces.from, spec: { issuer, verification: { discovery: {} }, allowedNamespaces } })) },
        { union: 'claimValidationRules', members: rules.map((rule) => ({ member: Object.keys(rule)[0] ?? '', spec: { issuer, verification: { discovery: {} }, claimValidationRules: [rule] } })) },
      ],
      TargetService: [{ union: 'allowedNamespaces', members: from.map((allowedNamespaces) => ({ member: allowedNamespaces.from, spec: { audience: 'vault', allowedNamespaces } })) }],
      ExchangeClient: [{ union: 'subjects', members: subjects.map((form) => ({ member: Object.keys(form)[0] ?? '', spec: { ...client, subjects: [{ issuerRef: { name: 'corpus-ci' }, ...form }] } })) }],
    };
    const changes = Object.entries(unions).flatMap(([kind, all]) =>
      all.flatMap(({ union, members }) => members.flatMap((before) => members.filter((after) => after !== before).map((after) => ({ kind, union, before, after, fromMember: before.member, toMember: after.member })))),
    );

    describe.each([
      { side: 'client', apply: ['apply', '-f', '-'] },
      { side: 'server', apply: ['apply', '--server-side', '-f', '-'] },
    ])('applied by the $side', ({ side, apply }) => {
      test.each(changes)('$kind $union: $fromMember, then $toMember', async ({ kind, union, before, after }) => {
        const name = `corpus-${side}-${union}-${before.member}-${after.member}`.toLowerCase();
        const metadata = { name, ...(kind === 'ExchangeClient' && { namespace: 'corpus' }) };
        const object = ({ spec }: typeof before): string => JSON.stringify({ apiVersion: 'cambio.dev/v1alpha1', kind, metadata, spec });
        expect(await kubectl(apply, object(before))).toMatchObject({ code: 0 });
        expect(await kubectl(apply, object(after))).toMatchObject({ code: 0 });
        const { stdout } = await kubectl(['get', kind, name, '-n', 'corpus', '-o', 'json']);
        // Nothing is left of the first, and it is the object that it would be if it had been made so.
        const is = readObject(JSON.parse(stdout)).read;
        expect(is?.problems).toBeUndefined();
        expect(is?.manifest?.spec).toEqual(parseManifests(object(after), name).objects[0]?.manifest?.spec);
        await kubectl(['delete', kind, name, '-n', 'corpus', '--wait=false']);
      });
    });
  });
});
