// Prints the path of a field as people write it.

/** `['spec', 'targets', 0, 'audience']` → `spec.targets[0].audience`; a name with other characters → `spec["a b"]`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((step, index) => (index === 0 && isPlain(step) ? step : formatStep(step))).join('') || 'the document';
}

function formatStep(step: string | number): string {
  return isPlain(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
}

const isPlain = (step: string | number): step is string => typeof step === 'string' && /^\w[\w-]*$/.test(step);
