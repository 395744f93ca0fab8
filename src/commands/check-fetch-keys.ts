// Fetches the keys of an issuer for `cambio check --fetch-keys`, once, as `cambio serve` fetches them.
import { askForKeys } from '../keys/ask-for-keys.ts';
import type { FetchKeys } from './check-subject.ts';
import { openKeySetFetchers } from './issuer-keys.ts';
import { readProxy } from './proxy.ts';
import type { ServeOptions } from './serve-options.ts';

/** Makes what fetches keys. Throws a sentence where the environment's proxy can't be used. */
export function fetchKeysWith(allowedHosts: ServeOptions['allowed-issuer-hosts'], env: Readonly<Record<string, string | undefined>>): FetchKeys {
  const { proxy, mistake } = readProxy(env);
  if (mistake !== undefined) throw new Error(mistake);
  if (proxy !== undefined && allowedHosts === undefined) throw new Error('--fetch-keys: HTTPS_PROXY is set, and through a proxy addresses can\'t be checked; name the hosts with --allowed-issuer-hosts');
  const fetchers = openKeySetFetchers(allowedHosts, proxy);
  return async (issuer) => {
    const { method } = issuer.verification;
    const fetcher = method === 'discovery' || method === 'jwksURL' ? fetchers[method] : undefined;
    const bugs: unknown[] = [];
    const { keys, failure } = await askForKeys(fetcher, issuer, new AbortController().signal, (bug) => bugs.push(bug));
    if (bugs.length > 0) throw bugs[0];
    if (keys === undefined) throw new Error(`--fetch-keys: TrustedIssuer ${issuer.name}: ${failure?.message ?? 'it has no keys'}`);
    return keys;
  };
}
