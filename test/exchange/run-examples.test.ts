// Examples in an ExchangeClient: what comes of each, whenever it runs, and what the client is worth then.
import { describe, expect, test } from 'vitest';
import { client, describeVerdicts, issuer, put, remove, storeOf, target } from '../policy/objects.ts';

type Claims = Record<string, unknown>;
type Example = { name?: string; issuerRef?: { name: string }; claims?: Claims; request?: object; expect: { allowed: boolean; claims?: Claims } };

const subjects = [{ issuerRef: { name: 'ci' }, subjectPattern: 'repo:acme/*', conditions: [{ expression: "claims.environment == 'prod'", message: 'prod only' }] }];
const mappings = { claims: [{ name: 'groups', expression: "[client.namespace + ':deployers']" }, { name: 'note', expression: 'has(claims.note) ? claims.note : null' }] };
const targets = [{ audience: 'vault', scopes: ['read'], default: true, lifetimeSeconds: 300, claimMappings: mappings }];
const good = { sub: 'repo:acme/payments', environment: 'prod' };

/** A client with these examples. */
const withExamples = (examples: readonly Example[], spec: object = {}) =>
  client('x', [], { spec: { subjects, targets, examples: examples.map((example, index) => ({ name: `${index}`, issuerRef: { name: 'ci' }, claims: good, ...example })), ...spec } });

/** Reason and message of ExamplesPassed, and whether the client is in force. */
function outcome(examples: readonly Example[], spec: object = {}, issuerSpec: object = {}): { reason: string | undefined; message: string | undefined; inForce: boolean } {
  const { store, verdicts } = storeOf([issuer('ci', { spec: issuerSpec }), withExamples(examples, spec)]);
  const { reason, message } = verdicts.find(({ id }) => id.kind === 'ExchangeClient')?.conditions.find(({ type }) => type === 'ExamplesPassed') ?? {};
  return { reason, message, inForce: store.snapshot().clients.get('payments/x') !== undefined };
}

describe('an example', () => {
  const passed = { reason: 'Passed', message: 'all examples come out as they expect', inForce: true };
  const denied = (message: string) => ({ reason: 'Denied', message: `example "0": is denied: ${message}`, inForce: true });
  const widened = (message: string) => ({ reason: 'Widened', message: `example "0": ${message}`, inForce: false });
  const noEntry = (sub: string, why = ''): string => `subject: no entry of subjects matches ${sub} of TrustedIssuer ci${why}`;

  test.each<{ name: string; example: Example; comes: object }>([
    { name: 'that is allowed as it expects', example: { expect: { allowed: true } }, comes: passed },
    { name: 'with the claims that it expects, others beside them', example: { expect: { allowed: true, claims: { sub: 'ci:repo:acme/payments', groups: ['payments:deployers'], aud: 'vault' } } }, comes: passed },
    { name: 'that expects a claim to be absent', example: { expect: { allowed: true, claims: { note: null, scope: null } } }, comes: passed },
    { name: 'of a claim in another order of its members', example: { claims: { ...good, note: { a: 1, b: [2] } }, expect: { allowed: true, claims: { note: { b: [2], a: 1 } } } }, comes: passed },
    { name: 'that is denied as it expects', example: { claims: { ...good, environment: 'dev' }, expect: { allowed: false } }, comes: passed },
    { name: 'of a scope', example: { request: { scope: 'read' }, expect: { allowed: true, claims: { scope: 'read' } } }, comes: passed },
    { name: 'of a target that is named', example: { request: { audience: 'vault' }, expect: { allowed: true } }, comes: passed },
    { name: 'of a target that the client does not have', example: { request: { audience: 'registry' }, expect: { allowed: true } }, comes: denied('target: the client has no such target') },
    { name: 'of a scope that is not offered', example: { request: { scope: 'write' }, expect: { allowed: true } }, comes: denied('scope: the target does not offer write') },
    { name: 'of a scope that is none', example: { request: { scope: '"' }, expect: { allowed: true } }, comes: denied('parameters: scope has a character that no scope may have') },
    { name: 'of another subject', example: { claims: { ...good, sub: 'repo:mallory/x' }, expect: { allowed: true } }, comes: denied(noEntry('repo:mallory/x')) },
    { name: 'that a condition denies', example: { claims: { sub: 'repo:acme/x', environment: 'dev' }, expect: { allowed: true } }, comes: denied(noEntry('repo:acme/x', '; subjects[0].conditions[0]: prod only (it is not true)')) },
    { name: 'without sub', example: { claims: { environment: 'prod' }, expect: { allowed: true } }, comes: denied('sub is missing or not text') },
    { name: 'of another audience', example: { claims: { ...good, aud: 'x' }, expect: { allowed: true } }, comes: denied(`aud has none of the issuer's audiences: it has "x", and they are "https://cambio.example.com"`) },
    { name: 'of another iss', example: { claims: { ...good, iss: 'https://x' }, expect: { allowed: true } }, comes: denied('iss is another one') },
    { name: 'of an issuer that the client does not refer to', example: { issuerRef: { name: 'other' }, expect: { allowed: true } }, comes: denied('no entry of subjects that is in force refers to TrustedIssuer other') },
    { name: 'whose token lives too long', example: { claims: { ...good, iat: 1000, exp: 100_000 }, expect: { allowed: true } }, comes: denied('exp − iat is longer than maxTokenLifetimeSeconds: 99000 s, and 86400 s are allowed') },
    { name: 'that is allowed and must not be', example: { expect: { allowed: false } }, comes: widened('is allowed, and must not be') },
    { name: 'with another claim than it expects', example: { expect: { allowed: true, claims: { groups: ['payments:readers'] } } }, comes: widened('gives other claims than it expects: groups is ["payments:deployers"]') },
    { name: 'with a claim that it expects to be absent', example: { expect: { allowed: true, claims: { groups: null } } }, comes: widened('gives other claims than it expects: groups is ["payments:deployers"]') },
    { name: 'without a claim that it expects', example: { expect: { allowed: true, claims: { note: 'x' } } }, comes: widened('gives other claims than it expects: note is null') },
    { name: 'that names its own dates', example: { claims: { ...good, iat: 1000, exp: 1100 }, expect: { allowed: true, claims: { iat: 1000, exp: 1100 } } }, comes: passed },
    { name: 'that names its end only', example: { claims: { ...good, exp: 10_000 }, expect: { allowed: true, claims: { iat: 6400, exp: 6700 } } }, comes: passed },
    { name: 'that names its beginning only', example: { claims: { ...good, iat: 6400 }, expect: { allowed: true, claims: { iat: 6400, exp: 6700 } } }, comes: passed },
    { name: 'that names neither comes out alike whenever it runs', example: { expect: { allowed: true, claims: { iat: 1_767_225_600, exp: 1_767_225_900 } } }, comes: passed },
  ])('$name', ({ example, comes }) => {
    expect(outcome([example])).toEqual(comes);
  });

  test('that is wider goes before one that is denied', () => {
    expect(outcome([{ request: { audience: 'registry' }, expect: { allowed: true } }, { expect: { allowed: false } }])).toMatchObject({ reason: 'Widened', message: 'example "1": is allowed, and must not be' });
  });

  test('of a ServiceAccount says whose it is', () => {
    const claims = { sub: 'system:serviceaccount:payments:api', 'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'api' } } };
    const spec = { subjects: [{ issuerRef: { name: 'ci' }, serviceAccounts: [{ name: 'api', namespace: 'payments' }] }] };
    expect(outcome([{ claims, expect: { allowed: true } }], spec, { kubernetes: true }).reason).toBe('Passed');
    expect(outcome([{ claims: { sub: claims.sub }, expect: { allowed: true } }], spec, { kubernetes: true }).message).toBe('example "0": is denied: sub and the claim kubernetes.io do not name one ServiceAccount');
  });

  test('that takes too many steps keeps the client out: nobody could say that it was denied', () => {
    const items = Array.from({ length: 1000 }, (_, index) => index);
    const slow = { ...subjects[0], conditions: [{ expression: 'claims.items.all(a, claims.items.all(b, a + b >= 0)) && false' }] };
    expect(outcome([{ claims: { ...good, items }, expect: { allowed: false } }], { subjects: Array.from({ length: 8 }, () => slow) })).toEqual(
      widened('it could not be decided: claims and expressions take more steps than all examples together may'),
    );
  });
});

test('claims that take long to look at, in many examples, are paid for as expressions are', () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, [index]]));
  const examples = Array.from({ length: 12 }, () => ({ claims: { ...good, ...many }, expect: { allowed: true } }));
  expect(outcome(examples.slice(0, 6))).toMatchObject({ reason: 'Passed', inForce: true });
  expect(outcome(examples)).toMatchObject({ reason: 'Widened', message: expect.stringContaining('take more steps than all examples together may'), inForce: false });
});

describe('examples run whenever something changes', () => {
  const ready = 'Ready=True Ready, Accepted=True Accepted';
  const passes = `ExchangeClient/payments/x: ${ready}, ResolvedRefs=True Resolved, ExamplesPassed=True Passed`;
  const isOut = 'ExchangeClient/payments/x: Ready=False ExamplesWiden, Accepted=True Accepted, ResolvedRefs=True Resolved, ExamplesPassed=False Widened, Stalled=True ExamplesWiden';

  test('in an issuer', () => {
    const rule = { claimValidationRules: [{ claim: 'runner', requiredValue: 'hosted' }] };
    const { store, verdicts } = storeOf([issuer('ci', { spec: rule }), withExamples([{ claims: { ...good, runner: 'own' }, expect: { allowed: false } }])]);
    expect(describeVerdicts(verdicts)[0]).toBe(passes);
    expect(describeVerdicts(store.apply([put(issuer('ci', { generation: 2 }))]))[0]).toBe(isOut);
    expect(store.snapshot().clients.get('payments/x')).toBeUndefined();
    expect(describeVerdicts(store.apply([put(issuer('ci', { generation: 3, spec: rule }))]))[0]).toBe(passes);
    expect(store.snapshot().clients.get('payments/x')).toBeDefined();
  });

  test('in a target', () => {
    const limits = target('vault', { spec: { audience: 'vault', scopes: ['read'], tokenValidationRules: [{ expression: "!has(token.note) || token.note != 'bad'" }] } });
    const { store, verdicts } = storeOf([issuer('ci'), limits, withExamples([{ claims: { ...good, note: 'bad' }, expect: { allowed: false } }])]);
    expect(describeVerdicts(verdicts)[0]).toBe(passes);
    expect(describeVerdicts(store.apply([remove(limits)]))[0]).toBe(isOut);
  });

  test('in the client', () => {
    const { store } = storeOf([issuer('ci'), withExamples([{ expect: { allowed: true } }])]);
    expect(describeVerdicts(store.apply([put(withExamples([{ expect: { allowed: false } }]))]))).toEqual([isOut]);
  });

  test('a client that is out hands out nothing', () => {
    const { verdicts } = storeOf([issuer('ci'), target('vault', { spec: { audience: 'vault', scopes: ['read'] } }), withExamples([{ expect: { allowed: false } }])]);
    expect(verdicts.find(({ id }) => id.kind === 'TargetService')?.fields).toEqual({ clients: 0 });
  });

  test('of a suspended client none runs', () => {
    const { verdicts } = storeOf([issuer('ci'), withExamples([{ expect: { allowed: false } }], { suspend: true })]);
    expect(describeVerdicts(verdicts)[0]).toBe('ExchangeClient/payments/x: Ready=False Suspended, Accepted=True Accepted, Stalled=True Suspended');
  });
});
