// One API server, as a kubeconfig or a pod's own credential names it: requests with a time limit, on connections that are kept.
import type { AgentOptions, RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, request as send, type Dispatcher } from 'undici';

export type ApiRequest = {
  method: 'GET' | 'POST' | 'PATCH';
  /** Below the server's URL, beginning with a slash. */
  path: string;
  query?: Readonly<Record<string, string>>;
  body?: unknown;
  contentType?: string;
  /** For the whole exchange, in milliseconds. */
  timeoutMs: number;
  /** The most that is read of the answer, in bytes. */
  maxBytes?: number;
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
  close: () => Promise<void>;
};

/** Loads a kubeconfig file, or the in-cluster configuration if there is none. @returns undefined if there is neither */
export function loadKubeConfig(file: string | undefined, inCluster: boolean): KubeConfig | undefined {
  const config = new KubeConfig();
  if (file !== undefined) config.loadFromFile(file);
  else if (inCluster) config.loadFromCluster();
  else return undefined;
  return config;
}

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
  let held: { credential: Credential; dispatcher: Dispatcher; readAt: number } | undefined;

  async function current(): Promise<{ credential: Credential; dispatcher: Dispatcher }> {
    if (held !== undefined && monotonic() - held.readAt < credentialAge) return held;
    const credential = await readCredential(config);
    const same = held !== undefined && held.credential.tlsKey === credential.tlsKey;
    const dispatcher = same && held !== undefined ? held.dispatcher : createDispatcher(config, credential, connections);
    held = { credential, dispatcher, readAt: monotonic() };
    return held;
  }

  async function open(method: ApiRequest['method'], path: string, query: Readonly<Record<string, string>>, rest: { signal: AbortSignal; body?: string; contentType?: string }) {
    const { credential, dispatcher } = await current();
    const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const response = await send(url, {
      dispatcher,
      method,
      signal: rest.signal,
      headers: {
        accept: 'application/json',
        'user-agent': 'cambio',
        ...(credential.authorization === undefined ? {} : { authorization: credential.authorization }),
        ...(rest.body === undefined ? {} : { 'content-type': rest.contentType ?? 'application/json' }),
      },
      ...(rest.body === undefined ? {} : { body: rest.body }),
    });
    return { status: response.statusCode, retryAfterSeconds: readRetryAfter(response.headers['retry-after']), body: response.body };
  }

  return {
    server: cluster.server,
    request: async ({ method, path, query = {}, body, contentType, timeoutMs, maxBytes = defaultMaxBytes }) => {
      const response = await open(method, path, query, {
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(contentType === undefined ? {} : { contentType }),
      });
      return { ...response, body: parseJson(await readText(response.body, maxBytes)) };
    },
    stream: (path, query, signal) => open('GET', path, query, { signal }),
    ownToken: async () => /^Bearer (.+)$/.exec((await current()).credential.authorization ?? '')?.[1],
    close: async () => {
      await held?.dispatcher.destroy();
    },
  };
}

type Credential = { authorization: string | undefined; tls: AgentOptions; tlsKey: string };

async function readCredential(config: KubeConfig): Promise<Credential> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, servername, auth } = options;
  const bearer = (options.headers as Record<string, string> | undefined)?.['Authorization'];
  const basic = typeof auth === 'string' ? `Basic ${Buffer.from(auth).toString('base64')}` : undefined;
  const tls: AgentOptions = Object.fromEntries(
    Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined && value !== null),
  );
  const tlsKey = JSON.stringify(Object.values(tls).map(String));
  return { authorization: bearer?.trim() ?? basic, tls, tlsKey };
}

function createDispatcher(config: KubeConfig, { tls }: Credential, connections: number): Dispatcher {
  const { type, ...options } = config.createDispatcherOptions(config.getCurrentCluster(), tls);
  const common = { connections, bodyTimeout: 0, headersTimeout: 0 };
  if (type === 'socks') throw new Error('a kubeconfig with a SOCKS proxy is not supported');
  if (type === 'proxy') return new ProxyAgent({ ...common, ...(options as { uri: string }) });
  // undici takes the options of tls.connect here.
  return new Agent({ ...common, connect: { ...(tls as object), keepAlive: true } });
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
