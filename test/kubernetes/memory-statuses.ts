// Objects at an API server, as far as a status writer sees them: in memory, with answers that take their time.
import type { ApiRequest, ApiResponse, ApiServer } from '../../src/kubernetes/api-server.ts';
import type { LiveStatus } from '../../src/kubernetes/live-status.ts';
import type { KubeObject } from '../../src/kubernetes/reflector.ts';
import { objectPath } from '../../src/kubernetes/object-path.ts';
import type { ObjectId } from '../../src/manifests/read-object.ts';
import type { VirtualTime } from './virtual-time.ts';

export type MemoryStatuses = {
  api: Pick<ApiServer, 'request'>;
  /** Makes or changes an object: its generation is one more. */
  edit: (id: ObjectId) => KubeObject;
  /** Writes a status, as somebody else would. */
  tamper: (id: ObjectId, status: LiveStatus) => KubeObject;
  get: (id: ObjectId) => KubeObject;
  status: (id: ObjectId) => LiveStatus;
  /** When each write was carried out, and to what. */
  writes: { at: number; path: string }[];
  /** Called with each object whose status was written, as a watch would. */
  onWrite: (listener: (path: string, object: KubeObject) => void) => void;
};

/** @param latency of one request, in milliseconds */
export function createMemoryStatuses(time: VirtualTime, latency: number): MemoryStatuses {
  const objects = new Map<string, KubeObject>();
  const writes: MemoryStatuses['writes'] = [];
  const listeners: ((path: string, object: KubeObject) => void)[] = [];
  let version = 0;

  function carryOut({ path, body }: ApiRequest): ApiResponse {
    const answer = (status: number, object: unknown): ApiResponse => ({ status, retryAfterSeconds: undefined, body: object });
    const at = path.replace(/\/status$/, '');
    const before = objects.get(at);
    const { metadata, status } = body as { metadata: { resourceVersion: string }; status: LiveStatus };
    if (before === undefined) return answer(404, {});
    if (before.metadata.resourceVersion !== metadata.resourceVersion) return answer(409, {});
    writes.push({ at: time.now(), path: at });
    const after = { ...before, status, metadata: { ...before.metadata, resourceVersion: String(++version) } };
    objects.set(at, after);
    for (const listener of listeners) listener(at, after);
    return answer(200, after);
  }

  const get = (id: ObjectId): KubeObject => {
    const object = objects.get(objectPath(id));
    if (object === undefined) throw new Error(`there is no ${id.name}`);
    return object;
  };

  return {
    api: { request: (request) => new Promise((resolve) => time.after(latency / 2, () => resolveLater(time, latency / 2, carryOut(request), resolve))) },
    edit: (id) => {
      const before = objects.get(objectPath(id));
      const { name, namespace } = id;
      const metadata = { name, namespace, uid: before?.metadata.uid ?? `uid-${++version}`, resourceVersion: String(++version), generation: (before?.metadata.generation ?? 0) + 1 };
      const object = { ...before, metadata };
      objects.set(objectPath(id), object);
      return object;
    },
    tamper: (id, status) => {
      const before = get(id);
      const object = { ...before, status, metadata: { ...before.metadata, resourceVersion: String(++version) } };
      objects.set(objectPath(id), object);
      return object;
    },
    get,
    status: (id) => (get(id)['status'] ?? {}) as LiveStatus,
    writes,
    onWrite: (listener) => void listeners.push(listener),
  };
}

function resolveLater(time: VirtualTime, milliseconds: number, response: ApiResponse, resolve: (response: ApiResponse) => void): void {
  time.after(milliseconds, () => resolve(response));
}
