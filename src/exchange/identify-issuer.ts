// Which of the TrustedIssuers with its `iss` a token is of: the one whose keys verify it. Nobody is asked before that is known.
import type { Issuer, TokenTypeName, Verification } from '../policy/policy.ts';
import type { PublicKey } from '../policy/public-key.ts';
import { refuseByClaims, type RegisteredClaims } from './check-claims.ts';
import type { ExchangeEffects } from './effects.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { OAuthError } from './oauth-error.ts';
import type { ParsedJwt } from './parse-jwt.ts';
import { keysFor, refuseBySignature } from './verify-signature.ts';

type Keys = readonly PublicKey[] | undefined;

/** Where the keys of an issuer come from. Undefined: none are known. Empty: it is known that it publishes none. */
type KeySource = {
  /** Those that are known now. */
  known: (issuer: Issuer, issuerKeys: IssuerKeys) => Keys;
  /** Those that are known when there were none, after a first fetch that is under way. */
  current: (issuer: Issuer, issuerKeys: IssuerKeys) => Promise<Keys>;
  /** Those that are known when none of them was the token's. */
  refetched: (issuer: Issuer, issuerKeys: IssuerKeys) => Promise<Keys>;
};

const inManifest = ({ verification }: Issuer): Keys => (verification.method === 'jwks' ? verification.keys : undefined);

const published: KeySource = {
  known: (issuer, { known }) => known(issuer),
  current: (issuer, { current }) => current(issuer),
  refetched: (issuer, { refetched }) => refetched(issuer),
};

/** One entry for each verification method of a TrustedIssuer. */
const sources = {
  jwks: { known: inManifest, current: async (issuer) => inManifest(issuer), refetched: async (issuer) => inManifest(issuer) },
  discovery: published,
  jwksURL: published,
  kubernetesDiscovery: published,
  tokenReview: published,
} satisfies Record<Verification['method'], KeySource>;

const sourceOf = ({ verification }: Issuer): KeySource => sources[verification.method];

/** What the keys of an issuer say of a token. `unknown`: none of them can have signed it. `no-keys`: there are none to try. */
type Signature = 'good' | 'bad' | 'unknown' | 'no-keys';

/** A TrustedIssuer that a token may be of. */
type Candidate = {
  issuer: Issuer;
  /** Why the token is not acceptable to it, whoever signed it. */
  refusal: string | undefined;
  signature: Signature;
  /** Why its keys do not verify it. */
  reason: string | undefined;
};

/**
 * Finds the TrustedIssuer of a token among those with its `iss` that the client refers to. Its keys verify the token, save
 * where it has none that could tell and its API server is to be asked.
 * Throws unacceptable_token, or issuer_unavailable where only keys that are not known could tell.
 */
export async function identifyIssuer(token: ParsedJwt, registered: RegisteredClaims, type: TokenTypeName, issuers: readonly Issuer[], effects: ExchangeEffects): Promise<Issuer> {
  const now = effects.now();
  const refusals = issuers.map((issuer) => refuseByClaims({ token, registered, type, issuer, now }));
  if (refusals.every((refusal) => refusal !== undefined)) throw refused('subject-token', describe(issuers, refusals));
  const candidates = await checkSignatures(token, issuers, refusals, effects.issuerKeys);

  // One to which the token is not acceptable counts, too: what somebody who has keys of both writes into it must not choose.
  const [signer, ...more] = candidates.filter(({ signature }) => signature === 'good');
  if (more.length > 0) throw refused('subject-issuer', 'it verifies under more than one TrustedIssuer');
  const found = signer ?? candidates.find((candidate) => mayBeAsked(candidate, token));
  if (found !== undefined && found.refusal === undefined) return found.issuer;
  const untold = candidates.find(({ refusal, signature }) => refusal === undefined && signature === 'no-keys');
  if (signer === undefined && untold !== undefined) {
    const why = effects.issuerKeys.trouble(untold.issuer);
    throw new OAuthError('issuer_unavailable', 'issuer-keys', `no keys of TrustedIssuer ${untold.issuer.name} are known${why === undefined ? '; its status says why' : `: ${why}`}`);
  }
  throw refused('subject-token', describe(issuers, candidates.map(({ refusal, reason }) => refusal ?? reason)));
}

/** Tries all keys that are known; and if none verifies the token, those that there are after a fetch. */
async function checkSignatures(token: ParsedJwt, issuers: readonly Issuer[], refusals: readonly (string | undefined)[], issuerKeys: IssuerKeys): Promise<readonly Candidate[]> {
  const first: Candidate[] = [];
  for (const [index, issuer] of issuers.entries()) first.push(await tryKeys(token, issuer, refusals[index], sourceOf(issuer).known(issuer, issuerKeys)));
  // An issuer in trouble makes nobody wait whose token is another one's.
  if (first.some(({ signature }) => signature === 'good')) return first;
  const again = first.map(async (candidate) => {
    const { issuer, refusal, signature } = candidate;
    // For a token that is not acceptable anyway nothing is fetched.
    if (refusal !== undefined || signature === 'bad') return candidate;
    const source = sourceOf(issuer);
    return tryKeys(token, issuer, refusal, await (signature === 'no-keys' ? source.current : source.refetched)(issuer, issuerKeys));
  });
  return untilOneIsGood(first, again);
}

/** Waits for all of them, or until one verifies the token: of the others counts then what is known (docs/decisions/0110). */
async function untilOneIsGood(first: readonly Candidate[], again: readonly Promise<Candidate>[]): Promise<readonly Candidate[]> {
  const candidates = [...first];
  const found = Promise.withResolvers<void>();
  const all = again.map(async (attempt, index) => {
    const candidate = await attempt;
    candidates[index] = candidate;
    if (candidate.signature === 'good') found.resolve();
  });
  await Promise.race([Promise.all(all), found.promise]);
  return candidates;
}

async function tryKeys(token: ParsedJwt, issuer: Issuer, refusal: string | undefined, keys: Keys): Promise<Candidate> {
  if (keys === undefined || keys.length === 0) return { issuer, refusal, signature: 'no-keys', reason: 'no keys of it are known' };
  const reason = await refuseBySignature(token, keys);
  const signature = reason === undefined ? 'good' : keysFor(token, keys).length === 0 ? 'unknown' : 'bad';
  return { issuer, refusal, signature, reason };
}

/**
 * An API server may have keys that it does not publish: it may be asked about a token that names none of those that it
 * does. Not where another TrustedIssuer has the same URL: then the token may be of that one's cluster.
 */
function mayBeAsked({ issuer, refusal, signature }: Candidate, { header }: ParsedJwt): boolean {
  if (issuer.verification.method !== 'tokenReview' || issuer.urlShared || refusal !== undefined) return false;
  return signature !== 'bad' || header.kid === undefined;
}

function describe(issuers: readonly Issuer[], reasons: readonly (string | undefined)[]): string {
  return issuers.map(({ name }, index) => `${name}: ${reasons[index] ?? 'it is not the issuer'}`).join('; ');
}

export const refused = (check: string, reason: string) => new OAuthError('unacceptable_token', check, `subject token: ${reason}`);
