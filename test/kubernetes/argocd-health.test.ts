import { describe, expect, test } from 'vitest';
import { kindNames } from '../../src/manifests/kinds.ts';
import { statusOf } from '../../src/kubernetes/live-status.ts';
import { client, issuer, storeOf } from '../policy/objects.ts';
import { healthOf, readHealthChecks } from './argocd-health.ts';

const scripts = await readHealthChecks();
const [script = ''] = scripts.values();

test('there is one script, for each kind', () => {
  expect([...scripts.keys()].toSorted()).toEqual(expect.arrayContaining(kindNames.map((kind) => `resource.customizations.health.cambio.dev_${kind}`)) as unknown);
  expect(scripts.size).toBe(3);
  expect(new Set(scripts.values()).size).toBe(1);
});

const condition = (type: string, status: string, reason: string) => ({ type, status, reason, message: `${type} "${reason}" – m`, lastTransitionTime: '2020-01-01T00:00:00Z' });
const object = (generation: number, observedGeneration: number | undefined, conditions?: object[]) => ({ metadata: { name: 'a', generation }, status: { observedGeneration, conditions } });

describe('an object that', () => {
  test.for([
    ['has no status', { metadata: { name: 'a', generation: 1 } }, 'Progressing', 'Cambio has not looked at this generation yet'],
    ['has the default status', object(1, -1), 'Progressing', 'Cambio has not looked at this generation yet'],
    ['was edited since', object(2, 1, [condition('Ready', 'True', 'Ready')]), 'Progressing', 'Cambio has not looked at this generation yet'],
    ['has no conditions', object(1, 1), 'Progressing', ''],
    ['is ready', object(1, 1, [condition('Accepted', 'True', 'Accepted'), condition('Ready', 'True', 'Ready')]), 'Healthy', 'Ready "Ready" – m'],
    ['waits for keys', object(1, 1, [condition('Ready', 'False', 'KeysUnavailable'), condition('Reconciling', 'True', 'KeysUnavailable')]), 'Progressing', 'Ready "KeysUnavailable" – m'],
    ['is not ready, whyever', object(1, 1, [condition('Ready', 'False', 'Strange')]), 'Progressing', 'Ready "Strange" – m'],
    ['is stalled', object(1, 1, [condition('Stalled', 'True', 'NotAccepted'), condition('Ready', 'False', 'NotAccepted')]), 'Degraded', 'Ready "NotAccepted" – m'],
    ['is suspended', object(1, 1, [condition('Ready', 'False', 'Suspended'), condition('Stalled', 'True', 'Suspended')]), 'Suspended', 'Ready "Suspended" – m'],
  ] as const)('%s', async ([, given, status, message]) => {
    expect(await healthOf(script, [given])).toEqual([{ status, message }]);
  });
});

test('what Cambio writes', async () => {
  const { verdicts } = storeOf([
    issuer('ci'),
    issuer('typo', { spec: { suspended: true } }),
    issuer('off', { spec: { suspend: true } }),
    client('good', ['ci']),
    client('partly', ['ci', 'absent']),
    client('nothing', ['absent']),
    client('strange', ['ci'], { namespace: 'stranger' }),
  ]);
  const objects = verdicts.map((verdict) => ({ metadata: { name: verdict.id.name, generation: verdict.generation }, status: statusOf(verdict, {}, 0) }));
  const healths = await healthOf(script, objects);
  expect(Object.fromEntries(objects.map(({ metadata }, i) => [metadata.name, healths[i]?.status]))).toEqual({
    ci: 'Healthy',
    typo: 'Degraded',
    off: 'Suspended',
    good: 'Healthy',
    partly: 'Degraded',
    nothing: 'Degraded',
    strange: 'Degraded',
  });
});
