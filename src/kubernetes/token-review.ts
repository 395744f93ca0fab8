// Asks an API server whose a token is (TokenReview, authentication.k8s.io/v1).
import { OAuthError } from '../exchange/oauth-error.ts';
import type { ReviewToken, TokenReviewStatus } from '../exchange/verify-by-review.ts';
import type { ApiServer } from './api-server.ts';

/** How long a review may take, in milliseconds, waiting for a free connection included. */
export const reviewTimeout = 5_000;

/** Calls in flight at once: more wait for their turn. */
export const reviewsInFlight = 64;

/** @param onTrouble told why a review could not be had: the caller is only told to try again later */
export function createTokenReview(api: ApiServer, onTrouble: (reason: string) => void): ReviewToken {
  return async (_issuer, token, audiences) => {
    const spec = { token, ...(audiences.length === 0 ? {} : { audiences }) };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
    try {
      const response = await api.request({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body, timeoutMs: reviewTimeout, maxBytes: 1_048_576 });
      if (response.status === 201 || response.status === 200) return readStatus(response.body);
      throw new Error(`the API server answered a TokenReview with ${response.status}`);
    } catch (error) {
      onTrouble((error as Error).message);
      throw new OAuthError('issuer_unavailable', 'token-review', `TokenReview could not be had: ${(error as Error).message}`);
    }
  };
}

/** Reads what was answered, strictly: what is not there counts as nothing. */
function readStatus(body: unknown): TokenReviewStatus {
  const status = member(body, 'status');
  const user = member(status, 'user');
  return {
    authenticated: status['authenticated'] === true,
    error: text(status['error']) || undefined,
    audiences: texts(status['audiences']),
    user: {
      username: text(user['username']),
      uid: text(user['uid']),
      groups: texts(user['groups']),
      extra: new Map(Object.entries(member(user, 'extra')).map(([name, values]) => [name, texts(values)])),
    },
  };
}

function member(object: unknown, name: string): Record<string, unknown> {
  const value = typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[name] : undefined;
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

const text = (value: unknown): string => (typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);
