import { describe, expect, test } from 'vitest';
import { isCurrent, isNewer, isRedated, removalOf, type LiveStatus, type StatusContent } from '../../src/kubernetes/live-status.ts';

const condition = (type: string, status = 'True') => ({ type, status, reason: 'R', message: 'm', lastTransitionTime: '2020-01-01T00:00:00Z' });
const says = (fields: StatusContent['fields'] = {}, types: readonly string[] = ['Ready']): StatusContent =>
  ({ generation: 1, fields, conditions: types.map((type) => ({ type, status: 'True', reason: 'R', message: 'm' })) }) as unknown as StatusContent;
const live = (fields: object = {}, ...types: string[]): LiveStatus => ({ observedGeneration: 1, conditions: (types.length === 0 ? ['Ready'] : types).map((type) => condition(type)), ...fields });

describe('isCurrent', () => {
  test.for([
    ['a condition of another controller does not count', live({}, 'Ready', 'SyncedByTheirs'), says(), true],
    ['one of ours that is there no longer does', live({}, 'Ready', 'Stalled'), says(), false],
    ['the time of a fetch does not count', live({ keys: 2, lastFetchTime: '2020-01-01T00:00:00Z' }), says({ keys: 2, lastFetchTime: '2021-01-01T00:00:00Z' }), true],
    ['nor that there is none yet', live({ keys: 2, lastFetchTime: '2020-01-01T00:00:00Z' }), says({ keys: 2 }), true],
    ['what it found does', live({ keys: 2, lastFetchTime: '2020-01-01T00:00:00Z' }), says({ keys: 3, lastFetchTime: '2020-01-01T00:00:00Z' }), false],
  ] as const)('%s', ([, status, verdict, current]) => {
    expect(isCurrent(status, verdict)).toBe(current);
  });
});

test.for([
  ['2020-01-01T00:00:00Z', '2021-01-01T00:00:00Z', true, true],
  ['2021-01-01T00:00:00Z', '2020-01-01T00:00:00Z', false, true],
  ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z', false, false],
  [undefined, '2020-01-01T00:00:00Z', true, false],
  ['2020-01-01T00:00:00Z', undefined, false, false],
  [undefined, undefined, false, false],
] as const)('from %s to %s is newer: %s, and redated: %s', ([before, after, newer, redated]) => {
  const fields = (time: string | undefined): StatusContent['fields'] => (time === undefined ? {} : { lastFetchTime: time });
  expect([isNewer(says(fields(after)), live(fields(before))), isRedated(says(fields(before)), says(fields(after)))]).toEqual([newer, redated]);
});

describe('removalOf', () => {
  test.for([
    ['nothing is left over', live({ targets: 'a' }), says({ targets: 'a' }), undefined],
    ['a field of ours that another has set', live({ targets: 'a', keys: 2 }), says({ targets: 'a' }), { keys: null }],
    ['a condition of ours that another has set', live({}, 'Ready', 'Stalled', 'Theirs'), says(), { conditions: [condition('Ready'), condition('Theirs')] }],
    ['a condition of theirs', live({}, 'Ready', 'Theirs'), says(), undefined],
    ['a field that is not kept', live(), says({ targets: 'a' }), undefined],
    ['both', live({ keys: 2 }, 'Stalled', 'Ready'), says(), { keys: null, conditions: [condition('Ready')] }],
  ] as const)('%s', ([, status, verdict, removal]) => {
    expect(removalOf(status, verdict)).toEqual(removal);
  });
});
