// Where the manifests come from: a directory or an API server. Either way the policy store is told what changed.
import type { Logger } from 'pino';
import { OAuthError } from '../exchange/oauth-error.ts';
import type { ReviewToken } from '../exchange/verify-by-review.ts';
import { runDirectorySource } from '../files/directory-source.ts';
import { closeCluster, connectCluster, type FindCluster } from '../kubernetes/cluster-connection.ts';
import { awaitClusterFacts } from '../kubernetes/cluster-facts.ts';
import { createClusterKeyFetcher } from '../kubernetes/cluster-keys.ts';
import { runClusterSource } from '../kubernetes/cluster-source.ts';
import { kubeConfigFiles, loadKubeConfig } from '../kubernetes/kubeconfig.ts';
import type { ReflectorState } from '../kubernetes/reflector.ts';
import { createRemoteClusters } from '../kubernetes/remote-clusters.ts';
import { cacheReviews } from '../kubernetes/review-cache.ts';
import { createTokenReview } from '../kubernetes/token-review.ts';
import { formatProblem } from '../manifests/parse-manifests.ts';
import { KeyFetchError, type FetchKeySet } from '../policy/key-fetch.ts';
import type { PolicyStore, Verdict } from '../policy/policy-store.ts';
import type { PolicySettings } from '../policy/settings.ts';
import { openLeadership } from './leadership.ts';
import type { ServeOptions } from './serve-options.ts';

export type Source = {
  /** What it is, for people. */
  description: string;
  isTrustedNamespace: PolicySettings['isTrustedNamespace'];
  reviewToken: ReviewToken;
  /** Fetches the keys that the API server of an issuer's cluster publishes. */
  fetchClusterKeys: FetchKeySet;
  /**
   * Makes a store when it is known what the cluster calls itself, and keeps it as the source is, until the signal that
   * the source was opened with is aborted. Rejects if it can't even begin. `publish` takes verdicts that come of
   * something else than a change of the manifests. `keysAreKnown` says whether all has been fetched once that a status
   * tells of: a new process has nothing to say before.
   */
  run: (makeStore: (cluster: PolicySettings['cluster'], publish: (verdicts: readonly Verdict[]) => void) => PolicyStore, keysAreKnown: () => boolean) => Promise<void>;
  /** Why what the store has may be older or less than what is meant; undefined if all is well. */
  trouble: () => string | undefined;
  close: () => Promise<void>;
};

const monotonic = (): number => performance.now();

/**
 * Opens the source that the options name. Throws a sentence on what is missing.
 * @param signal ends it
 * @param leave aborted before that, when the end begins: another replica is to lead then
 */
export function openSource(options: ServeOptions, log: Logger, signal: AbortSignal, leave: AbortSignal): Source {
  const dir = options['config-dir'];
  return dir === undefined ? openCluster(options, log, signal, leave) : openDirectory(dir, options, log, signal);
}

function openDirectory(dir: string, options: ServeOptions, log: Logger, signal: AbortSignal): Source {
  const trusted = options['trusted-namespaces'];
  let trouble: string | undefined;
  return {
    description: dir,
    isTrustedNamespace: (namespace) => trusted === undefined || trusted.includes(namespace),
    reviewToken: () => Promise.reject(new OAuthError('issuer_unavailable', 'token-review', 'there is no API server')),
    fetchClusterKeys: () => Promise.reject(new KeyFetchError('FetchFailed', 'there is no API server')),
    trouble: () => trouble,
    close: async () => undefined,
    run: (makeStore) => {
      const store = makeStore(undefined, () => undefined);
      let isEmpty = true;
      return runDirectorySource({
        dir,
        signal,
        monotonic,
        onChanges: (changes, namespaces) => {
          if (changes.length > 0) isEmpty = false;
          store.apply(changes, namespaces);
        },
        onSynced: () => {
          store.complete();
          if (isEmpty) log.warn(`there is no object of Cambio's kinds in ${dir} (files that end in .yaml, .yml or .json): nobody gets a token before there is`);
        },
        onProblems: (problems) => {
          for (const problem of problems) log.warn(formatProblem(problem));
          if (problems.length === 0) log.info('the manifests have no mistakes left');
        },
        onState: (state) => {
          trouble = state;
          if (state === undefined) log.info('the manifests can be read again');
          else log.error(state);
        },
      });
    },
  };
}

function openCluster(options: ServeOptions, log: Logger, signal: AbortSignal, leave: AbortSignal): Source {
  const config = loadKubeConfig(kubeConfigFiles(options.kubeconfig, process.env['KUBECONFIG']), process.env['KUBERNETES_SERVICE_HOST'] !== undefined);
  if (config === undefined) throw new Error('there is neither a kubeconfig (--kubeconfig, $KUBECONFIG) nor an in-cluster configuration; to run without a cluster use --config-dir');
  const context = config.getContextObject(config.getCurrentContext());
  const namespace = options.namespace ?? context?.namespace ?? 'cambio-system';
  const trusted = options['trusted-namespaces'] ?? [namespace];
  const own = connectCluster(config, monotonic, 64);
  const { api } = own;
  const others = createRemoteClusters({ api, namespace, monotonic, random: Math.random });
  const find: FindCluster = (asked) => (asked.cluster === undefined ? own : others.find(asked));
  const troubles = new Map<string, string>();
  const review = createTokenReview(find, ({ name }, reason) => log.error({ issuer: name, reason }, 'TokenReview failed'));
  return {
    description: api.server,
    isTrustedNamespace: (candidate) => trusted.includes(candidate),
    reviewToken: cacheReviews(review, options['token-review-cache'], monotonic),
    fetchClusterKeys: createClusterKeyFetcher(find),
    trouble: () => (troubles.size === 0 ? undefined : [...troubles].map(([kind, why]) => `${kind}: ${why}`).join('; ')),
    close: async () => {
      await Promise.all([closeCluster(own), others.close()]);
    },
    run: async (makeStore, keysAreKnown) => {
      const facts = await awaitClusterFacts(api, (reason) => log.warn({ server: api.server, reason }, 'the API server can not be reached; trying again'), signal);
      if (facts === undefined) return;
      if (facts.trouble !== undefined) {
        // Neither asked again nor hidden: whoever mends it restarts Cambio.
        const trouble = `its issuer is not known, and not reserved as an audience: ${facts.trouble}`;
        troubles.set('API server', trouble);
        log.warn({ trouble }, 'a TrustedIssuer with tokenReview must name issuer.url');
      }
      const leadership = openLeadership(api, namespace, log, AbortSignal.any([signal, leave]));
      const store = makeStore(facts, leadership.want);
      let secretsRead = false;
      const onState = (kind: string, { trouble }: ReflectorState): void => {
        if (trouble === undefined) {
          troubles.delete(kind);
          log.info({ kind }, 'in step with the API server');
        } else {
          troubles.set(kind, trouble);
          log.warn({ kind, trouble }, 'not in step with the API server; what was read before stays in force');
        }
      };
      const following = others.run(
        {
          onFacts: (name, clusterFacts) => leadership.want(store.setClusterFacts(name, clusterFacts)),
          onMistake: (name, mistake) => log.warn({ secret: name, mistake }, 'the Secret of another cluster can not be used'),
          onState: (state) => {
            secretsRead ||= state.synced;
            onState('Secret', state);
          },
        },
        signal,
      );
      await runClusterSource({
        api,
        signal,
        monotonic,
        random: Math.random,
        observe: leadership.observe,
        onSynced: () => {
          store.complete();
          leadership.stand(() => secretsRead && keysAreKnown());
        },
        onChanges: (changes, namespaces) => leadership.want(store.apply(changes, namespaces)),
        onState,
      });
      await following;
      await leadership.ended();
    },
  };
}
