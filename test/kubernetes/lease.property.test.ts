// Whatever goes wrong, two never lead at once; and when it is over, somebody leads.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLeaseWorld, type Candidate, type Fault, type LeaseWorld } from './lease-world.ts';
import { createVirtualTime } from './virtual-time.ts';

const names = ['a', 'b', 'c'] as const;
const faults: Fault[] = ['none', 'refused', 'forbidden', 'lost request', 'lost answer', 'garbage', 'late'];

type Step = { wait: number } & (
  | { what: 'fault'; name: string | undefined; fault: Fault }
  | { what: 'stop'; name: string }
  | { what: 'resume'; name: string }
  | { what: 'kill' | 'end'; name: string }
  | { what: 'label' }
  | { what: 'remove' }
);

const wait = fc.integer({ min: 0, max: 12_000 });
const name = fc.constantFrom(...names);
const fault = fc.record({ wait, what: fc.constant('fault' as const), name: fc.option(name, { nil: undefined }), fault: fc.constantFrom(...faults) });
const process = fc.record({ wait, what: fc.constantFrom('stop' as const, 'resume' as const, 'kill' as const, 'end' as const), name });
const label = fc.record({ wait, what: fc.constant('label' as const) });
const remove = fc.record({ wait, what: fc.constant('remove' as const) });

/** Each process has clocks of its own; those that measure time are up to a tenth off. */
const clocks = fc.array(fc.record({ skew: fc.integer({ min: -86_400_000, max: 86_400_000 }), rate: fc.double({ min: 0.9, max: 1.1, noNaN: true }), seed: fc.nat() }), { minLength: 3, maxLength: 3 });

function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
}

/** Starts three processes, does what is in the script, mends everything, and looks whether somebody leads. One that ended is started anew under another name. */
async function play(processes: readonly { skew: number; rate: number; seed: number }[], quiet: number, steps: readonly Step[]): Promise<void> {
  const time = createVirtualTime();
  const world = createLeaseWorld(time);
  const running = new Map<string, Candidate>();
  let generation = 0;
  const launch = (of: string): void => {
    const { skew, rate, seed } = processes[names.indexOf(of as (typeof names)[number])] ?? { skew: 0, rate: 1, seed: 0 };
    running.set(of, world.start(`${of}${generation++}`, { skew, rate, random: randomOf(seed + generation) }));
  };
  const oneAtMost = (): void => {
    if (world.leaders().length > 1) throw new Error(`at ${time.now()} ms ${world.leaders().join(' and ')} lead`);
  };
  for (const of of names) launch(of);
  await time.pass(quiet, oneAtMost);
  for (const step of steps) {
    await time.pass(step.wait, oneAtMost);
    take(world, running, step, launch);
    oneAtMost();
  }
  world.fault(undefined, 'none');
  for (const candidate of running.values()) {
    world.fault(candidate.name, 'none');
    candidate.resume();
  }
  // What is late comes within 6 s, a Lease expires within 15 s of the slowest clock, and somebody looks within three.
  await time.pass(30_000, oneAtMost);
  expect(world.leaders()).toHaveLength(1);
  expect(world.lease()?.spec['holderIdentity']).toBe(world.leaders()[0]);
  for (const { said } of running.values()) expect(said.filter((what) => what.startsWith('leads')).every((what, i) => what === (i % 2 === 0 ? 'leads' : 'leads no longer'))).toBe(true);
}

function take(world: LeaseWorld, running: Map<string, Candidate>, step: Step, launch: (name: string) => void): void {
  if (step.what === 'label') world.label();
  else if (step.what === 'remove') world.remove();
  else if (step.what === 'fault') world.fault(step.name === undefined ? undefined : running.get(step.name)?.name, step.fault);
  else if (step.what === 'stop') running.get(step.name)?.stop();
  else if (step.what === 'resume') running.get(step.name)?.resume();
  else {
    const candidate = running.get(step.name);
    if (step.what === 'kill') candidate?.kill();
    else void candidate?.end();
    launch(step.name);
  }
}

test('requests get lost, processes stop, die and come back, clocks differ', { timeout: 60_000 }, async () => {
  const script = fc.array(fc.oneof({ weight: 3, arbitrary: fault }, { weight: 2, arbitrary: process }, { weight: 1, arbitrary: label }), { maxLength: 16 });
  await fc.assert(fc.asyncProperty(clocks, fc.integer({ min: 0, max: 20_000 }), script, play), { numRuns: 300, seed: 8693 });
});

// Once: that it was made and deleted again between two looks can't be seen. And nobody is new: who has never seen a holder can't know of one.
test('the Lease is deleted while processes that know it go on', { timeout: 60_000 }, async () => {
  const rest = fc.array(fc.oneof({ weight: 3, arbitrary: fault }, { weight: 1, arbitrary: label }), { maxLength: 8 });
  const script = fc.tuple(rest, remove, rest).map(([before, deletion, after]): Step[] => [...before, deletion, ...after]);
  await fc.assert(fc.asyncProperty(clocks, fc.constant(10_000), script, play), { numRuns: 300, seed: 8693 });
});
