// Reads the manifests of a cluster once, by plain lists: for who wants to look at them, and not to follow them.
import { apiVersion, group, kindNames, kinds, version, type KindName } from '../manifests/kinds.ts';
import type { ReadObject } from '../manifests/read-object.ts';
import type { ApiServer } from './api-server.ts';
import { readListed } from './cluster-source.ts';
import type { KubeObject } from './reflector.ts';

const pageSize = 500;
const listTimeout = 60_000;

/** @returns all objects of all kinds. Rejects with a sentence where the API server does not give them */
export async function listManifests(api: ApiServer): Promise<ReadObject[]> {
  const lists = await Promise.all(kindNames.map((kind) => listKind(api, kind)));
  return lists.flat();
}

async function listKind(api: ApiServer, kind: KindName): Promise<ReadObject[]> {
  const { plural } = kinds[kind];
  const objects: ReadObject[] = [];
  let next: string | undefined = '';
  while (next !== undefined) {
    const query = { limit: String(pageSize), ...(next === '' ? {} : { continue: next }) };
    const { status, body } = await api.request({ method: 'GET', path: `/apis/${group}/${version}/${plural}`, query, timeoutMs: listTimeout });
    if (status !== 200) throw new Error(`the API server ${api.server} answered the list of ${plural} with ${status}${fixes[status] ?? ''}`);
    const page = body as { metadata: { continue?: string }; items: KubeObject[] };
    for (const object of page.items) objects.push(readListed(kind, { kind, namespace: object.metadata.namespace ?? '', name: object.metadata.name }, object));
    next = page.metadata.continue || undefined;
  }
  return objects;
}

const fixes: Readonly<Record<number, string>> = {
  401: ': the kubeconfig\'s credential is not accepted',
  403: `: whoever the kubeconfig names may not list them; the right to list is enough`,
  404: `: the CRDs of ${apiVersion} are not there; see cambio crds`,
  410: ': it took too long; try again',
};
