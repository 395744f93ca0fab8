// Which TrustedIssuer a token is of, where several have its `iss`: told by keys alone, and before anybody is asked.
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ExchangeEffects } from '../../src/exchange/effects.ts';
import { OAuthError } from '../../src/exchange/oauth-error.ts';
import { verifySubjectToken } from '../../src/exchange/verify-subject-token.ts';
import type { Client, Issuer, Verification } from '../../src/policy/policy.ts';
import type { PublicKey } from '../../src/policy/public-key.ts';

const url = 'https://kubernetes.default.svc.cluster.local';
const sub = 'system:serviceaccount:payments:api';
const now = 1_800_000_000;

const pairs = { east: generateKeyPairSync('ed25519'), west: generateKeyPairSync('ed25519'), stranger: generateKeyPairSync('ed25519') };
type Signer = keyof typeof pairs;
const key = (signer: Signer, kid: string | undefined = signer): PublicKey => ({ kid, algorithms: ['EdDSA'], key: pairs[signer].publicKey, signatureBytes: 64, quick: true });

/** A token that a cluster signed. */
function mint(signer: Signer, { kid = signer, aud = 'cambio' }: { kid?: string | null; aud?: string } = {}): string {
  const account = { namespace: 'payments', serviceaccount: { name: 'api', uid: 'uid' } };
  const parts = [{ alg: 'EdDSA', ...(kid === null ? {} : { kid }) }, { iss: url, sub, aud, iat: now - 10, exp: now + 600, 'kubernetes.io': account }];
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const secret: KeyObject = pairs[signer].privateKey;
  return `${input}.${sign(null, Buffer.from(input), secret).toString('base64url')}`;
}

/** The keys of an issuer: those that are known, those that it has when asked anew. `none` publishes none; `away` can't be reached; `hung` never answers. */
type Keys = { known: readonly PublicKey[] | 'none' | 'away'; later?: readonly PublicKey[] | 'away' | 'hung' };
type Given = Keys & { method?: 'tokenReview' | 'kubernetesDiscovery' | 'discovery'; audience?: string; shared?: boolean };

let events: string[];
beforeEach(() => {
  events = [];
});

/** Verifies a token for a client that refers to these issuers; what was fetched and asked is in `events`. */
async function verify(token: string, given: Readonly<Record<string, Given>>): Promise<string> {
  const several = Object.keys(given).length > 1;
  const issuers = Object.entries(given).map(
    ([name, { method = 'tokenReview', audience = 'cambio', shared = several }]) =>
      ({
        name,
        url,
        audiences: new Set([audience]),
        apiServerAudiences: new Set(),
        verification: { method, cluster: name, identity: name } as Verification,
        algorithms: new Set(['EdDSA']),
        maxTokenLifetimeSeconds: 3600,
        clockSkewSeconds: 0,
        kubernetes: true,
        urlShared: shared,
      }) as unknown as Issuer,
  );
  const keysOf = (keys: Keys['known']): readonly PublicKey[] | undefined => (keys === 'away' ? undefined : keys === 'none' ? [] : keys);
  const later = (what: string) => async ({ name }: Issuer) => {
    events.push(`${what} ${name}`);
    const { known, later: keys = known } = given[name] ?? { known: 'away' };
    return keys === 'hung' ? new Promise<never>(() => undefined) : keysOf(keys);
  };
  const effects = {
    now: () => now,
    issuerKeys: { known: ({ name }) => keysOf(given[name]?.known ?? 'away'), current: later('current'), refetched: later('refetched'), trouble: ({ name }) => (given[name]?.known === 'away' ? 'FetchFailed: it took too long' : undefined) },
    reviewToken: async ({ name }) => {
      events.push(`review ${name}`);
      return { authenticated: true, error: undefined, audiences: ['cambio'], user: { username: sub, uid: 'uid', groups: ['system:serviceaccounts'], extra: new Map() } };
    },
  } satisfies Partial<ExchangeEffects>;
  const client = { issuersByURL: new Map([[url, issuers]]) } as unknown as Client;
  return verifySubjectToken(token, 'jwt', client, effects as unknown as ExchangeEffects).then(
    ({ issuer }) => issuer.name,
    (error: unknown) => {
      if (!(error instanceof OAuthError)) throw error;
      return `${error.mistake} ${error.check}: ${error.reason.replace('subject token: ', '')}`;
    },
  );
}

const east = { known: [key('east')] };
const west = { known: [key('west')] };
const unknownKid = 'no key of the issuer has its kid and fits its alg';
const bad = 'the signature does not verify';
const noneOf = (aud: string): string => `aud has none of the issuer's audiences: it has "${aud}", and they are "cambio"`;

describe('two clusters with one issuer URL', () => {
  test.for<[Signer, Given['method']]>([
    ['east', 'tokenReview'],
    ['west', 'tokenReview'],
    ['east', 'kubernetesDiscovery'],
    ['west', 'kubernetesDiscovery'],
  ])('the token of %s finds its own, by %s, and no other API server is asked', async ([signer, method = 'tokenReview']) => {
    expect(await verify(mint(signer), { east: { ...east, method }, west: { ...west, method } })).toBe(signer);
    expect(events).toEqual(method === 'tokenReview' ? [`review ${signer}`] : []);
  });

  const cases: [string, string, Record<string, Given>, string, string[]][] = [
    ['signed by neither', mint('stranger'), { east, west }, `unacceptable_token subject-token: east: ${unknownKid}; west: ${unknownKid}`, ['refetched east', 'refetched west']],
    ['signed by neither, by the kid of one', mint('stranger', { kid: 'east' }), { east, west }, `unacceptable_token subject-token: east: ${bad}; west: ${unknownKid}`, ['refetched west']],
    ['without kid, signed by neither', mint('stranger', { kid: null }), { east, west }, `unacceptable_token subject-token: east: ${bad}; west: ${bad}`, []],
    ['that verifies under both', mint('east'), { east, west: { known: [key('west'), key('east')] } }, 'unacceptable_token subject-issuer: it verifies under more than one TrustedIssuer', []],
    ['that verifies under both after a refetch', mint('east'), { east: { known: [], later: east.known }, west: { ...west, later: east.known } }, 'unacceptable_token subject-issuer: it verifies under more than one TrustedIssuer', ['current east', 'refetched west']],
    ['that verifies under both, and is made for one', mint('east', { aud: 'cambio' }), { east, west: { known: [key('east')], audience: 'other' } }, 'unacceptable_token subject-issuer: it verifies under more than one TrustedIssuer', []],
    ['made for the audience of the other', mint('east', { aud: 'other' }), { east, west: { ...west, audience: 'other' } }, `unacceptable_token subject-token: east: ${noneOf('other')}; west: ${unknownKid}`, []],
    ['made for nobody', mint('east', { aud: 'else' }), { east, west }, `unacceptable_token subject-token: east: ${noneOf('else')}; west: ${noneOf('else')}`, []],
    ['by a key that one of them published just now', mint('west'), { east, west: { known: [key('stranger')], later: west.known } }, 'west', ['refetched east', 'refetched west', 'review west']],
    ['of one, while the other is away', mint('west'), { east: { known: 'away' }, west }, 'west', ['review west']],
    ['of the one that is away', mint('east'), { east: { known: 'away' }, west }, 'issuer_unavailable issuer-keys: no keys of TrustedIssuer east are known: FetchFailed: it took too long', ['current east', 'refetched west']],
    ['of one that comes back', mint('east'), { east: { known: 'away', later: east.known }, west }, 'east', ['current east', 'refetched west', 'review east']],
    ['by a new key of one, while the other hangs', mint('west'), { east: { ...east, later: 'hung' }, west: { known: [key('stranger')], later: west.known } }, 'west', ['refetched east', 'refetched west', 'review west']],
    ['of one, while the first fetch of the other hangs', mint('east'), { east: { known: 'away', later: east.known }, west: { known: 'away', later: 'hung' } }, 'east', ['current east', 'current west', 'review east']],
    ['of one that publishes no keys', mint('east'), { east: { known: 'none' }, west }, 'issuer_unavailable issuer-keys: no keys of TrustedIssuer east are known; its status says why', ['current east', 'refetched west']],
    ['beside an issuer of another kind', mint('east'), { east, west: { ...west, method: 'discovery' } }, 'east', ['review east']],
  ];
  test.for(cases)('a token %s', async ([, token, issuers, outcome, happened]) => {
    expect(await verify(token, issuers)).toBe(outcome);
    expect(events).toEqual(happened);
  });

  test('a client that refers to one of them is told apart, too', async () => {
    expect(await verify(mint('west'), { east: { ...east, shared: true } })).toBe(`unacceptable_token subject-token: east: ${unknownKid}`);
    expect(events).toEqual(['refetched east']);
  });
});

describe('an API server whose URL no other has', () => {
  const cases: [string, string, Given, string, string[]][] = [
    ['that its keys verify', mint('east'), east, 'east', ['review east']],
    ['that is not by the key that it names', mint('stranger', { kid: 'east' }), east, `unacceptable_token subject-token: east: ${bad}`, []],
    ['by a kid that is not known', mint('west'), east, 'east', ['refetched east', 'review east']],
    ['by a kid that was not known', mint('west'), { ...east, later: west.known }, 'east', ['refetched east', 'review east']],
    ['by a kid that was not known, and another key', mint('stranger', { kid: 'west' }), { ...east, later: west.known }, `unacceptable_token subject-token: east: ${bad}`, ['refetched east']],
    ['without kid, by a key that is not published', mint('west', { kid: null }), east, 'east', ['review east']],
    ['where it publishes none', mint('west'), { known: 'none' }, 'east', ['current east', 'review east']],
    ['where its keys could not be fetched', mint('west'), { known: 'away' }, 'east', ['current east', 'review east']],
    ['where its keys can not be fetched now', mint('west'), { ...east, later: 'away' }, 'east', ['refetched east', 'review east']],
    ['for another service', mint('west', { aud: 'other' }), east, `unacceptable_token subject-token: east: ${noneOf('other')}`, []],
  ];
  test.for(cases)('is asked, or not, about a token %s', async ([, token, issuer, outcome, happened]) => {
    expect(await verify(token, { east: issuer })).toBe(outcome);
    expect(events).toEqual(happened);
  });

  test.for<[string, string, Keys, string, string[]]>([
    ['that its keys verify', mint('east'), east, 'east', []],
    ['by a kid that is not known', mint('west'), east, `unacceptable_token subject-token: east: ${unknownKid}`, ['refetched east']],
    ['where its keys could not be fetched', mint('east'), { known: 'away' }, 'issuer_unavailable issuer-keys: no keys of TrustedIssuer east are known: FetchFailed: it took too long', ['current east']],
    ['where a first fetch is under way', mint('east'), { known: 'away', later: east.known }, 'east', ['current east']],
  ])('is never asked by kubernetesDiscovery: a token %s', async ([, token, keys, outcome, happened]) => {
    expect(await verify(token, { east: { ...keys, method: 'kubernetesDiscovery' } })).toBe(outcome);
    expect(events).toEqual(happened);
  });
});
