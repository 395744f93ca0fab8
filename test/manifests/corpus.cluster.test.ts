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
const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'corpus' } };

describe.skipIf(!provided.available)('on an API server', () => {
  const connected = provided.available ? connectCluster(provided.handle) : undefined;
  const answers = new Map<string, KubectlResult>();

  const kubectl = (args: string[], stdin?: string): Promise<KubectlResult> =>
    connected?.kubectl(args, stdin === undefined ? {} : { stdin }) ?? Promise.reject(new Error('there is no cluster'));

  beforeAll(async () => {
    await connected?.mustKubectl(['apply', '--server-side', '--force-conflicts', '-f', join(import.meta.dirname, '../../crds')]);
    await connected?.mustKubectl(['wait', '--for=condition=Established', 'crd/trustedissuers.cambio.dev', 'crd/exchangeclients.cambio.dev', 'crd/targetservices.cambio.dev']);
    await connected?.mustKubectl(['apply', '--server-side', '-f', '-'], { stdin: JSON.stringify(namespace) });
    const files = [...valid, ...invalid];
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

  describe('one way of verification after the other', () => {
    const ways = [{ jwks: '{"keys": []}' }, { tokenReview: {} }, { discovery: {} }, { jwksURL: 'https://keys.example.com/jwks' }];
    const changes = ways.flatMap((from) => ways.filter((to) => to !== from).map((to) => ({ from, to, fromName: Object.keys(from)[0], toName: Object.keys(to)[0] })));
    const issuer = (name: string, verification: object): string =>
      JSON.stringify({
        apiVersion: 'cambio.dev/v1alpha1',
        kind: 'TrustedIssuer',
        metadata: { name },
        spec: { issuer: { url: 'https://ci.example.com', audiences: ['cambio'] }, verification },
      });

    describe.each([
      { side: 'client', apply: ['apply', '-f', '-'] },
      { side: 'server', apply: ['apply', '--server-side', '-f', '-'] },
    ])('applied by the $side', ({ side, apply }) => {
      test.each(changes)('$fromName, then $toName', async ({ from, to, fromName, toName }) => {
        const name = `corpus-${side}-${fromName}-${toName}`.toLowerCase();
        expect(await kubectl(apply, issuer(name, from))).toMatchObject({ code: 0 });
        expect(await kubectl(apply, issuer(name, to))).toMatchObject({ code: 0 });
        const { stdout } = await kubectl(['get', 'trustedissuer', name, '-o', 'json']);
        expect(JSON.parse(stdout).spec.verification).toEqual(to);
        expect(readObject(JSON.parse(stdout)).read?.problems).toBeUndefined();
      });
    });
  });
});
