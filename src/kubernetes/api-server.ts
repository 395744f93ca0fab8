// One API server, as a kubeconfig or a pod's own credential names it: requests with a time limit, on connections that are kept.
import { readFile } from 'node:fs/promises';
import type { AgentOptions, RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, request as send, type Dispatcher } from 'undici';

export type ApiRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** Below the server's URL, beginning with a slash. */
  path: string;
  query?: Readonly<Record<string, string>>;
  body?: unknown;
  contentType?: string;
  /** The media types that the answer may have. Default: application/json. */
  accept?: string;
  /** For the whole exchange, in milliseconds. */
  timeoutMs: number;
  /** The most that is read of the answer, in bytes. */
  maxBytes?: number;
  /** Ends it before its time. */
  signal?: AbortSignal;
};

export type ApiResponse = { status: number; retryAfterSeconds: number | undefined; body: unknown };

/** An answer that goes on: lines as they come, until it ends or `signal` is aborted. */
export type ApiStream = { status: number; retryAfterSeconds: number | undefined; body: AsyncIterable<Uint8Array> };

export type ApiServer = {
  /** Where it is, for people. */
  server: string;
  /** Rejects if no answer came; an answer of any status resolves. */
  request: (request: ApiRequest) => Promise<ApiResponse>;
  stream: (path: string, query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<ApiStream>;
  /** The bearer token that is shown to it, if that is the way. */
  ownToken: () => Promise<string | undefined>;
  /** Closes it when the requests in flight have ended; streams are not waited for. For when another client takes its place. */
  retire: () => Promise<void>;
  /** Ends everything at once. */
  close: () => Promise<void>;
};

/** For how long a credential that was read from a file is used, in milliseconds: projected tokens are replaced long before their end. */
const credentialAge = 30_000;

/** Largest answer to a request that says no bound of its own: a page of 500 objects of some KiB each fits. */
const defaultMaxBytes = 64 * 1024 * 1024;

/**
 * Makes a client of the current context's API server.
 * @param monotonic milliseconds on a clock that never jumps
 * @param connections how many connections may be open at once; more requests wait for one
 */
export function createApiServer(config: KubeConfig, monotonic: () => number, connections: number): ApiServer {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current context with a cluster');
  const base = new URL(cluster.server);
  let held: Held | undefined;
  let renewal: Promise<Held> | undefined;
  const inFlight = new Set<Promise<ApiResponse>>();
  const closing = new AbortController();

  /** A kubeconfig may name a program that prints a credential. One that hangs is not started again beside itself. */
  async function current(): Promise<Held> {
    if (held !== undefined && monotonic() - held.readAt < credentialAge) return held;
    renewal ??= renew().finally(() => (renewal = undefined));
    return renewal;
  }

  async function renew(): Promise<Held> {
    const readAt = monotonic();
    const credential = await endedBy(closing.signal, readCredential(config));
    const before = held;
    const same = before?.credential.tlsKey === credential.tlsKey ? before.dispatcher : undefined;
    held = { credential, dispatcher: same ?? createDispatcher(config, credential, connections), readAt };
    // What still runs with the old certificate may end.
    if (same === undefined) void before?.dispatcher.close();
    return held;
  }

  async function open(method: ApiRequest['method'], path: string, query: Readonly<Record<string, string>>, rest: { signal: AbortSignal; body?: string; contentType?: string; accept?: string }) {
    const { credential, dispatcher } = await endedBy(rest.signal, current());
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const sent = send(url, {
      dispatcher,
      method,
      signal: rest.signal,
      headers: {
        accept: rest.accept ?? 'application/json',
        'user-agent': 'cambio',
        ...credential.headers,
        ...(rest.body === undefined ? {} : { 'content-type': rest.contentType ?? 'application/json' }),
      },
      ...(rest.body === undefined ? {} : { body: rest.body }),
    });
    const response = await endedBy(rest.signal, sent);
    return { status: response.statusCode, retryAfterSeconds: readRetryAfter(response.headers['retry-after']), body: response.body };
  }

  async function request({ method, path, query = {}, body, contentType, accept, timeoutMs, maxBytes = defaultMaxBytes, signal }: ApiRequest): Promise<ApiResponse> {
    const response = await open(method, path, query, {
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(accept === undefined ? {} : { accept }),
    });
    return { ...response, body: parseJson(await readText(response.body, maxBytes)) };
  }

  async function close(): Promise<void> {
    closing.abort(new Error('the client is closed'));
    await held?.dispatcher.destroy();
  }

  return {
    server: cluster.server,
    request: (asked) => {
      const running = request(asked).finally(() => inFlight.delete(running));
      inFlight.add(running);
      return running;
    },
    stream: (path, query, signal) => open('GET', path, query, { signal }),
    ownToken: async () => /^Bearer (.+)$/.exec((await current()).credential.headers['Authorization'] ?? '')?.[1],
    retire: async () => {
      await Promise.allSettled(inFlight);
      await close();
    },
    close,
  };
}

/** Who Cambio is to the API server: headers (Authorization, and Impersonate-User where the kubeconfig says so) and a certificate. */
type Credential = { headers: Readonly<Record<string, string>>; tls: AgentOptions; tlsKey: string };
type Held = { credential: Credential; dispatcher: Dispatcher; readAt: number };

async function readCredential(config: KubeConfig): Promise<Credential> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, servername, auth } = options;
  const given = (options.headers ?? {}) as Record<string, string>;
  const headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value.trim()]));
  if (typeof auth === 'string') headers['Authorization'] ??= `Basic ${Buffer.from(auth).toString('base64')}`;
  // client-node reads the file too, but keeps what it read for a minute more.
  const tokenFile = (config.getCurrentUser()?.authProvider as { config?: { tokenFile?: string } } | undefined)?.config?.tokenFile;
  if (tokenFile !== undefined) headers['Authorization'] = `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}`;
  const tls: AgentOptions = Object.fromEntries(
    Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined && value !== null),
  );
  const tlsKey = JSON.stringify(Object.values(tls).map(String));
  return { headers, tls, tlsKey };
}

function createDispatcher(config: KubeConfig, { tls }: Credential, connections: number): Dispatcher {
  const { type, ...options } = config.createDispatcherOptions(config.getCurrentCluster(), tls);
  // With HTTP/2 all would share one connection: once that is half-open, each new try would go into it and hang too.
  const common = { connections, bodyTimeout: 0, headersTimeout: 0, allowH2: false };
  if (type === 'socks') throw new Error('a kubeconfig with a SOCKS proxy is not supported');
  if (type === 'proxy') return new ProxyAgent({ ...common, ...(options as { uri: string }) });
  // undici takes the options of tls.connect here.
  return new Agent({ ...common, connect: { ...(tls as object), keepAlive: true } });
}

/**
 * Ends a wait when `signal` is aborted. Nothing else does while a credential is read; and undici looks at it only when the
 * request is on its way, not before there is a connection.
 */
function endedBy<T>(signal: AbortSignal, wait: Promise<T>): Promise<T> {
  const { promise, resolve: answer, reject } = Promise.withResolvers<T>();
  const end = (): void => reject(signal.reason as Error);
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  void wait.then(answer, reject).finally(() => signal.removeEventListener('abort', end));
  return promise;
}

async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`the answer of the API server is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The answers that matter are JSON; an error page of a proxy is not, and its status says enough. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readRetryAfter(value: string | string[] | undefined): number | undefined {
  const seconds = typeof value === 'string' ? Number(value) : NaN;
  return Number.isInteger(seconds) && seconds >= 0 ? Math.min(seconds, 60) : undefined;
}
