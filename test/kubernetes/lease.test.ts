import { beforeEach, describe, expect, test } from 'vitest';
import { leaseTimes } from '../../src/kubernetes/lease.ts';
import { createLeaseWorld, type Fault, type LeaseWorld } from './lease-world.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

const seconds = 1000;
let time: VirtualTime;
let world: LeaseWorld;

beforeEach(() => {
  time = createVirtualTime();
  world = createLeaseWorld(time);
});

/** Lets time pass until something holds, a tenth of a second at a time. @returns how long it took, in seconds */
async function passUntil(holds: () => boolean, most = 60): Promise<number> {
  const start = time.now();
  while (!holds()) {
    if (time.now() - start > most * seconds) throw new Error('waited too long');
    await time.pass(100, expectOneAtMost);
  }
  return (time.now() - start) / seconds;
}

const expectOneAtMost = (): void => expect(world.leaders().length).toBeLessThanOrEqual(1);
const leads = (name: string) => (): boolean => world.leaders().includes(name);
const spec = (): Record<string, unknown> | undefined => world.lease()?.spec;

describe('one candidate', () => {
  test('makes the Lease where there is none, and renews it', async () => {
    world.start('a');
    await time.pass(100);
    expect(world.leaders()).toEqual(['a']);
    expect(spec()).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-11-24T12:00:00.020000Z',
      renewTime: '2026-11-24T12:00:00.020000Z',
      leaseTransitions: 0,
    });
    await time.pass(4 * seconds);
    expect(spec()).toMatchObject({ holderIdentity: 'a', acquireTime: '2026-11-24T12:00:00.020000Z', renewTime: '2026-11-24T12:00:04.060002Z', leaseTransitions: 0 });
    expect(world.requests).toEqual(['a GET 404', 'a POST 201', 'a PUT 200', 'a PUT 200']);
  });

  test('takes a Lease that was given back, and says that the holder has changed', async () => {
    world.put({ holderIdentity: '', leaseDurationSeconds: 15, leaseTransitions: 3, acquireTime: 'x', renewTime: 'x' });
    world.start('a');
    await time.pass(100);
    expect(world.leaders()).toEqual(['a']);
    expect(spec()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 4, acquireTime: '2026-11-24T12:00:00.020000Z' });
  });

  test('takes an empty one, as somebody may have applied it', async () => {
    world.put({});
    world.start('a');
    await time.pass(100);
    expect(spec()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 1 });
  });

  test('leaves alone what it does not know', async () => {
    world.put({ holderIdentity: '', strategy: 'x' });
    world.label();
    world.start('a');
    await time.pass(100);
    expect(world.lease()).toMatchObject({ metadata: { labels: { by: 'somebody' } }, spec: { strategy: 'x', holderIdentity: 'a' } });
  });

  test('gives it back in the end, and does nothing more', async () => {
    const a = world.start('a');
    await time.pass(3 * seconds);
    const ended = a.end();
    expect(a.lease.leadsFor()).toBe(0);
    await time.pass(100);
    await ended;
    expect(spec()).toMatchObject({ holderIdentity: '', leaseTransitions: 0 });
    expect(a.said).toEqual(['leads', 'leads no longer']);
    const before = world.requests.length;
    await time.pass(60 * seconds);
    expect(world.requests).toHaveLength(before);
  });

  test('gives it back although somebody has changed it meanwhile', async () => {
    const a = world.start('a');
    await time.pass(3 * seconds);
    world.label();
    const ended = a.end();
    await time.pass(100);
    await ended;
    expect(spec()).toMatchObject({ holderIdentity: '' });
  });

  test('does not give back what another holds', async () => {
    world.put({ holderIdentity: 'b' });
    const a = world.start('a');
    await time.pass(3 * seconds);
    const ended = a.end();
    await time.pass(100);
    await ended;
    expect(spec()).toEqual({ holderIdentity: 'b' });
  });

  test('ends although the API server does not answer', async () => {
    const a = world.start('a');
    await time.pass(3 * seconds);
    world.fault('a', 'lost request');
    const ended = a.end();
    await time.pass(10 * seconds);
    await ended;
    expect(a.said.at(-1)).toBe('timed out');
  });

  test('leads on while others label the Lease', async () => {
    const a = world.start('a');
    for (let i = 0; i < 60; i++) {
      await time.pass(seconds, expectOneAtMost);
      world.label();
    }
    expect(world.leaders()).toEqual(['a']);
    expect(a.said).toEqual(['leads']);
    expect(spec()).toMatchObject({ leaseTransitions: 0 });
  });

  test('no renewal looks like the one before, although the clock of the day stands', async () => {
    world.start('a', { stands: true });
    const seen: unknown[] = [];
    await time.pass(7 * seconds, () => {
      const renewTime = spec()?.['renewTime'];
      if (renewTime !== seen.at(-1)) seen.push(renewTime);
    });
    expect(seen).toEqual(['000', '001', '002', '003'].map((count) => `2026-11-24T12:00:00.000${count}Z`));
  });
});

describe('a leader that can not renew', () => {
  test.for<Fault>(['refused', 'forbidden', 'lost request', 'lost answer', 'garbage', 'late'])('leads no longer after %s for 10 s, and again when that is over', async (fault) => {
    const a = world.start('a');
    await passUntil(leads('a'));
    world.fault('a', fault);
    const left = await passUntil(() => !leads('a')());
    expect(left).toBeLessThanOrEqual(leaseTimes.deadline / seconds + 0.1);
    await time.pass(30 * seconds, () => expect(world.leaders()).toEqual([]));
    world.fault('a', 'none');
    await passUntil(leads('a'), 10);
    expect(a.said.filter((what) => what.startsWith('leads'))).toEqual(['leads', 'leads no longer', 'leads']);
    expect(a.said).toContain('all is well');
    expect(spec()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('tells why, once', async () => {
    world.fault('a', 'forbidden');
    const a = world.start('a');
    await time.pass(60 * seconds);
    expect(a.said).toEqual(['get was refused with 403: no']);
  });

  test('tells that it leads again also where it noticed too late that it did not', async () => {
    const a = world.start('a');
    await passUntil(leads('a'));
    a.stop();
    await time.pass(12 * seconds);
    expect(a.lease.leadsFor()).toBe(0);
    a.resume();
    await time.pass(100);
    expect(a.said).toEqual(['leads', 'leads no longer', 'leads']);
  });

  test('steps down at once where it sees another one\'s name', async () => {
    const a = world.start('a');
    await passUntil(leads('a'));
    world.put({ holderIdentity: 'somebody', leaseDurationSeconds: 15, leaseTransitions: 7 });
    await passUntil(() => !leads('a')(), 3);
    expect(a.said).toEqual(['leads', 'leads no longer']);
    expect(await passUntil(leads('a'))).toBeGreaterThanOrEqual(14.9);
    expect(spec()).toMatchObject({ leaseTransitions: 8 });
  });
});

describe('two candidates', () => {
  test('only one leads, however long', async () => {
    world.start('a');
    world.start('b');
    await time.pass(300 * seconds, expectOneAtMost);
    expect(world.leaders()).toHaveLength(1);
    expect(spec()).toMatchObject({ leaseTransitions: 0 });
  });

  test.for([0, 0.3, 0.999])('when the leader dies another leads within 20 s, and not before its time is over (at random %d)', async (random) => {
    for (const phase of [0, 0.5, 1, 1.5, 2, 2.5]) {
      time = createVirtualTime();
      world = createLeaseWorld(time);
      const a = world.start('a', { random: () => random });
      await passUntil(leads('a'));
      world.start('b', { random: () => random });
      await time.pass((30 + phase) * seconds);
      a.kill();
      const took = await passUntil(leads('b'));
      expect(took).toBeLessThan(20);
      expect(took).toBeGreaterThan(10);
      expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    }
  });

  test('when the leader ends in order another leads within three seconds', async () => {
    const a = world.start('a');
    await passUntil(leads('a'));
    world.start('b');
    await time.pass(30 * seconds);
    void a.end();
    expect(await passUntil(leads('b'))).toBeLessThan(3);
    expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('a leader that was stopped for a minute finds another in its place', async () => {
    const a = world.start('a');
    await passUntil(leads('a'));
    world.start('b');
    await time.pass(10 * seconds);
    a.stop();
    await passUntil(leads('b'));
    await time.pass(40 * seconds, expectOneAtMost);
    a.resume();
    await time.pass(60 * seconds, () => expect(world.leaders()).toEqual(['b']));
    expect(a.said).toEqual(['leads', 'leads no longer']);
  });

  test('clocks of the day that are hours apart change nothing', async () => {
    world.start('a', { skew: -7_200_000 });
    world.start('b', { skew: 7_200_000 });
    await time.pass(120 * seconds, expectOneAtMost);
    expect(spec()).toMatchObject({ leaseTransitions: 0 });
  });

  test('a Lease that was deleted is not taken from who holds it', async () => {
    world.start('a');
    await time.pass(seconds);
    world.start('b');
    await time.pass(10 * seconds);
    world.remove();
    await time.pass(60 * seconds, expectOneAtMost);
    expect(world.leaders()).toEqual(['a']);
  });

  test('a Lease that was deleted with its holder is made anew by another, after the holder\'s time', async () => {
    const a = world.start('a');
    await time.pass(seconds);
    world.start('b');
    await time.pass(10 * seconds);
    a.kill();
    world.remove();
    expect(await passUntil(leads('b'))).toBeGreaterThanOrEqual(15);
  });

  test('a longer time that the holder has asked for is kept', async () => {
    world.put({ holderIdentity: 'of another version', leaseDurationSeconds: 40, renewTime: 'x' });
    world.start('b');
    expect(await passUntil(leads('b'))).toBeGreaterThanOrEqual(40);
  });
});
