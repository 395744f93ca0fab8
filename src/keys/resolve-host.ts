// Finds the addresses of a host without the thread pool: a name server that is silent must not hold up who signs and verifies there.
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Address } from './private-addresses.ts';

/** Finds the addresses of a host name. Rejects if they can't be found, and ends at once when `signal` is aborted. */
export type ResolveHost = (host: string, signal: AbortSignal) => Promise<readonly Address[]>;

export type ResolverFiles = {
  /** What /etc/hosts says wins, as everywhere. */
  hosts: string;
  /** Its search list is tried when the name as it is does not exist, and first for the name of a Service: `keycloak.auth.svc`. */
  resolvConf: string;
  /** Name servers instead of those in resolv.conf, as `address:port`. */
  servers?: readonly string[];
};

/** How often a name server is asked, and how long is waited for the first answer, in milliseconds. */
const patience = { tries: 2, timeout: 700 };

const loopback: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** Makes a resolver that reads the files anew for each name: in a pod they are short, and they change. */
export function createHostResolver({ hosts, resolvConf, servers }: ResolverFiles): ResolveHost {
  return async (host, signal) => {
    const name = host.toLowerCase();
    const listed = readHosts(await textOf(hosts), name.replace(/\.$/, ''));
    if (listed.length > 0) return listed;
    // RFC 6761 §6.3: this name is never asked for.
    if (/(^|\.)localhost\.?$/.test(name)) return loopback;
    const resolver = new Resolver(patience);
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for (const candidate of candidates(name, await textOf(resolvConf))) {
        signal.throwIfAborted();
        const found = await resolveBoth(resolver, candidate);
        if (found.length > 0) return found;
      }
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
  };
}

/** Both families are asked; that one of them fails does no harm where the other answers. */
async function resolveBoth(resolver: Resolver, name: string): Promise<Address[]> {
  const asked = [resolver.resolve4(name).then(addressesOf(4)), resolver.resolve6(name).then(addressesOf(6))];
  const answers = await Promise.allSettled(asked);
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const failure = answers.find((answer): answer is PromiseRejectedResult => answer.status === 'rejected' && !isAbsence(answer.reason));
  if (found.length === 0 && failure !== undefined) throw failure.reason;
  return found;
}

const addressesOf = (family: 4 | 6) => (addresses: readonly string[]): Address[] => addresses.map((address) => ({ address, family }));

const isAbsence = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes(String((error as { code?: unknown }).code));

/** The addresses of a name in the text of /etc/hosts. */
function readHosts(text: string, name: string): Address[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    return family !== 0 && names.some((known) => known.toLowerCase() === name) ? [{ address, family: family === 4 ? 4 : 6 }] : [];
  });
}

/**
 * The names to ask for, in this order: the name as it is first, so that no name in a search domain takes the place of a public
 * one. There is no public one in `.svc`: to ask for it as it is would make a cluster's name depend on name servers outside.
 */
function candidates(name: string, resolvConf: string): string[] {
  const searched = searchList(resolvConf, name);
  return name.endsWith('.svc') ? [...searched, name] : [name, ...searched];
}

/** The names that the search list of a resolv.conf makes of a name; none of one that ends with a dot. */
function searchList(text: string, name: string): string[] {
  if (name.endsWith('.')) return [];
  const lines = text.split('\n').flatMap((line) => /^\s*(?:search|domain)\s+(.*)$/.exec(line)?.[1] ?? []);
  return (lines.at(-1) ?? '').split(/\s+/).filter((domain) => domain !== '' && domain !== '.').slice(0, 6).map((domain) => `${name}.${domain}`);
}

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
