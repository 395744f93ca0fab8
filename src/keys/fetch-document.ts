// Fetches one JSON document of an issuer: whatever its server does, within bounds, and from no address that it must not reach.
import { isIP } from 'node:net';
import { Agent, Client, EnvHttpProxyAgent, request, type buildConnector, type Dispatcher } from 'undici';
import { KeyFetchError } from '../policy/key-fetch.ts';
import type { FetchRules } from '../policy/policy.ts';
import type { IsAllowedHost } from './allowed-hosts.ts';
import { describeFetchFailure } from './describe-fetch-failure.ts';
import { createGuardedConnector, hostOf, withinSize, withinTime, type ConnectGuard, type TrustOptions } from './guarded-connector.ts';

/** The most that is read of a document, in bytes. */
export const maxDocumentBytes = 262_144;

/** The longest name that a host can have, with a dot at its end (RFC 1035 §2.3.4). A URL may hold a longer one. */
export const maxHostLength = 254;

/** A document that was fetched: parsed JSON, and for how long its server lets it be kept, in seconds. */
export type FetchedDocument = { json: unknown; maxAgeSeconds: number | undefined };

/** Fetches a document. Rejects with a KeyFetchError, or with whatever `signal` was aborted for. */
export type FetchDocument = (url: string, rules: FetchRules, signal: AbortSignal) => Promise<FetchedDocument>;

export type FetchDocumentOptions = Omit<ConnectGuard, 'rules' | 'mustBeLoopback'> & {
  isAllowedHost: IsAllowedHost;
  /** The certificates that are trusted where a TrustedIssuer names none. */
  trust: () => TrustOptions;
  /** https fetches go through this proxy, save to the hosts of NO_PROXY. */
  proxy: { url: string; except: string } | undefined;
};

export function createDocumentFetcher(options: FetchDocumentOptions): FetchDocument {
  return async (given, rules, signal) => {
    const url = readURL(given);
    refuseByURL(url, rules, options);
    const dispatcher = dispatcherFor(url, rules, options, signal);
    try {
      return await fetchWith(dispatcher, url, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof KeyFetchError ? error : failed(url, describeFetchFailure(error));
    } finally {
      // Nothing is left of the connection, whatever its other end does.
      void dispatcher.destroy();
    }
  };
}

function readURL(given: string): URL {
  const url = URL.parse(given);
  if (url === null || !['https:', 'http:'].includes(url.protocol)) throw new KeyFetchError('FetchFailed', `${JSON.stringify(given.slice(0, 512))} is not an https URL`);
  if (url.hostname.length > maxHostLength) throw new KeyFetchError('FetchFailed', `the URL has a host of ${url.hostname.length} characters: ${maxHostLength} at most`);
  if (url.username !== '' || url.password !== '') throw new KeyFetchError('FetchFailed', `the URL at ${url.host} has user info`);
  return url;
}

/** What can be refused before a name is resolved, and whatever way the connection takes. */
function refuseByURL(url: URL, { allowPrivateAddresses }: FetchRules, { isAllowedHost, nameNonPublic }: FetchDocumentOptions): void {
  if (!isAllowedHost(url.hostname)) throw refusedAddress(url, 'the host is not among --allowed-issuer-hosts');
  if (url.protocol === 'http:' && !allowPrivateAddresses) throw refusedAddress(url, 'only https is fetched (http on loopback only, with allowPrivateAddresses)');
  const host = hostOf(url);
  const kind = isIP(host) === 0 ? undefined : nameNonPublic(host);
  if (kind !== undefined && !allowPrivateAddresses) throw refusedAddress(url, `${host} is not a public address (${kind}); allowPrivateAddresses permits it`);
}

const refusedAddress = (url: URL, why: string) => new KeyFetchError('AddressRefused', `${textOf(url)}: ${why}`);
const failed = (url: URL, why: string) => new KeyFetchError('FetchFailed', `${textOf(url)}: ${why}`);
const tooLarge = (url: URL) => failed(url, `answered with more than ${maxDocumentBytes / 1024} KiB`);

/** A URL for a message. One that a document names may be of any length. */
const textOf = (url: URL): string => (url.href.length > 512 ? `${url.href.slice(0, 512)}…` : url.href);

function dispatcherFor(url: URL, rules: FetchRules, { resolveHost, nameNonPublic, trust, proxy }: FetchDocumentOptions, signal: AbortSignal): Dispatcher {
  const tls = rules.certificateAuthority === undefined ? trust() : { ca: rules.certificateAuthority };
  // What follows is one request; the signal bounds it as a whole, so that none of these have to.
  const common = { allowH2: false, connections: 1, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 0, maxHeaderSize: 16_384 };
  const guard = { resolveHost, nameNonPublic, rules, mustBeLoopback: url.protocol === 'http:' };
  const direct = { ...common, connect: createGuardedConnector(guard, tls, signal), factory: createClient };
  if (proxy === undefined || url.protocol === 'http:') return new Agent(direct);
  // It waits for the proxy by itself, with no regard to the signal: that ends what it has connected, tunnel and all.
  const clientFactory = (origin: URL, given: object): Dispatcher => createClient(origin, { ...given, connect: withinTime(signal, connectorOf(given)) });
  // Not the issuer's authority: the proxy is everybody's.
  const proxyTls = { ...trust(), rejectUnauthorized: true, allowH2: false };
  // Given explicitly, since it would look into the environment for what is missing.
  return new EnvHttpProxyAgent({ ...direct, clientFactory, proxyTls, requestTls: { ...tls, rejectUnauthorized: true }, httpProxy: '', httpsProxy: proxy.url, noProxy: proxy.except });
}

/** Each connection is made here, be it direct, to a proxy, or through a proxy's tunnel: so no way is without the bound. */
const createClient = (origin: string | URL, given: object): Dispatcher => new Client(origin, { ...given, connect: withinSize(connectorOf(given)) });

/** The dispatchers hand on what makes the connection, and their types don't say it. */
const connectorOf = (given: object): buildConnector.connector => (given as { connect: buildConnector.connector }).connect;

/** Cambio shows nothing of itself here, and no credential. */
const headers = { accept: 'application/json, application/jwk-set+json;q=0.9, */*;q=0.1', 'accept-encoding': 'identity', 'user-agent': 'cambio' };

async function fetchWith(dispatcher: Dispatcher, url: URL, signal: AbortSignal): Promise<FetchedDocument> {
  const response = await request(url, { dispatcher, method: 'GET', headers, signal });
  const { statusCode, body } = response;
  try {
    if (statusCode >= 300 && statusCode < 400) throw failed(url, `answered with a redirect (${statusCode}), which is not followed`);
    if (statusCode !== 200) throw failed(url, `answered with ${statusCode}`);
    const encoding = response.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') throw failed(url, 'answered with compressed content, which was not asked for');
    if (Number(response.headers['content-length']) > maxDocumentBytes) throw tooLarge(url);
    const json = parseDocument(await readBody(body, url), url);
    return { json, maxAgeSeconds: readMaxAge(response.headers['cache-control'], response.headers['age']) };
  } catch (error) {
    // What is not read is not waited for. The error of this ending belongs to nobody.
    body.on('error', () => undefined).destroy();
    throw error;
  }
}

async function readBody(body: AsyncIterable<Uint8Array>, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxDocumentBytes) throw tooLarge(url);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** JSON in UTF-8 (RFC 8259 §8.1), whatever its media type says: issuers differ there. */
function parseDocument(bytes: Uint8Array, url: URL): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw failed(url, 'did not answer with JSON');
  }
}

/** For how long an answer may be kept from now on (RFC 9111 §4.2), in seconds; undefined if it does not say. */
export function readMaxAge(cacheControl: string | string[] | undefined, age: string | string[] | undefined): number | undefined {
  const directives = [cacheControl ?? []].flat().join(',').toLowerCase();
  if (/(^|[\s,])no-(store|cache)\s*($|[,=])/.test(directives)) return 0;
  const [, seconds] = /(?:^|[\s,])max-age\s*=\s*"?([0-9]{1,10})\b/.exec(directives) ?? [];
  if (seconds === undefined) return undefined;
  return Math.max(0, Number(seconds) - (/^[0-9]{1,10}$/.test(String(age)) ? Number(age) : 0));
}
