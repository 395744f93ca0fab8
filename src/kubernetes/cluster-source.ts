// Manifests and Namespaces from the API server: one reflector for each, every object read once for each generation.
import { apiVersion, kindNames, type KindName } from '../manifests/kinds.ts';
import { labelsOf, type ReadNamespace } from '../manifests/read-namespace.ts';
import { readObject, type ObjectId, type ReadObject } from '../manifests/read-object.ts';
import { keyOf, type Change } from '../policy/policy-store.ts';
import type { ApiServer } from './api-server.ts';
import { collectionPath } from './object-path.ts';
import { runReflector, type Delivery, type KubeObject, type ReflectorState } from './reflector.ts';

export type ClusterSourceOptions = {
  api: ApiServer;
  /** Takes objects whose generation is new, objects that are gone, and Namespaces. The first call has all of all of them. */
  onChanges: (changes: readonly Change[], namespaces: readonly ReadNamespace[]) => void;
  /** Sees every object as the API server has it, also where only its status changed. */
  observe: (id: ObjectId, object: KubeObject | undefined) => void;
  /** Called once, when everything has been listed. */
  onSynced: () => void;
  onState: (kind: Followed, state: ReflectorState) => void;
  monotonic: () => number;
  random: () => number;
  signal: AbortSignal;
};

/** What is followed: Cambio's kinds, and Namespaces for their labels. */
export type Followed = KindName | 'Namespace';

/** What a delivery means. */
type Read = { changes: readonly Change[]; namespaces: readonly ReadNamespace[] };

/** Follows the API server until `signal` is aborted. */
export async function runClusterSource(options: ClusterSourceOptions): Promise<void> {
  const { api, onChanges, observe, onSynced, onState, monotonic, random, signal } = options;
  /** uid and generation of each object that was handed on. */
  const generations = new Map<string, string>();
  const unsynced = new Set<Followed>([...kindNames, 'Namespace']);
  /** What can't be handed on yet, since not all has been listed: of each object the last that was told. */
  const held = { changes: new Map<string, Change>(), namespaces: new Map<string, ReadNamespace>() };

  function take(what: Followed, read: Read): void {
    if (unsynced.size > 1 || (unsynced.size === 1 && !unsynced.has(what))) {
      // An ExchangeClient whose TrustedIssuer has not been listed yet would be taken, and told, for a mistake.
      for (const change of read.changes) held.changes.set(keyOf(change.id), change);
      for (const namespace of read.namespaces) held.namespaces.set(namespace.name, namespace);
      unsynced.delete(what);
      return;
    }
    const changes = [...held.changes.values(), ...read.changes];
    const namespaces = [...held.namespaces.values(), ...read.namespaces];
    try {
      if (changes.length > 0 || namespaces.length > 0) onChanges(changes, namespaces);
    } catch (error) {
      // They will be delivered again, and must not pass for known then.
      for (const { id } of changes) generations.delete(keyOf(id));
      throw error;
    }
    held.changes.clear();
    held.namespaces.clear();
    if (unsynced.delete(what)) onSynced();
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

  const follow = (what: Followed, path: string, read: (deliveries: readonly Delivery[]) => Read): Promise<void> =>
    runReflector({ api, path, deliver: (deliveries) => take(what, read(deliveries)), monotonic, random, onState: (state) => onState(what, state) }, signal);
  await Promise.all([
    follow('Namespace', '/api/v1/namespaces', (deliveries) => ({ changes: [], namespaces: deliveries.map(({ name, object }) => readLabels(name, object)) })),
    ...kindNames.map((kind) =>
      follow(kind, collectionPath(kind), (deliveries) => ({ changes: deliveries.flatMap((delivery) => changeOf(kind, delivery)), namespaces: [] })),
    ),
  ]);
}

/** The labels of a Namespace, which the API server has checked. Of one that is gone nothing can be told: the next of that name may have any. */
export function readLabels(name: string, object: KubeObject | undefined): ReadNamespace {
  if (object === undefined) return { name, labels: undefined };
  const { labels } = object.metadata as { labels?: Readonly<Record<string, string>> };
  return { name, labels: labelsOf(name, Object.entries(labels ?? {})) };
}

/** An item of a list does not say its kind; the collection does. */
export function readListed(kind: KindName, id: ObjectId, object: KubeObject): ReadObject {
  const result = readObject({ ...object, apiVersion, kind });
  if (result.read !== undefined) return result.read;
  return { ...id, generation: object.metadata.generation ?? 0, uid: object.metadata.uid, problems: result.problems ?? [], written: [object['spec']] };
}
