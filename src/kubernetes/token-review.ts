// Asks an API server whose a token is (TokenReview, authentication.k8s.io/v1).
import { OAuthError } from '../exchange/oauth-error.ts';
import type { ReviewToken, TokenReviewStatus } from '../exchange/verify-by-review.ts';
import type { Issuer } from '../policy/policy.ts';
import { findFor, type ClusterConnection, type FindCluster } from './cluster-connection.ts';
import { describeFailure } from './describe-failure.ts';

/** How long a review may take, in milliseconds, waiting for a free connection included. */
export const reviewTimeout = 5_000;

/** Most reviews of one cluster that are asked for or wait for their turn: one that is silent must not hold all requests. */
export const maxReviewsWaiting = 256;

/**
 * Asks the API server of the issuer's cluster, and no other.
 * @param onTrouble told why a review could not be had: the caller is only told to try again later
 */
export function createTokenReview(find: FindCluster, onTrouble: (issuer: Issuer, reason: string) => void): ReviewToken {
  const waiting = new Map<ClusterConnection, number>();

  async function ask(cluster: ClusterConnection, token: string, audiences: readonly string[]): Promise<TokenReviewStatus> {
    const count = waiting.get(cluster) ?? 0;
    if (count >= maxReviewsWaiting) throw new Error(`${maxReviewsWaiting} reviews wait for the API server already`);
    waiting.set(cluster, count + 1);
    try {
      return await review(cluster, token, audiences);
    } finally {
      const left = (waiting.get(cluster) ?? 1) - 1;
      if (left > 0) waiting.set(cluster, left);
      else waiting.delete(cluster);
    }
  }

  return async (issuer, token, audiences) => {
    const cluster = findFor(issuer, find);
    try {
      if (typeof cluster === 'string') throw new Error(cluster);
      return await ask(cluster, token, audiences);
    } catch (error) {
      const reason = describeFailure(error);
      onTrouble(issuer, reason);
      throw new OAuthError('issuer_unavailable', 'token-review', `TokenReview could not be had: ${reason}`);
    }
  };
}

async function review({ reviewer }: ClusterConnection, token: string, audiences: readonly string[]): Promise<TokenReviewStatus> {
  const spec = { token, ...(audiences.length === 0 ? {} : { audiences }) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
  const response = await reviewer.request({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body, timeoutMs: reviewTimeout, maxBytes: 1_048_576 });
  if (response.status === 201 || response.status === 200) return readStatus(response.body);
  throw new Error(`the API server answered a TokenReview with ${response.status}`);
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
