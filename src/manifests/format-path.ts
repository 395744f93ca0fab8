// Prints the path of a field as people write it, and reads what was printed.

/** `['spec', 'targets', 0, 'audience']` → `spec.targets[0].audience`; a name with other characters → `spec["a b"]`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((step, index) => (index === 0 && isPlain(step) ? step : formatStep(step))).join('') || 'the document';
}

function formatStep(step: string | number): string {
  return isPlain(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

const isPlain = (step: string | number): step is string => typeof step === 'string' && /^\w[\w-]*$/.test(step);

/** The inverse: `spec.targets[0].audience` → `['spec', 'targets', 0, 'audience']`. @returns undefined for other text */
export function parsePath(text: string): (string | number)[] | undefined {
  if (!/^\w[\w-]*(\.\w[\w-]*|\[\d+\]|\["(?:[^"\\]|\\.)*"\])*$/.test(text)) return undefined;
  const steps = text.matchAll(/\[("(?:[^"\\]|\\.)*"|\d+)\]|[\w-]+/g);
  return Array.from(steps, ([step, inBrackets]) => (inBrackets === undefined ? step : (JSON.parse(inBrackets) as string | number)));
}
