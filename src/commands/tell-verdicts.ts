// A policy store that tells what came of everything that it was given, whoever gave it.
import type { Change, PolicyStore, Verdict } from '../policy/policy-store.ts';

/** @param onVerdicts told of the verdicts that the store answers with, and of the changes that they come of, if it were some */
export function tellingVerdicts(store: PolicyStore, onVerdicts: (verdicts: readonly Verdict[], changes: readonly Change[]) => void): PolicyStore {
  function told(verdicts: Verdict[], changes: readonly Change[] = []): Verdict[] {
    onVerdicts(verdicts, changes);
    return verdicts;
  }
  return {
    ...store,
    apply: (changes, namespaces) => told(store.apply(changes, namespaces), changes),
    setKeyState: (...given) => told(store.setKeyState(...given)),
    setClusterFacts: (...given) => told(store.setClusterFacts(...given)),
  };
}
