// Remembers reviews for some seconds, good and bad ones alike, and lets equal requests in flight share one call.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ReviewToken, TokenReviewStatus } from '../exchange/verify-by-review.ts';

/** Most reviews that are remembered: about a KiB each. */
export const maxReviews = 10_000;

/**
 * Puts a memory before a ReviewToken. It holds hashes of tokens only, and what it knows of an issuer is forgotten when
 * that issuer is changed.
 * @param milliseconds how long an answer counts; 0 remembers nothing, and equal requests in flight still share a call
 * @param monotonic milliseconds on a clock that never jumps
 */
export function cacheReviews(review: ReviewToken, milliseconds: number, monotonic: () => number): ReviewToken {
  const answers = new LRUCache<string, { status: TokenReviewStatus; askedAt: number }>({ max: maxReviews });
  const inFlight = new Map<string, Promise<TokenReviewStatus>>();

  return async (issuer, token, audiences) => {
    const hash = createHash('sha256').update(token).digest('base64');
    const key = JSON.stringify([issuer.name, issuer.revision, audiences, hash]);
    const known = answers.get(key);
    if (known !== undefined && monotonic() - known.askedAt < milliseconds) return known.status;
    const running = inFlight.get(key);
    if (running !== undefined) return running;
    // The age counts from the question: what the API server knew then.
    const askedAt = monotonic();
    const asked = review(issuer, token, audiences).finally(() => inFlight.delete(key));
    inFlight.set(key, asked);
    const status = await asked;
    if (milliseconds > 0) answers.set(key, { status, askedAt });
    return status;
  };
}
