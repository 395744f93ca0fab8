// The allowance of steps that keeps evaluation from holding the event loop, and the way in which it fails.

/**
 * What one evaluation may spend. A step is a node of the tree, an element looked at, or some characters of text: what
 * takes a processor some nanoseconds.
 */
export const mostSteps = 50_000;

/** How many steps are left. Counted down while an expression is evaluated, or several that share them. */
export type Steps = { left: number };

/** Why an expression has no value: a member is missing, a value is of the wrong type … Never holds a claim's value. */
export class EvaluationFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EvaluationFailure';
  }
}

/** Takes steps off the allowance. Throws an EvaluationFailure when there are none left. */
export function spend(steps: Steps, count: number): void {
  if ((steps.left -= count) < 0) throw new EvaluationFailure('it takes more steps than an expression may');
}

/** What a failure costs that `&&`, `||` and the like pass over: throwing it takes that much longer than a step. */
const absorbedSteps = 64;

/**
 * For where CEL lets another operand decide: gives the failure back, unless nothing may go on after it. A bug is thrown.
 */
export function absorb(error: unknown, steps: Steps): EvaluationFailure {
  if (!(error instanceof EvaluationFailure) || steps.left < 0) throw error;
  spend(steps, absorbedSteps);
  return error;
}
