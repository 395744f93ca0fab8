// Why the API server could not be reached is told wherever it is told at all: also where it has several addresses.
import { describe, expect, test } from 'vitest';
import { describeFailure } from '../../src/kubernetes/describe-failure.ts';
import { createEventWriter } from '../../src/kubernetes/events.ts';
import { createLease } from '../../src/kubernetes/lease.ts';
import { createStatusWriter } from '../../src/kubernetes/status-writer.ts';
import type { ObjectId } from '../../src/manifests/read-object.ts';

/** What node:net throws where no address of a host answers. */
const away = Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:6443'), new Error('connect ECONNREFUSED 127.0.0.1:6443')]), { code: 'ECONNREFUSED' });

test.for([
  [new Error('no'), 'no'],
  ['no', 'no'],
  [undefined, 'undefined'],
  [new TypeError(), 'TypeError'],
  [away, 'ECONNREFUSED'],
  [new Error('fetch failed', { cause: new Error('no route') }), 'fetch failed: no route'],
  [new Error('fetch failed', { cause: 7 }), 'fetch failed'],
] as [unknown, string][])('describeFailure(%o) is %j', ([error, words]) => {
  expect(describeFailure(error)).toBe(words);
});

describe('an API server with several addresses, none of which answers, is told of', () => {
  const api = { request: () => Promise.reject(away) };
  const id: ObjectId = { kind: 'ExchangeClient', namespace: 'shop', name: 'a' };
  const clocks = { now: () => 0, monotonic: () => 0, leadsFor: () => Infinity };

  /** Runs something until it tells a trouble. */
  async function firstTrouble(run: (tell: (trouble: string | undefined) => void, signal: AbortSignal) => Promise<void>): Promise<string | undefined> {
    const end = new AbortController();
    const troubles: (string | undefined)[] = [];
    await run((trouble) => {
      troubles.push(trouble);
      end.abort();
    }, end.signal);
    return troubles[0];
  }

  test('by a candidate for the Lease', async () => {
    const trouble = await firstTrouble((onTrouble, signal) => createLease({ api, namespace: 'n', identity: 'i', ...clocks, random: () => 0, onChange: () => undefined, onTrouble, signal }).run());
    expect(trouble).toBe('ECONNREFUSED');
  });

  test('by the writer of events', async () => {
    const trouble = await firstTrouble(async (onTrouble, signal) => {
      const events = createEventWriter({ api, ...clocks, identity: 'i', onTrouble, signal });
      events.tell(id, 'uid-1', [{ type: 'Normal', reason: 'Ready', note: 'm' }]);
      await events.idle();
    });
    expect(trouble).toBe('an event could not be written: ECONNREFUSED');
  });

  test('by the writer of status', async () => {
    const trouble = await firstTrouble(async (tell, signal) => {
      const status = createStatusWriter({ api, ...clocks, onError: (_, message) => tell(message), signal });
      status.observe(id, { metadata: { name: 'a', namespace: 'shop', uid: 'uid-1', resourceVersion: '7' } });
      status.want([{ id, generation: 1, conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'm' }], fields: {} }]);
      await status.idle();
    });
    expect(trouble).toBe('its status could not be written: ECONNREFUSED');
  });
});
