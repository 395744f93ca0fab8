// The keys of issuers in this process: how they are fetched here, and how they follow the policy.
import type { Logger } from 'pino';
import { allowHosts } from '../keys/allowed-hosts.ts';
import { createDocumentFetcher } from '../keys/fetch-document.ts';
import { createKeySetFetchers } from '../keys/fetch-key-set.ts';
import { createIssuerKeys, type IssuerKeysOptions, type IssuerKeyStore } from '../keys/issuer-keys.ts';
import { createAddressCheck } from '../keys/private-addresses.ts';
import { createHostResolver } from '../keys/resolve-host.ts';
import { createSystemTrust } from '../keys/system-trust.ts';
import type { KeyState } from '../policy/key-state.ts';
import type { PolicySnapshot } from '../policy/policy.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import type { Proxy } from './proxy.ts';
import type { ServeOptions } from './serve-options.ts';

/** The fetchers of keys on the network, with every precaution that there is. */
export function openKeySetFetchers(allowedHosts: ServeOptions['allowed-issuer-hosts'], proxy: Proxy | undefined): ReturnType<typeof createKeySetFetchers> {
  const fetchDocument = createDocumentFetcher({
    resolveHost: createHostResolver({ hosts: '/etc/hosts', resolvConf: '/etc/resolv.conf' }),
    nameNonPublic: createAddressCheck(),
    isAllowedHost: allowHosts(allowedHosts),
    trust: createSystemTrust(),
    proxy,
  });
  return createKeySetFetchers(fetchDocument);
}

/** Opens the store of keys. `clusterKeys` are the fetchers of what an API server publishes. */
export function openIssuerKeys(options: ServeOptions, proxy: Proxy | undefined, clusterKeys: Pick<IssuerKeysOptions['fetchers'], 'kubernetesDiscovery' | 'tokenReview'>, onState: IssuerKeysOptions['onState'], log: Logger): IssuerKeyStore {
  return createIssuerKeys({
    fetchers: { ...openKeySetFetchers(options['allowed-issuer-hosts'], proxy), ...clusterKeys },
    onState: (name, revision, state) => {
      logState(log, name, state);
      onState(name, revision, state);
    },
    onFetch: (name, failure) => log.debug({ issuer: name, reason: failure?.reason, message: failure?.message }, failure === undefined ? 'keys were fetched' : 'keys could not be fetched'),
    onBug: (error) => log.error({ err: error }, 'a bug: the keys of an issuer could not be read'),
    maxStaleness: options['max-key-staleness'],
    now: Date.now,
    monotonic: () => performance.now(),
    random: Math.random,
    after: (milliseconds, run) => {
      const timer = setTimeout(run, milliseconds);
      return () => clearTimeout(timer);
    },
  });
}

function logState(log: Logger, issuer: string, { reason, message, thumbprints }: KeyState): void {
  if (reason === 'Available') log.info({ issuer, keys: thumbprints.length }, 'the keys of an issuer are known');
  else log.warn({ issuer, keys: thumbprints.length, reason, message }, 'the keys of an issuer can not be had');
}

/** A store whose issuers the keys follow: after every change, and when whoever made it has seen what came of it. */
export function withIssuerKeys(store: PolicyStore, keys: IssuerKeyStore): PolicyStore {
  let last: PolicySnapshot['issuers'] | undefined;
  function follow(): void {
    const { issuers } = store.snapshot();
    if (issuers === last) return;
    last = issuers;
    keys.setIssuers(issuers.values());
  }
  function followed<T>(verdicts: T): T {
    queueMicrotask(follow);
    return verdicts;
  }
  return {
    ...store,
    apply: (...given) => followed(store.apply(...given)),
    setClusterFacts: (...given) => followed(store.setClusterFacts(...given)),
  };
}
