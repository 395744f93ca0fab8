// Of a token that is refused, `cambio check` says what it has and what its issuer wants, and what to do about just that.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployer, runCheckWith } from './run-check.ts';

const now = 1_800_000_000;

let dir: string;
let keys: { ours: CryptoKey; other: CryptoKey; es384: CryptoKey };
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-compare-'));
  const [ours, other, es384] = [await generateKeyPair('ES256'), await generateKeyPair('ES256'), await generateKeyPair('ES384')];
  keys = { ours: ours.privateKey, other: other.privateKey, es384: es384.privateKey };
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(ours.publicKey)), kid: 'ours', alg: 'ES256' }] });
  await writeFile(
    join(dir, 'policy.yaml'),
    `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ci}
spec:
  issuer: {url: "https://ci.example.com", audiences: [https://cambio.example.com], apiServerAudiences: [https://api.example.com]}
  verification: {jwks: '${jwks}'}
  algorithms: [ES256, RS256]
  kubernetes: true
  maxTokenLifetimeSeconds: 3600
${deployer}`,
  );
});
afterAll(() => rm(dir, { recursive: true, force: true }));

type Given = { claims?: JWTPayload; header?: Partial<JWTHeaderParameters>; signedBy?: keyof typeof keys };

async function ask({ claims, header, signedBy = 'ours' }: Given, ...args: string[]): Promise<string> {
  const good = { iss: 'https://ci.example.com', sub: 'alice', aud: 'https://cambio.example.com', iat: now - 10, exp: now + 300 };
  const token = await new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'ours', ...header }).sign(keys[signedBy]);
  await writeFile(join(dir, 'token.jwt'), token);
  return (await runCheckWith([join(dir, 'policy.yaml'), '--token', join(dir, 'token.jwt'), '--at', String(now), ...args])).out;
}

/** Why it is denied, what is compared besides, and what is to be done, without line breaks. */
async function toldOf(given: Given): Promise<{ reason: string; compared: string[]; next: string }> {
  const out = (await ask(given)).replaceAll(/\n {2,}/g, ' ');
  return { reason: /^Denied by (.*)/m.exec(out)?.[1] ?? '', compared: out.split('\n').flatMap((line) => /^Compare: (.*)/.exec(line)?.[1] ?? []), next: /^Next: (.*)/m.exec(out)?.[1] ?? '' };
}

test.each<{ name: string; reason: string; compared?: string; next: string } & Given>([
  {
    name: 'another issuer',
    claims: { iss: 'https://ci.example.com/' },
    reason: 'iss is no TrustedIssuer that the client refers to: it is "https://ci.example.com/"',
    compared: 'iss of the token is "https://ci.example.com/"; the client refers to: "https://ci.example.com" (ci)',
    next: 'compare the two letter by letter',
  },
  {
    name: 'another audience',
    claims: { aud: ['https://sts.example.com', 'vault'] },
    reason: 'ci: aud has none of the issuer\'s audiences: it has "https://sts.example.com", "vault", and they are "https://cambio.example.com"',
    next: 'ask the issuer for a token with one of these audiences',
  },
  {
    name: 'the audience of the API server besides',
    claims: { aud: ['https://cambio.example.com', 'https://api.example.com'] },
    reason: 'ci: aud has an audience of the API server: "https://api.example.com"',
    next: "ask for a token whose only audience is Cambio's",
  },
  {
    name: 'one that has expired',
    claims: { iat: now - 1000, exp: now - 600 },
    reason: 'ci: it has expired (exp): 600 s ago, and clockSkewSeconds is 30',
    next: 'take a newer token',
  },
  {
    name: 'one that is not valid yet',
    claims: { nbf: now + 200 },
    reason: 'ci: it is not valid yet (nbf): it will be in 200 s, and clockSkewSeconds is 30',
    next: 'compare the clocks',
  },
  {
    name: 'one of the future',
    claims: { iat: now + 200 },
    reason: 'ci: it was issued in the future (iat): in 200 s, and clockSkewSeconds is 30',
    next: 'compare the clocks',
  },
  {
    name: 'one that lives too long',
    claims: { exp: now + 7190 },
    reason: 'ci: exp − iat is longer than maxTokenLifetimeSeconds: 7200 s, and 3600 s are allowed',
    next: 'ask the issuer for a token that ends sooner',
  },
  {
    name: 'an end that no calendar has',
    claims: { exp: 1e300 },
    reason: 'ci: exp − iat is longer than maxTokenLifetimeSeconds: 1e+300 s, and 3600 s are allowed',
    next: 'ask the issuer for a token that ends sooner',
  },
  {
    name: 'a key that is not known',
    header: { kid: 'new' },
    signedBy: 'other',
    reason: 'ci: no key of the issuer has its kid and fits its alg',
    compared: 'the token is signed by kid "new", alg "ES256"; keys of TrustedIssuer ci: "ours" (ES256)',
    next: 'find out who signed the token',
  },
])('$name', async ({ reason, compared, next, ...given }) => {
  const told = await toldOf(given);
  expect(told.reason).toBe(`subject-${compared?.startsWith('iss') === true ? 'issuer' : 'token'}: subject token: ${reason}`);
  expect(told.compared).toEqual(compared === undefined ? [] : [compared]);
  expect(told.next).toContain(next);
});

test('an algorithm that is not accepted, and whose key is not known either', async () => {
  const { reason, compared, next } = await toldOf({ header: { alg: 'ES384' }, signedBy: 'es384' });
  expect(reason).toBe('subject-token: subject token: ci: alg is not among the issuer\'s algorithms: it is "ES384", and they are "ES256", "RS256"');
  expect(compared).toEqual(['the token is signed by kid "ours", alg "ES384"; keys of TrustedIssuer ci: "ours" (ES256)']);
  expect(next).toBe('add the algorithm to algorithms of the TrustedIssuer, if its issuer signs so; none and HMAC (HS256 …) are never accepted');
});

test('several at once: what comes after the first is compared, and the first says what to do', async () => {
  const { reason, compared, next } = await toldOf({ claims: { aud: 'vault', iat: now - 1000, exp: now - 600 } });
  expect(reason).toContain('aud has none of');
  expect(compared).toEqual(['ci: it has expired (exp): 600 s ago, and clockSkewSeconds is 30']);
  expect(next).toMatch(/^ask the issuer for a token with one of these audiences/);
});

test.each<{ name: string } & Given>([
  { name: 'a token that is bound to a key', claims: { cnf: { jkt: 'a' } } },
  { name: 'a signature by another key of the same name', signedBy: 'other' },
])('$name: there is nothing to compare', async (given) => {
  expect(await toldOf(given)).toMatchObject({ compared: [], next: 'take the token anew, whole and as its platform gives it; docs/exchange.md says what a subject token must be' });
});

test('a token that is good, and one that the policy refuses, are not compared', async () => {
  expect((await toldOf({})).compared).toEqual([]);
  expect((await toldOf({ claims: { sub: 'bob' } })).compared).toEqual([]);
});

test('what a terminal would obey is shown, and not obeyed; a long value is cut', async () => {
  const { reason } = await toldOf({ claims: { aud: [`\u001b[2J`, 'x'.repeat(1000)] } });
  expect(reason).toContain('"\\u001b[2J", "xxx');
  expect(reason.length).toBeLessThan(500);
});

test('as JSON, with all that does not go together', async () => {
  const { answer } = JSON.parse(await ask({ claims: { aud: 'vault', iat: now - 1000, exp: now - 600 } }, '--output', 'json')) as { answer: { compared: object[] } };
  expect(answer.compared).toEqual([
    { name: 'aud', message: 'ci: aud has none of the issuer\'s audiences: it has "vault", and they are "https://cambio.example.com"' },
    { name: 'exp', message: 'ci: it has expired (exp): 600 s ago, and clockSkewSeconds is 30' },
  ]);
});

test('of claims, what they say of themselves', async () => {
  const { out } = await runCheckWith([join(dir, 'policy.yaml'), '--claims', '-', '--at', String(now)], JSON.stringify({ sub: 'alice', aud: 'vault', iat: now - 1000, exp: now - 600 }));
  expect(out.replaceAll(/\n {2,}/g, ' ')).toContain('Compare: ci: it has expired (exp): 600 s ago, and clockSkewSeconds is 30\n');
});
