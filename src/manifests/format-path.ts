// Prints the path of a field as people write it.

/** `['spec', 'targets', 0, 'audience']` → `spec.targets[0].audience`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('') || 'the document';
}
