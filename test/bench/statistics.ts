// The few numbers that the bench makes of many.

/** The median; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? NaN;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** The median of the quotients of values that were measured one right after the other: what slows both down is not in it. */
export const medianRatio = (values: readonly number[], beside: readonly number[]): number => median(values.map((value, index) => value / (beside[index] ?? NaN)));
