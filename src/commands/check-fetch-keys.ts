// Fetches the keys of issuers for `cambio check --fetch-keys`, once, as `cambio serve` fetches them.
import { askForKeys, type Answer } from '../keys/ask-for-keys.ts';
import { describeKeys } from '../keys/describe-keys.ts';
import { canDoWithoutKeys } from '../policy/key-fetch.ts';
import type { KeyState } from '../policy/key-state.ts';
import type { Issuer } from '../policy/policy.ts';
import { thumbprintOf } from '../policy/thumbprint.ts';
import { isFetchable, type FetchKeys } from './check-subject.ts';
import { openKeySetFetchers } from './issuer-keys.ts';
import { readProxy } from './proxy.ts';
import type { ServeOptions } from './serve-options.ts';

/** Most issuers that are asked at once. */
export const mostAtOnce = 16;

export type KeyFetching = {
  /** For a question about a token. */
  fetchKeys: FetchKeys;
  /** Asks all issuers that publish keys. @returns how it stands with each, by its name */
  tryIssuers: (issuers: Iterable<Issuer>) => Promise<Map<string, KeyState>>;
};

/** Makes what fetches keys. Throws a sentence where the environment's proxy can't be used. */
export function openKeyFetching(allowedHosts: ServeOptions['allowed-issuer-hosts'], env: Readonly<Record<string, string | undefined>>): KeyFetching {
  const { proxy, mistake } = readProxy(env);
  if (mistake !== undefined) throw new Error(mistake);
  if (proxy !== undefined && allowedHosts === undefined) throw new Error('--fetch-keys: HTTPS_PROXY is set, and through a proxy addresses can\'t be checked; name the hosts with --allowed-issuer-hosts');
  const fetchers = openKeySetFetchers(allowedHosts, proxy);

  async function ask(issuer: Issuer): Promise<Answer> {
    const { method } = issuer.verification;
    const fetcher = method === 'discovery' || method === 'jwksURL' ? fetchers[method] : undefined;
    const bugs: unknown[] = [];
    const answer = await askForKeys(fetcher, issuer, new AbortController().signal, (bug) => bugs.push(bug));
    if (bugs.length > 0) throw bugs[0];
    return answer;
  }

  return {
    fetchKeys: async (issuer) => {
      const { keys, failure } = await ask(issuer);
      if (keys === undefined) throw new Error(`--fetch-keys: TrustedIssuer ${issuer.name}: ${failure?.message ?? 'it has no keys'}`);
      return keys;
    },
    tryIssuers: async (issuers) => {
      const waiting = [...issuers].filter(publishesKeys);
      const states = new Map<string, KeyState>();
      while (waiting.length > 0) {
        const answers = waiting.splice(0, mostAtOnce).map(async (issuer) => [issuer.name, stateOf(issuer, await ask(issuer))] as const);
        for (const [name, state] of await Promise.all(answers)) states.set(name, state);
      }
      return states;
    },
  };
}

/** They are neither in the manifest nor at an API server, which only `cambio serve` asks. */
const publishesKeys = (issuer: Issuer): boolean => isFetchable(issuer) && issuer.verification.method !== 'jwks';

/** What a server would know that asked just now. */
function stateOf(issuer: Issuer, { keys, failure }: Answer): KeyState {
  const thumbprints = [...new Set(keys?.map(({ key }) => thumbprintOf(key)))].toSorted();
  const kept = keys && { thumbprints, age: 0, fresh: Infinity };
  return describeKeys({ kept, failure, changedAt: undefined, maxStaleness: Infinity, canDoWithout: canDoWithoutKeys(issuer) });
}
