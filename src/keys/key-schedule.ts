// When keys of issuers are fetched again: before they get old, after a failure, and for a kid that is not known.

/** For how long keys count as fresh, in milliseconds: what the issuer says, between two bounds, or the usual. */
export const freshness = { usual: 300_000, least: 60_000, most: 3_600_000 };

/** After failures it is tried again: at first after so many milliseconds, then after twice as many, up to the longest pause. */
export const retry = { first: 1_000, longest: 60_000 };

/** One refetch for unknown kids in so many milliseconds, whoever asks. */
export const refetchCooldown = 30_000;

/** When many issuers come at once, their first fetches begin so many milliseconds after each other. */
export const stagger = 20;

/** @param maxAgeSeconds what the answer says of itself, if it does */
export function freshFor(maxAgeSeconds: number | undefined): number {
  if (maxAgeSeconds === undefined) return freshness.usual;
  return Math.min(freshness.most, Math.max(freshness.least, maxAgeSeconds * 1000));
}

/** How long after the beginning of a good fetch the next one begins: so that it is over before the keys are old, and not everybody's at once. */
export const refreshDelay = (fresh: number, random: number): number => fresh * (0.8 + 0.1 * random);

/** How long to wait after so many failures in a row. */
export const retryDelay = (failures: number, random: number): number => Math.min(retry.longest, retry.first * 2 ** (failures - 1)) * (0.5 + 0.5 * random);
