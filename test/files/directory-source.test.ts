// Manifests from a directory, on a real file system: what is in force after each thing that can happen to files.
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pauseAfter, runDirectorySource } from '../../src/files/directory-source.ts';
import { formatProblem } from '../../src/manifests/parse-manifests.ts';
import { keyOf } from '../../src/policy/policy-store.ts';

let dir: string;
let outside: string;

beforeEach(async () => {
  const parent = await mkdtemp(join(tmpdir(), 'cambio-files-'));
  [dir, outside] = [join(parent, 'manifests'), join(parent, 'outside')];
  await mkdir(dir);
  await mkdir(outside);
});
afterEach(() => rm(dirname(outside), { recursive: true, force: true }));

const issuer = (name: string, skew = 30): string => `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ${name}}
spec:
  issuer: {url: https://ci.example.com, audiences: [cambio]}
  verification: {tokenReview: {}}
  clockSkewSeconds: ${skew}
`;

/** A file appears whole or not at all: what is told then depends on no moment. */
async function write(file: string, text: string | Uint8Array): Promise<void> {
  await writeFile(join(outside, 'new'), text);
  await rename(join(outside, 'new'), join(dir, file));
}

type Followed = {
  /** Each object in force with its clock skew, or `off`. */
  state: () => Record<string, number | 'off'>;
  /** What was told so far: a list of the objects of each batch. */
  batches: string[][];
  problems: () => string[];
  trouble: () => string | undefined;
  end: () => Promise<void>;
};

const running: Followed[] = [];
afterEach(async () => {
  for (const followed of running.splice(0)) await followed.end();
});

/** Follows the directory; resolves when it has been read once. `onChange` is called when changes were told. */
async function follow({ monotonic = () => performance.now(), onChange = () => {} } = {}): Promise<Followed> {
  const controller = new AbortController();
  const state = new Map<string, number | 'off'>();
  const batches: string[][] = [];
  let problems: string[] = [];
  let trouble: string | undefined;
  let ended: Promise<void> = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    ended = runDirectorySource({
      dir,
      signal: controller.signal,
      monotonic,
      onSynced: resolve,
      onProblems: (all) => {
        problems = all.map(formatProblem);
      },
      onState: (told) => {
        trouble = told;
      },
      onChanges: (changes) => {
        batches.push(changes.map(({ id, object }) => `${object === undefined ? '-' : '+'}${keyOf(id)}`));
        for (const { id, object } of changes) {
          if (object === undefined) state.delete(id.name);
          else state.set(id.name, object.manifest?.kind === 'TrustedIssuer' ? object.manifest.spec.clockSkewSeconds : 'off');
        }
        onChange();
      },
    });
    ended.catch(reject);
  });
  const followed: Followed = {
    state: () => Object.fromEntries(state),
    batches,
    problems: () => problems,
    trouble: () => trouble,
    end: () => {
      controller.abort();
      return ended;
    },
  };
  running.push(followed);
  return followed;
}

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 15_000, interval: 5 });

describe('the first look', () => {
  test.each<{ name: string; files: Record<string, string>; state: Record<string, number | 'off'> }>([
    { name: 'nothing', files: {}, state: {} },
    { name: 'files with all three endings, and others passed over', files: { 'a.yaml': issuer('a'), 'b.yml': issuer('b'), 'c.json': '{"apiVersion":"cambio.dev/v1alpha1","kind":"TrustedIssuer","metadata":{"name":"c"},"spec":{"issuer":{"audiences":["a"]},"verification":{"tokenReview":{}}}}', 'd.txt': issuer('d'), 'e.yaml.bak': issuer('e'), 'README.md': '# hello' }, state: { a: 30, b: 30, c: 30 } },
    { name: 'folders below, and hidden ones passed over', files: { 'x/y/a.yaml': issuer('a'), '.git/b.yaml': issuer('b'), 'x/.c.yaml': issuer('c') }, state: { a: 30 } },
    { name: 'several documents, a list, and other kinds', files: { 'all.yaml': `${issuer('a')}---\napiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: List\nitems:\n- ${issuer('b').trimEnd().replaceAll('\n', '\n  ')}\n` }, state: { a: 30, b: 30 } },
    { name: 'one object with a mistake', files: { 'a.yaml': issuer('a', 301), 'b.yaml': issuer('b') }, state: { a: 'off', b: 30 } },
    { name: 'one file that is not YAML', files: { 'a.yaml': 'spec: [', 'b.yaml': issuer('b') }, state: { b: 30 } },
  ])('$name', async ({ files, state }) => {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir, file)), { recursive: true });
      await write(file, text);
    }
    const followed = await follow();
    expect(followed.state()).toEqual(state);
    expect(followed.batches.length).toBe(Object.keys(state).length === 0 ? 0 : 1);
  });

  test('a directory that is not there', async () => {
    await rm(dir, { recursive: true });
    await expect(follow()).rejects.toThrow(`the manifests can't be read: ENOENT: no such file or directory, scandir '${dir}'. Name a directory that is there and may be read`);
  });

  test('a file in place of a directory', async () => {
    await rm(dir, { recursive: true });
    await writeFile(dir, issuer('a'));
    await expect(follow()).rejects.toThrow(/the manifests can't be read: ENOTDIR/);
  });
});

describe('changes', () => {
  test('a new, a changed and a deleted file', async () => {
    await write('a.yaml', issuer('a'));
    const followed = await follow();
    await write('b.yaml', issuer('b', 5));
    await until(() => expect(followed.state()).toEqual({ a: 30, b: 5 }));
    await write('b.yaml', issuer('b', 6));
    await until(() => expect(followed.state()).toEqual({ a: 30, b: 6 }));
    await rm(join(dir, 'b.yaml'));
    await until(() => expect(followed.state()).toEqual({ a: 30 }));
    expect(followed.batches.at(-1)).toEqual(['-TrustedIssuer//b']);
    expect(followed.trouble()).toBeUndefined();
  });

  test('an object that moves to another file stays', async () => {
    await write('a.yaml', issuer('a'));
    const followed = await follow();
    await rename(join(dir, 'a.yaml'), join(dir, 'z.yaml'));
    await write('other.yaml', issuer('other'));
    await until(() => expect(followed.state()).toEqual({ a: 30, other: 30 }));
    expect(followed.batches.flat()).not.toContain('-TrustedIssuer//a');
  });

  test('of several documents only those that differ are told', async () => {
    await write('all.yaml', `${issuer('a')}---\n${issuer('b')}`);
    const followed = await follow();
    await write('all.yaml', `# moved down\n${issuer('a')}---\n${issuer('b', 7)}---\n${issuer('c')}`);
    await until(() => expect(followed.state()).toEqual({ a: 30, b: 7, c: 30 }));
    expect(followed.batches).toEqual([
      ['+TrustedIssuer//a', '+TrustedIssuer//b'],
      ['+TrustedIssuer//b', '+TrustedIssuer//c'],
    ]);
  });

  test('a folder that is made, filled, and removed', async () => {
    const followed = await follow();
    await mkdir(join(dir, 'team'));
    await write('team/a.yaml', issuer('a'));
    await until(() => expect(followed.state()).toEqual({ a: 30 }));
    await write('team/a.yaml', issuer('a', 1));
    await until(() => expect(followed.state()).toEqual({ a: 1 }));
    await rm(join(dir, 'team'), { recursive: true });
    await until(() => expect(followed.state()).toEqual({}));
  });

  test('a mistake in an object turns it off, is told with its place, and goes when it is mended', async () => {
    await write('a.yaml', issuer('a'));
    const followed = await follow();
    await write('a.yaml', issuer('a', 301));
    await until(() => expect(followed.problems()).toEqual(['a.yaml:7:3: spec.clockSkewSeconds: must be at most 300']));
    expect(followed.state()).toEqual({ a: 'off' });
    expect(followed.trouble()).toBeUndefined();
    await write('a.yaml', issuer('a', 300));
    await until(() => expect(followed.problems()).toEqual([]));
    expect(followed.state()).toEqual({ a: 300 });
  });
});

describe('a file that can not be understood keeps its last good documents', () => {
  test.each<{ name: string; bytes: string | Uint8Array; why: string; problems: number }>([
    { name: 'half-written', bytes: issuer('a', 9).slice(0, 150), why: 'a.yaml: is not YAML', problems: 1 },
    { name: 'not YAML', bytes: 'apiVersion: [\n', why: 'a.yaml: is not YAML', problems: 1 },
    { name: 'one of two documents is not YAML', bytes: `${issuer('a', 9)}---\n"\n`, why: 'a.yaml: is not YAML', problems: 1 },
    { name: 'not UTF-8', bytes: new Uint8Array([0x61, 0x3a, 0x20, 0xff, 0xfe, 0x0a]), why: 'a.yaml: is not UTF-8', problems: 0 },
  ])('$name', async ({ bytes, why, problems }) => {
    await write('a.yaml', issuer('a', 1));
    const followed = await follow();
    await write('a.yaml', bytes);
    await until(() => expect(followed.trouble()).toBe(`${why}; what it held before is still in force`));
    expect(followed.state()).toEqual({ a: 1 });
    expect(followed.problems()).toHaveLength(problems);

    await write('b.yaml', issuer('b', 2));
    await until(() => expect(followed.state()).toEqual({ a: 1, b: 2 }));
    expect(followed.trouble()).toBe(`${why}; what it held before is still in force`);

    await write('a.yaml', issuer('a', 3));
    await until(() => expect(followed.trouble()).toBeUndefined());
    expect(followed.state()).toEqual({ a: 3, b: 2 });
    expect(followed.problems()).toEqual([]);
  });

  test('a second bad version takes the place of the first in what is told', async () => {
    await write('a.yaml', issuer('a'));
    const followed = await follow();
    await write('a.yaml', 'a: [\n');
    await until(() => expect(followed.problems()).toEqual([expect.stringMatching(/^a\.yaml:\d/)]));
    const first = followed.problems();
    await write('a.yaml', '# b\n\n\nb: "\n');
    await until(() => expect(followed.problems()).not.toEqual(first));
    expect(followed.problems()).toHaveLength(1);
    expect(followed.state()).toEqual({ a: 30 });
  });

  test('the mistakes in what it held are told no longer: their lines are not where they were', async () => {
    await write('a.yaml', issuer('a').replace('spec:', 'spec:\n  typo: 1'));
    const followed = await follow();
    expect(followed.problems()).toEqual([expect.stringContaining('typo')]);
    await write('a.yaml', 'a: [\n');
    await until(() => expect(followed.problems()).toEqual([expect.not.stringContaining('typo')]));
  });

  test('a bad file that is deleted takes its old documents with it', async () => {
    await write('a.yaml', issuer('a'));
    const followed = await follow();
    await write('a.yaml', 'a: [\n');
    await until(() => expect(followed.trouble()).toMatch(/^a\.yaml: is not YAML/));
    await rm(join(dir, 'a.yaml'));
    await until(() => expect(followed.trouble()).toBeUndefined());
    expect(followed.state()).toEqual({});
  });

  test('a link that leads nowhere for a while', async () => {
    await writeFile(join(outside, 'a.yaml'), issuer('a'));
    await symlink('../outside/a.yaml', join(dir, 'a.yaml'));
    const followed = await follow();
    expect(followed.state()).toEqual({ a: 30 });
    await rename(outside, `${outside}-away`);
    await until(() => expect(followed.trouble()).toMatch(/^a\.yaml: ENOENT/));
    expect(followed.state()).toEqual({ a: 30 });
    await rename(`${outside}-away`, outside);
    await until(() => expect(followed.trouble()).toBeUndefined());
    expect(followed.batches).toHaveLength(1);
  });

  test('a directory with the name of a file is a folder, and a link to one is no file', async () => {
    await mkdir(join(dir, 'x.yaml'));
    await write('x.yaml/a.yaml', issuer('a'));
    await symlink(outside, join(dir, 'y.yaml'));
    const followed = await follow();
    expect(followed.state()).toEqual({ a: 30 });
    expect(followed.trouble()).toBe('y.yaml: is not a file; what it held before is still in force');
  });
});

describe('the directory itself', () => {
  test('goes, and comes back with other contents', async () => {
    await write('a.yaml', issuer('a'));
    await write('b.yaml', issuer('b'));
    const followed = await follow();
    await rename(dir, `${dir}-away`);
    await until(() => expect(followed.trouble()).toBe(`${dir}: ENOENT: no such file or directory, scandir '${dir}'; the manifests read before are still in force`));
    expect(followed.state()).toEqual({ a: 30, b: 30 });
    await mkdir(dir);
    await write('a.yaml', issuer('a', 1));
    await until(() => expect(followed.state()).toEqual({ a: 1 }));
    expect(followed.trouble()).toBeUndefined();
    await write('c.yaml', issuer('c'));
    await until(() => expect(followed.state()).toEqual({ a: 1, c: 30 }));
  });

  test('as the mount of a ConfigMap, whose versions are swapped whole', async () => {
    const version = async (name: string, files: Record<string, string>): Promise<void> => {
      await mkdir(join(dir, name));
      for (const [file, text] of Object.entries(files)) await write(`${name}/${file}`, text);
      await symlink(name, join(dir, '..data_tmp'));
      await rename(join(dir, '..data_tmp'), join(dir, '..data'));
    };
    await version('..2026_11_24_01', { 'a.yaml': issuer('a', 1), 'b.yaml': issuer('b', 1) });
    await symlink('..data/a.yaml', join(dir, 'a.yaml'));
    await symlink('..data/b.yaml', join(dir, 'b.yaml'));
    const followed = await follow();
    expect(followed.state()).toEqual({ a: 1, b: 1 });

    await version('..2026_11_24_02', { 'a.yaml': issuer('a', 2), 'b.yaml': issuer('b', 2) });
    await rm(join(dir, '..2026_11_24_01'), { recursive: true });
    await until(() => expect(followed.state()).toEqual({ a: 2, b: 2 }));

    await version('..2026_11_24_03', { 'a.yaml': issuer('a', 3) });
    await rm(join(dir, 'b.yaml'));
    await until(() => expect(followed.state()).toEqual({ a: 3 }));
    await until(() => expect(followed.trouble()).toBeUndefined());
  });
});

describe('the pause between two looks', () => {
  test.each([
    [0, 400],
    [20, 400],
    [30, 600],
    [250, 5_000],
    [3_600_000, 5_000],
  ])('after one that took %i ms: %i ms', (took, milliseconds) => {
    expect(pauseAfter(took)).toBe(milliseconds);
  });

  /** A clock by which it takes hours to read what is new. */
  function slowReading(): { monotonic: () => number; onChange: () => void } {
    let hours = 0;
    return { monotonic: () => performance.now() + hours * 3_600_000, onChange: () => hours++ };
  }

  test('does not grow with what is read: a file behind a link, of which nobody tells', async () => {
    await writeFile(join(outside, 'a.yaml'), issuer('a', 1));
    await symlink('../outside/a.yaml', join(dir, 'a.yaml'));
    const followed = await follow(slowReading());
    for (const skew of [2, 3, 4]) {
      await writeFile(join(outside, 'new'), issuer('a', skew));
      await rename(join(outside, 'new'), join(outside, 'a.yaml'));
      await until(() => expect(followed.state()).toEqual({ a: skew }));
    }
  });

  test('is not waited for where the directory is a link that is swapped', async () => {
    const swap = async (version: string): Promise<void> => {
      await symlink(version, join(outside, 'link-new'));
      await rename(join(outside, 'link-new'), join(outside, 'link'));
    };
    for (const version of [1, 2, 3]) {
      await mkdir(join(outside, `${version}`));
      await writeFile(join(outside, `${version}`, 'a.yaml'), issuer('a', version));
    }
    await swap('1');
    dir = join(outside, 'link');
    const followed = await follow(slowReading());
    for (const version of ['2', '3']) {
      await swap(version);
      await until(() => expect(followed.state()).toEqual({ a: Number(version) }));
    }
    await writeFile(join(outside, 'new'), issuer('b', 4));
    await rename(join(outside, 'new'), join(dir, 'b.yaml'));
    await until(() => expect(followed.state()).toEqual({ a: 3, b: 4 }));
  });
});

describe('an object that stands twice', () => {
  const twice = (files: string): string => `TrustedIssuer a stands more than once (${files}): none of them is used`;

  test('is off until one goes, and is told once', async () => {
    await write('a.yaml', issuer('a', 1));
    const followed = await follow();
    await write('x.yaml', issuer('a', 2));
    await until(() => expect(followed.state()).toEqual({ a: 'off' }));
    expect(followed.problems()).toEqual([`a.yaml:3:12: metadata.name: ${twice('a.yaml, x.yaml')}`, `x.yaml:3:12: metadata.name: ${twice('a.yaml, x.yaml')}`]);
    await write('b.yaml', issuer('b'));
    await until(() => expect(followed.state()).toEqual({ a: 'off', b: 30 }));
    await rm(join(dir, 'a.yaml'));
    await until(() => expect(followed.state()).toEqual({ a: 2, b: 30 }));
    expect(followed.problems()).toEqual([]);
    expect(followed.batches).toEqual([['+TrustedIssuer//a'], ['+TrustedIssuer//a'], ['+TrustedIssuer//b'], ['+TrustedIssuer//a']]);
  });

  test('in one file', async () => {
    await write('a.yaml', `${issuer('a')}---\n${issuer('a')}`);
    const followed = await follow();
    expect(followed.state()).toEqual({ a: 'off' });
    expect(followed.problems()).toEqual([`a.yaml:3:12: metadata.name: ${twice('a.yaml')}`, `a.yaml:11:12: metadata.name: ${twice('a.yaml')}`]);
  });

  test('of different kinds or namespaces is not twice', async () => {
    const client = (namespace: string): string => `apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: a, namespace: ${namespace}}
spec: {authentication: {none: {}}, subjects: [{issuerRef: {name: a}, subject: b}], targets: [{audience: c}]}
`;
    await write('a.yaml', [issuer('a'), client('one'), client('two')].join('---\n'));
    const followed = await follow();
    expect(followed.batches).toEqual([['+TrustedIssuer//a', '+ExchangeClient/one/a', '+ExchangeClient/two/a']]);
    expect(followed.problems()).toEqual([]);
  });
});

describe('the end', () => {
  const held = (): string[] => process.getActiveResourcesInfo().filter((resource) => /FSEvent|Timeout/.test(resource));

  test('leaves no timer and no watcher', async () => {
    await mkdir(join(dir, 'team'));
    await write('team/a.yaml', issuer('a'));
    const before = held();
    const followed = await follow();
    expect(held().filter((resource) => resource.startsWith('FSEvent'))).toHaveLength(2);
    await followed.end();
    for (let turn = 0; turn < 1000 && held().length > before.length; turn++) await nextTurn();
    expect(held()).toEqual(before);
  });

  test('before the first look', async () => {
    const options = { dir, monotonic: () => 0, onChanges: () => {}, onSynced: () => {}, onProblems: () => {}, onState: () => {} };
    const before = held();
    await runDirectorySource({ ...options, signal: AbortSignal.abort() });
    expect(held()).toEqual(before);
  });
});
