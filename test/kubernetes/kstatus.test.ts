// Whoever waits for an object by kstatus learns that it is good, or that it never will be; only real work is in progress.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/manifests/parse-manifests.ts';
import type { Condition, Reasons } from '../../src/policy/conditions.ts';
import { createPolicyStore, keyOf, type Verdict } from '../../src/policy/policy-store.ts';
import { client, clusterSettings, issuer, storeOf } from '../policy/objects.ts';
import { brokenKstatusRules, kstatusOf, kstatusOfVerdict, type Kstatus } from './kstatus.ts';

describe('the rules themselves', () => {
  const ready = (status: string) => ({ type: 'Ready', status });
  test.for([
    ['is being deleted', { metadata: { generation: 1, deletionTimestamp: 'x' }, status: { conditions: [ready('True')] } }, 'Terminating'],
    ['has no status: this is why the CRDs have a default', { metadata: { generation: 1 } }, 'Current'],
    ['has the default status', { metadata: { generation: 1 }, status: { observedGeneration: -1 } }, 'InProgress'],
    ['was edited since', { metadata: { generation: 2 }, status: { observedGeneration: 1, conditions: [ready('True')] } }, 'InProgress'],
    ['is worked on', { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions: [ready('False'), { type: 'Reconciling', status: 'True' }] } }, 'InProgress'],
    ['is stalled', { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions: [ready('False'), { type: 'Stalled', status: 'True' }] } }, 'Failed'],
    ['is not ready', { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions: [ready('False')] } }, 'InProgress'],
    ['is ready', { metadata: { generation: 1 }, status: { observedGeneration: 1, conditions: [ready('True'), { type: 'Stalled', status: 'False' }] } }, 'Current'],
  ] as const)('an object that %s', ([, object, wanted]) => {
    expect(kstatusOf(object)).toBe(wanted);
  });
});

/** For each reason of Ready: what kstatus is to make of it, and conditions where no object in this test comes to it. */
const wanted = {
  Ready: { kstatus: 'Current' },
  PartlyLoaded: { kstatus: 'Failed' },
  NothingLoaded: { kstatus: 'Failed' },
  Suspended: { kstatus: 'Failed' },
  NotAccepted: { kstatus: 'Failed' },
  // Keys are fetched again and again: they may come without anybody's doing.
  KeysUnavailable: { kstatus: 'InProgress', conditions: ['Ready=False KeysUnavailable', 'Accepted=True Accepted', 'KeysAvailable=False FetchFailed', 'Reconciling=True KeysUnavailable'] },
  ExamplesWiden: { kstatus: 'Failed', conditions: ['Ready=False ExamplesWiden', 'Accepted=True Accepted', 'ExamplesPassed=False Widened', 'Stalled=True ExamplesWiden'] },
} satisfies Record<Reasons['Ready'], { kstatus: Kstatus; conditions?: string[] }>;

const readyReason = ({ conditions }: Pick<Verdict, 'conditions'>): Reasons['Ready'] | undefined => conditions.find(({ type }) => type === 'Ready')?.reason as Reasons['Ready'] | undefined;

const { verdicts } = storeOf(
  [
    issuer('ci'),
    issuer('off', { spec: { suspend: true } }),
    issuer('typo', { spec: { suspended: true } }),
    issuer('no-keys', { spec: { verification: { jwks: '{}' } } }),
    issuer('myself', { issuer: { url: 'https://cambio.example.com' } }),
    issuer('one', { spec: { subjectPrefix: 'same:' } }),
    issuer('two', { spec: { subjectPrefix: 'same:' } }),
    client('good', ['ci']),
    client('partly', ['ci', 'absent']),
    client('nothing', ['absent']),
    client('nothing-off', ['off']),
    client('suspended', ['ci'], { spec: { suspend: true } }),
    client('strange', ['ci'], { namespace: 'stranger' }),
    client('misspelt', ['ci'], { spec: { suspended: true } }),
  ],
  clusterSettings,
);

describe('every reason of Ready', () => {
  const all = Object.entries(wanted) as [Reasons['Ready'], { kstatus: Kstatus; conditions?: string[] }][];
  test.for(all)('%s', ([reason, { kstatus, conditions }]) => {
    const literal = conditions?.map((text) => {
      const [, type, status, why] = /^(\w+)=(\w+) (\w+)$/.exec(text) ?? [];
      return { type, status, reason: why, message: 'm' } as Condition;
    });
    const those = literal === undefined ? verdicts.filter((verdict) => readyReason(verdict) === reason) : [{ generation: 1, conditions: literal }];
    expect(those.length).toBeGreaterThan(0);
    expect(those.map(kstatusOfVerdict)).toEqual(those.map(() => kstatus));
    expect(those.flatMap(brokenKstatusRules)).toEqual([]);
  });
});

test('a client whose issuer has no keys yet waits as its issuer does, and one that lacks something else does not', () => {
  const discovered = issuer('far', { spec: { verification: { discovery: {} } } });
  const { verdicts: told } = storeOf([discovered, issuer('ci'), client('waits', ['far']), client('lacks', ['far', 'absent']), client('works', ['ci'])]);
  expect(Object.fromEntries(told.map((verdict) => [verdict.id.name, kstatusOfVerdict(verdict)]))).toEqual({ far: 'InProgress', ci: 'Current', waits: 'InProgress', lacks: 'Failed', works: 'Current' });
});

const root = join(import.meta.dirname, '../..');
const files = globSync(['test/cases/**/manifests.yaml', 'test/manifests/{valid,invalid}/*.yaml', 'examples/**/*.yaml'], { cwd: root });

test('no manifest in this repository leaves anybody waiting, save for keys that are being fetched', () => {
  const broken = files.flatMap((file) => {
    const { objects } = parseManifests(readFileSync(join(root, file), 'utf8'), file);
    const store = createPolicyStore({ ...clusterSettings, isTrustedNamespace: () => true });
    const told = store.apply(objects.map((object) => ({ id: { kind: object.kind, namespace: object.namespace, name: object.name }, object })));
    return told.flatMap((verdict) => {
      const isWaiting = verdict.conditions.some(({ type, reason }) => type === 'Reconciling' && reason === 'KeysUnavailable');
      const kstatus = isWaiting ? 'InProgress' : wanted[readyReason(verdict) ?? 'Ready'].kstatus;
      return [...brokenKstatusRules(verdict), ...(kstatusOfVerdict(verdict) === kstatus ? [] : [`is ${kstatusOfVerdict(verdict)}`])].map((rule) => `${file}: ${keyOf(verdict.id)}: ${rule}`);
    });
  });
  expect(files.length).toBeGreaterThan(100);
  expect(broken).toEqual([]);
});
