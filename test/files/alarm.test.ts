// What wakes whoever follows directories: that a name stands for another directory than before, and what happens in that.
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAlarm, type Alarm } from '../../src/files/alarm.ts';

let root: string;
let end: AbortController;
let alarm: Alarm;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cambio-alarm-'));
  end = new AbortController();
  alarm = createAlarm(end.signal);
});
afterEach(async () => {
  end.abort();
  await rm(root, { recursive: true, force: true });
});

/** Longer than any test: what ends before has been woken. */
const day = 86_400_000;

/** Follows directories of which one is another than before, or new; resolves when that has been told. */
async function follow(...dirs: string[]): Promise<void> {
  await alarm.watch(dirs);
  await expect(alarm.next(day)).resolves.toBeUndefined();
}

test('a directory that did not count before is touched: nobody told what happened there', async () => {
  await mkdir(join(root, 'a'));
  await follow(root);
  await alarm.watch([root, join(root, 'a')]);
  await expect(alarm.next(day)).resolves.toBeUndefined();
});

test('a link that leads to another directory', async () => {
  const link = join(root, 'link');
  for (const version of ['1', '2', '3']) await mkdir(join(root, version));
  const leadTo = async (version: string): Promise<void> => {
    await symlink(version, `${link}-new`);
    await rename(`${link}-new`, link);
  };
  await leadTo('1');
  await follow(link);
  for (const version of ['2', '3']) {
    await leadTo(version);
    await expect(alarm.next(day)).resolves.toBeUndefined();
    await follow(link);
  }
  await writeFile(join(link, 'a'), '');
  await expect(alarm.next(day)).resolves.toBeUndefined();
});

test('a link further up on the path', async () => {
  for (const version of ['1', '2']) await mkdir(join(root, version, 'manifests'), { recursive: true });
  await symlink('1', join(root, 'link'));
  await follow(join(root, 'link', 'manifests'));
  await symlink('2', join(root, 'link-new'));
  await rename(join(root, 'link-new'), join(root, 'link'));
  await expect(alarm.next(day)).resolves.toBeUndefined();
});

test.each(['a', 'a/b'])('a directory that was removed and made anew: %s of a/b', async (dir) => {
  const make = (): Promise<unknown> => mkdir(join(root, 'a', 'b'), { recursive: true });
  const dirs = [join(root, 'a'), join(root, 'a', 'b')];
  await make();
  await follow(...dirs);
  await rm(join(root, dir), { recursive: true });
  await make();
  await expect(alarm.next(day)).resolves.toBeUndefined();
  await follow(...dirs);
  await writeFile(join(root, dir, 'c'), '');
  await expect(alarm.next(day)).resolves.toBeUndefined();
});
