// Opens connections to checked addresses only: the address that was looked at is the one that is connected to.
import type { SecureContext } from 'node:tls';
import { isIP, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { KeyFetchError } from '../policy/key-fetch.ts';
import type { FetchRules } from '../policy/policy.ts';
import type { Address, NameNonPublic } from './private-addresses.ts';
import type { ResolveHost } from './resolve-host.ts';

/** Certificates that are trusted, in one of two forms. */
export type TrustOptions = { ca: string } | { secureContext: SecureContext };

/** What decides on an address. */
export type ConnectGuard = {
  resolveHost: ResolveHost;
  nameNonPublic: NameNonPublic;
  rules: FetchRules;
  /** The connection is not encrypted: it must not leave this machine. */
  mustBeLoopback: boolean;
};

/** Most addresses of one host that are tried. */
export const maxAddressesTried = 8;

/**
 * The most that is read from a connection, in bytes: a document with its header, in pieces however small. Not all that a
 * server can send is ever seen as a header or a body: interim answers, the extensions of chunks, line feeds.
 */
export const maxConnectionBytes = 1_048_576;

/** Makes the `connect` of a dispatcher. Every connection ends when `signal` is aborted; `withinSize` bounds what is read. */
export function createGuardedConnector(guard: ConnectGuard, tls: TrustOptions, signal: AbortSignal): buildConnector.connector {
  const connect = async (options: buildConnector.Options, callback: buildConnector.Callback): Promise<void> => {
    let addresses: readonly Address[];
    try {
      addresses = await checkedAddresses(options.hostname, guard, signal);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    connectTo(addresses, tls, signal)(options, callback);
  };
  return (options, callback) => void connect(options, callback);
}

/** A name of which one address is refused is refused as a whole: which of them is tried would be a matter of luck. */
async function checkedAddresses(hostname: string, { resolveHost, nameNonPublic, rules, mustBeLoopback }: ConnectGuard, signal: AbortSignal): Promise<readonly Address[]> {
  const host = withoutBrackets(hostname);
  const family = isIP(host);
  const addresses = family === 0 ? await resolveHost(host, signal) : [{ address: host, family: family === 4 ? (4 as const) : (6 as const) }];
  for (const { address } of addresses) {
    const kind = nameNonPublic(address);
    if (kind !== undefined && !rules.allowPrivateAddresses) {
      throw new KeyFetchError('AddressRefused', `${host} is at ${address}, which is not public (${kind}); allowPrivateAddresses permits it`);
    }
    if (kind !== 'loopback' && mustBeLoopback) throw new KeyFetchError('AddressRefused', `${host} is at ${address}, and http is for loopback only`);
  }
  return addresses.slice(0, maxAddressesTried);
}

/** A connector whose lookup knows the checked addresses and nothing else, so that no name is resolved twice. */
function connectTo(addresses: readonly Address[], tls: TrustOptions, signal: AbortSignal): buildConnector.connector {
  const [first] = addresses;
  const connect = buildConnector({
    ...tls,
    rejectUnauthorized: true,
    allowH2: false,
    maxCachedSessions: 0,
    // The signal is what ends it.
    timeout: 0,
    lookup: (_host, { all }, done) => {
      if (first === undefined) done(Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' }), '');
      else if (all === true) done(null, [...addresses]);
      else done(null, first.address, first.family);
    },
  });
  return withinTime(signal, connect);
}

/** The same, but that every connection ends when `signal` is aborted, whatever it waits for then. */
export function withinTime(signal: AbortSignal, connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    // It returns the socket that connects, and its type doesn't say so.
    const socket = connect(options, callback) as unknown as Socket;
    const end = (): void => void socket.destroy(new Error('the time is over'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', end));
  };
}

/**
 * The same, but that every connection ends when more than the bound was read from it. It must be the one that the answer is
 * read from: a tunnel reads past the socket of the connection to the proxy, which counts nothing then.
 */
export function withinSize(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    const connected: buildConnector.Callback = (...result) => {
      const [, made] = result;
      made?.on('readable', () => refuseTooMuch(made));
      callback(...result);
    };
    connect(options, connected);
  };
}

function refuseTooMuch(socket: Socket): void {
  if (socket.bytesRead > maxConnectionBytes) socket.destroy(Object.assign(new Error('too much was sent'), { code: 'EMSGSIZE' }));
}

/** The host of a URL as an address or a name: IPv6 without its brackets. */
export const hostOf = (url: URL): string => withoutBrackets(url.hostname);

const withoutBrackets = (hostname: string): string => (hostname.startsWith('[') ? hostname.slice(1, -1) : hostname);
