// All that an exchange needs from the world outside: given as arguments, so that the same exchange can be run anywhere.
import type { PolicySnapshot } from '../policy/policy.ts';
import type { Case } from './decide.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { JsonObject } from './strict-json.ts';
import type { ReviewToken } from './verify-by-review.ts';

export type SigningAlgorithm = 'ES256' | 'RS256';

/** The header parameter `typ` of what is issued (RFC 9068 §2.1). */
export type TokenTyp = 'at+jwt' | 'JWT';

/** Signs claims as a JWT in compact form. Rejects with an OAuthError (not_ready) when there is no key. */
export type Sign = (algorithm: SigningAlgorithm, typ: TokenTyp, claims: JsonObject) => Promise<string>;

export type ExchangeEffects = {
  /** The state of the policy now. */
  policy: () => PolicySnapshot;
  /** Seconds since the epoch, with their fraction. */
  now: () => number;
  /** A new unique id. */
  newId: () => string;
  reviewToken: ReviewToken;
  issuerKeys: IssuerKeys;
  sign: Sign;
  settings: ExchangeSettings;
  /** Told what a decision is made about: for who explains it. A server has none. */
  onCase?: (decided: Case) => void;
};

/** What is the same for every exchange of a process. */
export type ExchangeSettings = {
  /** Cambio's issuer URL: `iss` of what it issues. */
  issuerURL: string;
  /** No token lives longer, in seconds, whatever a manifest says. */
  maxLifetimeSeconds: number;
  signingAlgorithm: SigningAlgorithm;
};
