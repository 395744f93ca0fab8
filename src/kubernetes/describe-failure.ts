// Why a request did not come to an answer, in one sentence.

/**
 * An error in words: its message, or else its code, and what caused it. Where a host has several addresses and none of
 * them answers, the error is an AggregateError, without a message.
 */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, cause } = error as { code?: string; cause?: { message?: string } };
  return [error.message || code || error.name, cause?.message].filter(Boolean).join(': ');
}
