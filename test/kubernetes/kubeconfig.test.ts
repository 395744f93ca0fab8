// Which kubeconfig is meant, and what it says where it is of several files.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { kubeConfigFiles, loadKubeConfig } from '../../src/kubernetes/kubeconfig.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-kubeconfig-'));
});
afterEach(() => rm(dir, { recursive: true }));

const at = (name: string): string => join(dir, name);

/** Writes a file in which cluster, user and context have the same names, and what they are says which file it is. */
async function write(name: string, names: readonly string[], more: object = {}): Promise<string> {
  await writeFile(at(name), stringify({
    clusters: names.map((own) => ({ name: own, cluster: { server: `https://${name}.test` } })),
    users: names.map((own) => ({ name: own, user: { token: `of-${name}` } })),
    contexts: names.map((own) => ({ name: own, context: { cluster: own, user: own, namespace: `in-${name}` } })),
    ...more,
  }));
  return at(name);
}

test.each([
  { flag: undefined, variable: undefined, files: [] },
  { flag: undefined, variable: '', files: [] },
  { flag: undefined, variable: '/a', files: ['/a'] },
  { flag: undefined, variable: ['/a', '', '/b'].join(delimiter), files: ['/a', '/b'] },
  { flag: '/c', variable: '/a', files: ['/c'] },
  { flag: ['/c', '/d'].join(delimiter), variable: undefined, files: [['/c', '/d'].join(delimiter)] },
])('--kubeconfig $flag and KUBECONFIG=$variable', ({ flag, variable, files }) => {
  expect(kubeConfigFiles(flag, variable)).toEqual(files);
});

describe('one file', () => {
  test('there is none, and no pod', () => {
    expect(loadKubeConfig([], false)).toBeUndefined();
  });

  test('it is not there', () => {
    expect(() => loadKubeConfig([at('absent')], true)).toThrow(`the kubeconfig ${at('absent')} is not there. Name another one by --kubeconfig or $KUBECONFIG`);
  });

  test('a user with nothing, and one with a token, are left as they are', async () => {
    await writeFile(at('kubeconfig'), stringify({ clusters: [], contexts: [], users: [{ name: 'a', user: { token: 't' } }, { name: 'b', user: null }] }));
    expect(loadKubeConfig([at('kubeconfig')], false)?.users).toMatchObject([{ name: 'a', token: 't' }, { name: 'b' }]);
  });
});

describe('several files', () => {
  test('what has one name counts as the first file has it, and so does the current context', async () => {
    const files = [await write('first', ['shared', 'one']), await write('second', ['two', 'shared'], { 'current-context': 'two' }), await write('third', ['three'], { 'current-context': 'three' })];
    const config = loadKubeConfig(files, false);
    expect(config?.clusters.map(({ name, server }) => [name, server])).toEqual([['shared', 'https://first.test'], ['one', 'https://first.test'], ['two', 'https://second.test'], ['three', 'https://third.test']]);
    expect(config?.users.map(({ name, token }) => [name, token])).toEqual([['shared', 'of-first'], ['one', 'of-first'], ['two', 'of-second'], ['three', 'of-third']]);
    expect(config?.contexts.map(({ name, namespace }) => [name, namespace])).toEqual([['shared', 'in-first'], ['one', 'in-first'], ['two', 'in-second'], ['three', 'in-third']]);
    expect(config?.getCurrentContext()).toBe('two');
  });

  test('a path in a file is relative to that file', async () => {
    await writeFile(at('token'), 'from a file');
    const files = [await write('first', ['one']), at('second')];
    await writeFile(at('second'), stringify({ clusters: [], contexts: [], users: [{ name: 'two', user: { tokenFile: 'token' } }] }));
    expect(loadKubeConfig(files, false)?.users[1]).toMatchObject({ name: 'two', authProvider: { config: { tokenFile: at('token') } } });
  });

  test('some may be absent, and not all', async () => {
    expect(loadKubeConfig([at('absent'), await write('second', ['two'])], false)?.clusters).toMatchObject([{ name: 'two' }]);
    expect(() => loadKubeConfig([at('absent'), at('absent-too')], true)).toThrow(`the kubeconfig ${at('absent')} is not there`);
  });

  test('one that can not be read is named', async () => {
    await writeFile(at('broken'), '{');
    expect(() => loadKubeConfig([at('absent'), at('broken')], false)).toThrow(new RegExp(`^the kubeconfig ${at('broken')} can't be read: `));
  });
});
