import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ApiRequest, ApiResponse } from '../../src/kubernetes/api-server.ts';
import { createEventWriter, eventBounds, eventOf, transitionsOf, type EventWriter, type Transition } from '../../src/kubernetes/events.ts';
import type { LiveStatus } from '../../src/kubernetes/live-status.ts';
import type { ObjectId } from '../../src/manifests/read-object.ts';
import type { Condition } from '../../src/policy/conditions.ts';
import { connectTo, startFakeApiServer } from './fake-api-server.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

const client: ObjectId = { kind: 'ExchangeClient', namespace: 'shop', name: 'cart' };
const issuer: ObjectId = { kind: 'TrustedIssuer', namespace: '', name: 'ci' };

/** `Ready=False NotAccepted why, …` as conditions; the message is the reason where none stands. */
function conditions(text: string): Condition[] {
  return text
    .split(', ')
    .filter(Boolean)
    .map((each) => {
      const [, type, status, reason = '', message] = /^(\w+)=(\w+) (\w+)(?: (.+))?$/.exec(each) ?? [];
      return { type, status, reason, message: message ?? reason } as Condition;
    });
}

const liveOf = (text: string): LiveStatus => ({ conditions: conditions(text).map((condition) => ({ ...condition, lastTransitionTime: '2020-01-01T00:00:00Z' })) });

describe('transitionsOf', () => {
  test.for([
    ['a new object that is fine', '', 'Ready=True Ready, Accepted=True Accepted, ResolvedRefs=True Resolved', ['Normal Ready']],
    ['a new object with a mistake', '', 'Ready=False NotAccepted m, Accepted=False UnknownField m, Stalled=True NotAccepted m', ['Warning UnknownField']],
    ['nothing new', 'Ready=True Ready, Accepted=True Accepted', 'Ready=True Ready, Accepted=True Accepted', []],
    ['another message only', 'Ready=False PartlyLoaded a', 'Ready=False PartlyLoaded b', []],
    ['another reason', 'Ready=False PartlyLoaded', 'Ready=False NothingLoaded', ['Warning NothingLoaded']],
    ['a mistake that was mended', 'Ready=False NotAccepted, Accepted=False InvalidField', 'Ready=True Ready, Accepted=True Accepted', ['Normal Accepted', 'Normal Ready']],
    ['a suspension', 'Ready=True Ready, Accepted=True Accepted', 'Ready=False Suspended, Accepted=True Accepted, Stalled=True Suspended', ['Normal Suspended']],
    ['references come and go without a word of their own', 'Ready=True Ready, ResolvedRefs=True Resolved', 'Ready=False PartlyLoaded m, ResolvedRefs=False IssuerNotFound m', ['Warning PartlyLoaded']],
    ['keys that can not be had', 'Ready=True Ready, KeysAvailable=True Available', 'Ready=False KeysUnavailable, KeysAvailable=False FetchFailed, Reconciling=True KeysUnavailable', ['Warning FetchFailed', 'Warning KeysUnavailable']],
    ['keys that are old', 'Ready=True Ready, KeysAvailable=True Available', 'Ready=True Ready, KeysAvailable=True Stale', ['Warning Stale']],
    ['keys that are there again', 'Ready=True Ready, KeysAvailable=True Stale', 'Ready=True Ready, KeysAvailable=True Available', ['Normal Available']],
    ['an example that fails', 'Ready=True Ready, ExamplesPassed=True Passed', 'Ready=True Ready, ExamplesPassed=False Denied', ['Warning Denied']],
    ['a condition that vanishes', 'Ready=True Ready, ExamplesPassed=True Passed', 'Ready=True Ready', []],
  ] as const)('%s', ([, before, after, wanted]) => {
    expect(transitionsOf(liveOf(before), { conditions: conditions(after) }).map(({ type, reason }) => `${type} ${reason}`)).toEqual(wanted);
  });

  test('a long message is cut to 1024 bytes, with no character cut in two', () => {
    const [cut] = transitionsOf({}, { conditions: [{ type: 'Ready', status: 'False', reason: 'NotAccepted', message: `${'a'.repeat(1000)}${'€'.repeat(1000)}` }] });
    expect(cut?.note).toBe(`${'a'.repeat(1000)}${'€'.repeat(7)}…`);
    expect(Buffer.byteLength(cut?.note ?? '')).toBeLessThanOrEqual(eventBounds.noteBytes);
    const [whole] = transitionsOf({}, { conditions: [{ type: 'Ready', status: 'False', reason: 'NotAccepted', message: 'a'.repeat(1024) }] });
    expect(whole?.note).toBe('a'.repeat(1024));
  });
});

describe('eventOf', () => {
  const transition: Transition = { type: 'Warning', reason: 'UnknownField', note: 'spec.x: unknown field' };
  const by = { identity: 'cambio-0_1', eventTime: '2026-11-24T12:00:00.000000Z' };

  test('is on the object, in its namespace', () => {
    expect(eventOf(client, 'uid-1', transition, by)).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { generateName: 'cart-', namespace: 'shop' },
      eventTime: '2026-11-24T12:00:00.000000Z',
      type: 'Warning',
      reason: 'UnknownField',
      note: 'spec.x: unknown field',
      action: 'Reconcile',
      regarding: { apiVersion: 'cambio.dev/v1alpha1', kind: 'ExchangeClient', namespace: 'shop', name: 'cart', uid: 'uid-1' },
      reportingController: 'cambio.dev/cambio',
      reportingInstance: 'cambio-0_1',
    });
  });

  test('is in default where the object has no namespace', () => {
    const { metadata, regarding } = eventOf(issuer, 'uid-1', transition, by);
    expect([metadata.namespace, regarding]).toEqual(['default', { apiVersion: 'cambio.dev/v1alpha1', kind: 'TrustedIssuer', name: 'ci', uid: 'uid-1' }]);
  });

  test.for([
    ['a'.repeat(253), `${'a'.repeat(50)}-`],
    [`${'a'.repeat(48)}.-b`, `${'a'.repeat(48)}-`],
  ] as const)('a name for %s is one that the API server takes', ([name, generateName]) => {
    expect(eventOf({ ...client, name }, 'u', transition, { ...by, identity: 'x'.repeat(300) })).toMatchObject({ metadata: { generateName }, reportingInstance: 'x'.repeat(128) });
  });
});

describe('the writer', () => {
  let time: VirtualTime;
  let end: AbortController;
  let events: EventWriter;
  let asked: { at: number; request: ApiRequest }[];
  let answer: (request: ApiRequest) => ApiResponse | Error;
  let said: string[];
  let leads: boolean;

  const ok = (status = 201, name = `e${asked.length}`): ApiResponse => ({ status, retryAfterSeconds: undefined, body: { metadata: { name } } });
  const refused = (status: number): ApiResponse => ({ status, retryAfterSeconds: undefined, body: { message: 'no' } });
  const tell = (reason: string, id = client, uid = 'uid-1'): void => events.tell(id, uid, [{ type: 'Normal', reason, note: 'n' }]);
  const requests = (): string[] => asked.map(({ request: { method, path } }) => `${method} ${path.replace('/apis/events.k8s.io/v1/namespaces/', '')}`);

  beforeEach(() => {
    time = createVirtualTime();
    end = new AbortController();
    asked = [];
    said = [];
    leads = true;
    answer = ({ method }) => ok(method === 'POST' ? 201 : 200);
    events = createEventWriter({
      api: {
        request: async (request) => {
          asked.push({ at: time.now(), request });
          const response = answer(request);
          if (response instanceof Error) throw response;
          return response;
        },
      },
      now: () => Date.parse('2026-11-24T12:00:00.123Z') + time.now(),
      monotonic: time.now,
      identity: 'cambio-0_1',
      leadsFor: () => (leads ? Infinity : 0),
      onTrouble: (trouble) => said.push(trouble ?? 'all is well'),
      signal: end.signal,
      pause: time.pause,
    });
  });
  afterEach(async () => {
    end.abort();
    await events.idle();
  });

  test('creates an event, and counts the same one in it', async () => {
    tell('Ready');
    await time.pass(60_000);
    tell('Ready');
    tell('Ready', client, 'uid-2');
    tell('Suspended');
    await time.pass(60_000);
    tell('Ready');
    await time.pass(60_000);
    expect(requests()).toEqual(['POST shop/events', 'PATCH shop/events/e1', 'POST shop/events', 'POST shop/events', 'PATCH shop/events/e1']);
    expect(asked[0]?.request.body).toEqual(eventOf(client, 'uid-1', { type: 'Normal', reason: 'Ready', note: 'n' }, { identity: 'cambio-0_1', eventTime: '2026-11-24T12:00:00.123000Z' }));
    expect(asked[4]?.request).toMatchObject({ contentType: 'application/merge-patch+json', body: { series: { count: 3, lastObservedTime: '2026-11-24T12:02:00.123000Z' } } });
    expect(said).toEqual([]);
  });

  test('creates it anew where it is there no longer, or after an hour', async () => {
    tell('Ready');
    await time.pass(1000);
    answer = ({ method }) => (method === 'PATCH' ? refused(404) : ok());
    tell('Ready');
    await time.pass(1000);
    await time.pass(eventBounds.series);
    tell('Ready');
    await time.pass(1000);
    expect(requests()).toEqual(['POST shop/events', 'PATCH shop/events/e1', 'POST shop/events', 'POST shop/events']);
  });

  test('writes ten a second, lets a hundred wait, and leaves out the rest', async () => {
    for (let i = 0; i < 500; i++) tell(`R${i}`);
    await time.pass(5_000);
    expect(asked.length).toBeLessThanOrEqual(51);
    await time.pass(600_000);
    expect(asked).toHaveLength(eventBounds.waiting);
    expect(said).toEqual(['there are too many events at once: some are left out; the status of the objects says it all', 'all is well']);
    tell('Ready');
    await time.pass(1000);
    expect(asked).toHaveLength(eventBounds.waiting + 1);
  });

  test.for([
    ['403', () => refused(403), 'an event could not be written: create was refused with 403: no'],
    ['no answer', () => new Error('timed out'), 'an event could not be written: timed out'],
  ] as const)('does not try again after %s, and says why, once', async ([, failure, why]) => {
    answer = failure;
    tell('A');
    tell('B');
    await time.pass(60_000);
    expect(asked).toHaveLength(2);
    expect(said).toEqual([why]);
    answer = () => ok();
    tell('C');
    await time.pass(60_000);
    expect(said).toEqual([why, 'all is well']);
  });

  test('tells nothing when it does not lead', async () => {
    tell('A');
    tell('B');
    await time.pass(10);
    leads = false;
    await time.pass(60_000);
    tell('C');
    await time.pass(60_000);
    leads = true;
    await time.pass(60_000);
    expect(asked).toHaveLength(1);
  });

  test('ends at once, whatever waits', async () => {
    for (let i = 0; i < 50; i++) tell(`R${i}`);
    await time.pass(10);
    end.abort();
    await events.idle();
    expect(asked).toHaveLength(1);
  });
});

test('over HTTP, at a fake API server', async () => {
  const server = await startFakeApiServer();
  const api = connectTo(server.url);
  const end = new AbortController();
  const events = createEventWriter({ api, now: () => 0, monotonic: () => 0, identity: 'i', leadsFor: () => Infinity, onTrouble: (trouble) => expect.unreachable(trouble), signal: end.signal, pause: async () => undefined });
  for (const [id, uid] of [[client, 'uid-1'], [issuer, 'uid-2'], [client, 'uid-1']] as const) events.tell(id, uid, [{ type: 'Normal', reason: 'Ready', note: 'n' }]);
  await events.idle();
  expect([...server.items('events').values()]).toMatchObject([
    { metadata: { namespace: 'shop' }, reason: 'Ready', regarding: { name: 'cart' }, series: { count: 2 } },
    { metadata: { namespace: 'default' }, reason: 'Ready', regarding: { name: 'ci' } },
  ]);
  await api.close();
  await server.close();
});
