// Manifests from the API server: one reflector for each kind, each object read once for each generation.
import { apiVersion, group, kindNames, kinds, version, type KindName } from '../manifests/kinds.ts';
import { readObject, type ObjectId, type ReadObject } from '../manifests/read-object.ts';
import { keyOf, type Change } from '../policy/policy-store.ts';
import type { ApiServer } from './api-server.ts';
import { runReflector, type Delivery, type KubeObject, type ReflectorState } from './reflector.ts';

export type ClusterSourceOptions = {
  api: ApiServer;
  /** Takes objects whose generation is new, and objects that are gone. The first call has all of all kinds. */
  onChanges: (changes: readonly Change[]) => void;
  /** Sees every object as the API server has it, also where only its status changed. */
  observe: (id: ObjectId, object: KubeObject | undefined) => void;
  /** Called once, when every kind has been listed. */
  onSynced: () => void;
  onState: (kind: KindName, state: ReflectorState) => void;
  monotonic: () => number;
  random: () => number;
  signal: AbortSignal;
};

/** Follows the API server until `signal` is aborted. */
export async function runClusterSource(options: ClusterSourceOptions): Promise<void> {
  const { api, onChanges, observe, onSynced, onState, monotonic, random, signal } = options;
  /** uid and generation of each object that was handed on. */
  const generations = new Map<string, string>();
  const unsynced = new Set<KindName>(kindNames);
  let held: readonly Change[] = [];

  function take(kind: KindName, deliveries: readonly Delivery[]): void {
    const changes = [...held, ...deliveries.flatMap((delivery) => changeOf(kind, delivery))];
    if (unsynced.size > 1 || (unsynced.size === 1 && !unsynced.has(kind))) {
      // An ExchangeClient whose TrustedIssuer has not been listed yet would be taken, and told, for a mistake.
      held = changes;
      unsynced.delete(kind);
      return;
    }
    try {
      if (changes.length > 0) onChanges(changes);
    } catch (error) {
      // They will be delivered again, and must not pass for known then.
      for (const { id } of changes) generations.delete(keyOf(id));
      throw error;
    }
    held = [];
    if (unsynced.delete(kind)) onSynced();
  }

  function changeOf(kind: KindName, { namespace, name, object }: Delivery): Change[] {
    const id = { kind, namespace, name };
    const key = keyOf(id);
    observe(id, object);
    if (object === undefined) {
      generations.delete(key);
      return [{ id, object: undefined }];
    }
    const generation = `${object.metadata.uid}/${object.metadata.generation}`;
    if (generations.get(key) === generation) return [];
    generations.set(key, generation);
    return [{ id, object: readListed(kind, id, object) }];
  }

  await Promise.all(
    kindNames.map((kind) => {
      const path = `/apis/${group}/${version}/${kinds[kind].plural}`;
      const deliver = (deliveries: readonly Delivery[]): void => take(kind, deliveries);
      return runReflector({ api, path, deliver, monotonic, random, onState: (state) => onState(kind, state) }, signal);
    }),
  );
}

/** An item of a list does not say its kind; the collection does. */
export function readListed(kind: KindName, id: ObjectId, object: KubeObject): ReadObject {
  const result = readObject({ ...object, apiVersion, kind });
  if (result.read !== undefined) return result.read;
  const problems = 'problems' in result ? result.problems : [];
  return { ...id, generation: object.metadata.generation ?? 0, uid: object.metadata.uid, problems };
}
