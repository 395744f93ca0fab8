// An API server in this process that fails when a test orders it: collections, lists in pages, watches, single objects, status by server-side apply.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import { createApiServer, type ApiServer } from '../../src/kubernetes/api-server.ts';
import type { KubeObject } from '../../src/kubernetes/reflector.ts';

/** What goes wrong with one request. */
export type Fault =
  /** Nothing: the request is served. */
  | 'none'
  /** An answer with this status. */
  | { status: number; retryAfter?: string; body?: string }
  /** The request is taken and never answered. */
  | 'hang'
  /** The connection is reset. */
  | 'reset'
  /** 200 with text that is not JSON. */
  | 'garbage'
  /** The request is answered when release() is called. */
  | 'slow'
  /** The same, with what was there when it came; of a list only. */
  | 'late';

/** What goes wrong with one watch. */
export type WatchFault =
  | Fault
  /** An ERROR event with this code comes first. */
  | { error: number }
  /** It starts and nothing ever comes. */
  | 'silent'
  /** It ends as soon as it has started. */
  | 'end'
  /** The first event is cut in the middle and the connection closed. */
  | 'cut'
  /** Each event comes twice. */
  | 'duplicate'
  /** Two events change places, each time; a lonely one comes with release(). */
  | 'reorder'
  /** Each byte is a chunk of its own. */
  | 'bytes';

type Verb = 'list' | 'watch' | 'patch' | 'get' | 'create' | 'update';
export type Seen = { verb: Verb; path: string; query: Record<string, string>; body?: Record<string, unknown> };

type Event = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; plural: string; version: number; object: KubeObject };
type Watcher = { plural: string; response: ServerResponse; fault: WatchFault; held: string | undefined };

export type FakeApiServer = {
  url: string;
  /** Makes or changes an object, named `namespace/name`, or `/name` without a namespace. Its generation counts changes of `spec`. */
  put: (plural: string, key: string, members?: Record<string, unknown>) => KubeObject;
  remove: (plural: string, key: string) => void;
  /** What is there now, by key. */
  items: (plural: string) => Map<string, KubeObject>;
  /** Forgets the past: who asks for an older version gets 410. */
  compact: () => void;
  /** Whether 410 comes as a status or as an event. */
  expireBy: (way: 'status' | 'event') => void;
  /** Sends a bookmark to all watches. */
  bookmark: () => void;
  /** Ends all watches in good order. */
  endWatches: () => void;
  /** Closes all connections hard. */
  cutConnections: () => void;
  /** Orders faults for the next requests, one for each: of any collection, or of one (`list things`). */
  order: ((verb: 'watch', ...faults: WatchFault[]) => void) & ((verb: Verb | `${Verb} ${string}`, ...faults: Fault[]) => void);
  /** Takes back the faults that have not happened yet, answers slow requests and sends what is held back. */
  release: () => void;
  /** The objects are stored without these members of their status, as where a schema does not know them. */
  prune: (...members: string[]) => void;
  /** All requests so far. */
  seen: Seen[];
  watches: () => number;
  connections: () => number;
  /** Most requests of this verb that were open at once. */
  mostAtOnce: (verb: Verb) => number;
  close: () => Promise<void>;
};

export async function startFakeApiServer(): Promise<FakeApiServer> {
  const collections = new Map<string, Map<string, KubeObject>>();
  const history: Event[] = [];
  const watchers = new Set<Watcher>();
  const sockets = new Set<Socket>();
  const faults = new Map<string, WatchFault[]>();
  const open: Record<Verb, number> = { list: 0, watch: 0, patch: 0, get: 0, create: 0, update: 0 };
  const most: Record<Verb, number> = { list: 0, watch: 0, patch: 0, get: 0, create: 0, update: 0 };
  const pages = new Map<string, { version: number; rest: KubeObject[] }>();
  const seen: Seen[] = [];
  let slow: (() => void)[] = [];
  let pruned: string[] = [];
  // So that versions soon get longer: as text, "10" is before "9".
  let version = 7;
  let oldest = version;
  let uids = 0;
  let expiry: 'status' | 'event' = 'status';

  function items(plural: string): Map<string, KubeObject> {
    const collection = collections.get(plural) ?? new Map<string, KubeObject>();
    collections.set(plural, collection);
    return collection;
  }

  function put(plural: string, key: string, members: Record<string, unknown> = {}): KubeObject {
    const [namespace = '', name = ''] = key.split('/');
    const before = items(plural).get(key);
    const respec = 'spec' in members && JSON.stringify(members['spec']) !== JSON.stringify(before?.['spec']);
    const { uid, generation = 1 } = before?.metadata ?? { uid: `uid-${++uids}` };
    const metadata = {
      ...(members['metadata'] as object | undefined),
      name,
      ...(namespace === '' ? {} : { namespace }),
      uid,
      resourceVersion: String(++version),
      generation: before !== undefined && respec ? generation + 1 : generation,
    };
    const object = { ...before, ...members, metadata };
    items(plural).set(key, object);
    tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', plural, version, object });
    return object;
  }

  function remove(plural: string, key: string): void {
    const before = items(plural).get(key);
    if (before === undefined) return;
    items(plural).delete(key);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(++version) } };
    tell({ type: 'DELETED', plural, version, object });
  }

  function tell(event: Event): void {
    history.push(event);
    for (const watcher of watchers) if (watcher.plural === event.plural) send(watcher, lineOf(event.type, event.object));
  }

  function send(watcher: Watcher, line: string): void {
    const { response, fault } = watcher;
    if (fault === 'silent' || !watchers.has(watcher)) return;
    if (fault === 'bytes') for (const byte of Buffer.from(line)) response.write(Buffer.of(byte));
    else if (fault === 'duplicate') response.write(line + line);
    else if (fault === 'cut') {
      const bytes = Buffer.from(line);
      watchers.delete(watcher);
      response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.destroy());
    } else if (fault === 'reorder' && watcher.held === undefined) watcher.held = line;
    else {
      response.write(line + (watcher.held ?? ''));
      watcher.held = undefined;
    }
  }

  const handlers: Record<Verb, (plural: string, seen: Seen, response: ServerResponse, fault: WatchFault) => void> = { list, watch, patch, get, create, update };

  function list(plural: string, { query }: Seen, response: ServerResponse, fault: WatchFault): void {
    const page = query['continue'] === undefined ? { version, rest: [...items(plural).values()] } : pages.get(query['continue']);
    if (page === undefined || page.version < oldest) {
      answer(response, 410, { kind: 'Status', code: 410 });
      return;
    }
    const limit = Number(query['limit'] ?? Infinity);
    const rest = page.rest.slice(limit);
    const token = rest.length === 0 ? '' : `${page.version}-${rest.length}`;
    if (token !== '') pages.set(token, { version: page.version, rest });
    const body = { metadata: { resourceVersion: String(page.version), ...(token === '' ? {} : { continue: token }) }, items: page.rest.slice(0, limit) };
    if (fault === 'late') slow.push(() => answer(response, 200, body));
    else answer(response, 200, body);
  }

  function watch(plural: string, { query }: Seen, response: ServerResponse, fault: WatchFault): void {
    const from = Number(query['resourceVersion']);
    const expired = from < oldest;
    if (expired && expiry === 'status') {
      answer(response, 410, { kind: 'Status', code: 410 });
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const code = typeof fault === 'object' && 'error' in fault ? fault.error : expired ? 410 : undefined;
    if (code !== undefined) response.write(lineOf('ERROR', { kind: 'Status', code, message: 'ordered' }));
    if (code !== undefined || fault === 'end') {
      response.end();
      return;
    }
    const watcher = { plural, response, fault, held: undefined };
    watchers.add(watcher);
    response.once('close', () => watchers.delete(watcher));
    for (const event of history) if (event.plural === plural && event.version > from) send(watcher, lineOf(event.type, event.object));
  }

  function get(plural: string, { path }: Seen, response: ServerResponse): void {
    const object = items(plural).get(addressOf(path).key);
    if (object === undefined) answer(response, 404, { message: 'not found' });
    else answer(response, 200, object);
  }

  function create(plural: string, { path, body }: Seen, response: ServerResponse): void {
    const { metadata, ...members } = body as { metadata: { name?: string; generateName?: string } };
    const name = metadata.name ?? `${metadata.generateName}${++uids}`;
    const key = `${addressOf(path).namespace}/${name}`;
    if (items(plural).has(key)) answer(response, 409, { message: 'it is there already' });
    else answer(response, 201, put(plural, key, members));
  }

  function update(plural: string, { path, body }: Seen, response: ServerResponse): void {
    const { key } = addressOf(path);
    const { metadata, ...members } = body as { metadata: { resourceVersion?: string } };
    const before = items(plural).get(key);
    if (before === undefined) answer(response, 404, { message: 'not found' });
    else if (metadata.resourceVersion !== before.metadata.resourceVersion) answer(response, 409, { message: 'it was changed' });
    else answer(response, 200, put(plural, key, members));
  }

  function patch(plural: string, { path, body }: Seen, response: ServerResponse): void {
    const { key, subresource } = addressOf(path);
    const before = items(plural).get(key);
    const { metadata, status } = body as { metadata: { resourceVersion?: string }; status: Record<string, unknown> };
    if (before !== undefined && subresource === undefined) answer(response, 200, put(plural, key, body));
    else if (before === undefined) answer(response, 404, { message: 'not found' });
    else if ((metadata.resourceVersion ?? before.metadata.resourceVersion) !== before.metadata.resourceVersion) answer(response, 409, { message: 'it was changed' });
    else {
      const kept = Object.fromEntries(Object.entries(status).filter(([member]) => !pruned.includes(member)));
      const same = JSON.stringify(kept) === JSON.stringify(before['status']);
      answer(response, 200, same ? before : put(plural, key, { status: kept }));
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams } = new URL(request.url ?? '', 'http://fake');
    const query = Object.fromEntries(searchParams);
    const { plural, name } = addressOf(path);
    // A TokenReview is asked for and not kept: to a test it is like a list.
    const verb = (plural === 'tokenreviews' ? 'list' : verbs[request.method ?? '']) ?? (query['watch'] === 'true' ? 'watch' : name === undefined ? 'list' : 'get');
    const seenNow: Seen = { verb, path, query, ...(verb === 'list' || verb === 'watch' || verb === 'get' ? {} : { body: (await json(request)) as Record<string, unknown> }) };
    seen.push(seenNow);
    most[verb] = Math.max(most[verb], ++open[verb]);
    response.once('close', () => open[verb]--);
    const fault = faults.get(`${verb} ${plural}`)?.shift() ?? faults.get(verb)?.shift() ?? 'none';
    if (fault === 'hang') return;
    if (fault === 'reset') request.socket.resetAndDestroy();
    else if (fault === 'garbage') response.end('{"not": json\n');
    else if (fault === 'slow') slow.push(() => handlers[verb](plural, seenNow, response, 'none'));
    else if (typeof fault === 'object' && 'status' in fault) {
      response.writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter });
      response.end(fault.body ?? JSON.stringify({ kind: 'Status', code: fault.status, message: 'ordered' }));
    } else handlers[verb](plural, seenNow, response, fault);
  }

  const server = createServer((request, response) => void handle(request, response));
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put,
    remove,
    items,
    compact: () => (oldest = ++version),
    expireBy: (way) => (expiry = way),
    bookmark: () => {
      for (const { response, fault } of watchers) if (fault !== 'silent') response.write(lineOf('BOOKMARK', { metadata: { resourceVersion: String(version) } }));
    },
    endWatches: () => {
      for (const { response } of watchers) response.end();
      watchers.clear();
    },
    cutConnections: () => {
      for (const socket of sockets) socket.resetAndDestroy();
      watchers.clear();
    },
    order: (verb: string, ...ordered: WatchFault[]) => void faults.set(verb, [...(faults.get(verb) ?? []), ...ordered]),
    release: () => {
      faults.clear();
      for (const { response, held } of watchers) if (held !== undefined) response.write(held);
      for (const watcher of watchers) watcher.held = undefined;
      for (const go of slow) go();
      slow = [];
    },
    prune: (...members) => (pruned = members),
    seen,
    watches: () => watchers.size,
    connections: () => sockets.size,
    mostAtOnce: (verb) => most[verb],
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const verbs: Readonly<Record<string, Verb>> = { PATCH: 'patch', POST: 'create', PUT: 'update' };

/** What a path is the path of: a collection, an object, or a part of it. A document that is not below /api goes by its last step. */
function addressOf(path: string): { namespace: string; plural: string; name: string | undefined; subresource: string | undefined; key: string } {
  const document = /^(?!\/apis?\/).*\/([a-z]+)$/.exec(path)?.[1];
  const [, namespace = '', plural = document ?? '', name, subresource] = /^\/apis?\/(?:[^/]+\/)?[^/]+(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+)(?:\/([a-z]+))?)?$/.exec(path) ?? [];
  return { namespace, plural, name, subresource, key: `${namespace}/${name}` };
}

/** A client of an API server without TLS. */
export function connectTo(url: string, connections = 8): ApiServer {
  return createApiServer(kubeConfigFor({ server: url, skipTLSVerify: true }), () => performance.now(), connections);
}

/** A kubeconfig with one cluster and one user. */
export function kubeConfigFor(cluster: { server: string; skipTLSVerify?: boolean; caData?: string }, user: Record<string, unknown> = {}): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'fake', ...cluster }],
    users: [{ name: 'tester', ...user }],
    contexts: [{ name: 'fake', cluster: 'fake', user: 'tester' }],
    currentContext: 'fake',
  });
  return config;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** What a client says of a connection that was reset: it depends on what it did just then. */
export const resetMessage = /ECONNRESET|EPIPE|other side closed/;

const lineOf = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
