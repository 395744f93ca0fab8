// Reads the manifests and Namespaces of a cluster once, by plain lists: for who wants to look at them, and not to follow them.
import { apiVersion, kindNames, type KindName } from '../manifests/kinds.ts';
import type { ReadNamespace } from '../manifests/read-namespace.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import type { ApiServer } from './api-server.ts';
import { readLabels, readListed } from './cluster-source.ts';
import { listCollection } from './list-collection.ts';
import { collectionPath } from './object-path.ts';
import type { KubeObject } from './reflector.ts';

/** For each page, in milliseconds. */
const listTimeout = 60_000;

/** @returns all objects of all kinds. Rejects with a sentence where the API server does not give them */
export async function listManifests(api: ApiServer): Promise<ReadObject[]> {
  const lists = await Promise.all(kindNames.map(async (kind) => (await list(api, collectionPath(kind))).map((object) => read(kind, object))));
  return lists.flat();
}

function read(kind: KindName, object: KubeObject): ReadObject {
  const { namespace = '', name } = object.metadata;
  return readListed(kind, { kind, namespace, name }, object);
}

/** @returns all Namespaces with their labels. Rejects as listManifests does */
export async function listNamespaces(api: ApiServer): Promise<ReadNamespace[]> {
  const namespaces = await list(api, '/api/v1/namespaces');
  return namespaces.map((object) => readLabels(object.metadata.name, object));
}

async function list(api: ApiServer, path: string): Promise<KubeObject[]> {
  const { items, refusal } = await listCollection<KubeObject>(api, path, { timeoutMs: listTimeout });
  if (refusal !== undefined) throw new Error(`the API server ${api.server} answered the list of ${path.split('/').at(-1)} with ${refusal.status}${fixes[refusal.status] ?? ''}`);
  return items;
}

const fixes: Readonly<Record<number, string>> = {
  401: ': the kubeconfig\'s credential is not accepted',
  403: ': whoever the kubeconfig names may not list them; the right to list is enough',
  404: `: the CRDs of ${apiVersion} are not there; see cambio crds`,
  410: ': it took too long; try again',
};
