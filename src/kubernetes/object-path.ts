// Where an API server has the objects of Cambio's kinds.
import { apiVersion, kinds, type KindName } from '../manifests/kinds.ts';
import type { ObjectId } from '../manifests/read-object.ts';

/** The path of a collection: of all namespaces, or of one. */
export function collectionPath(kind: KindName, namespace = ''): string {
  return `/apis/${apiVersion}/${namespace === '' ? '' : `namespaces/${namespace}/`}${kinds[kind].plural}`;
}

/** The path of an object. */
export const objectPath = ({ kind, namespace, name }: ObjectId): string => `${collectionPath(kind, namespace)}/${name}`;
