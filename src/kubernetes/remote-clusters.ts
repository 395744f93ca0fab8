// Other clusters: the Secrets that describe them are followed, and each becomes a client of its API server.
import { KubeConfig } from '@kubernetes/client-node';
import type { ClusterFacts } from '../policy/policy.ts';
import type { ApiServer } from './api-server.ts';
import { closeCluster, connectCluster, type ClusterConnection, type FindCluster } from './cluster-connection.ts';
import { audiencesOf } from './cluster-facts.ts';
import { readRemoteCluster, type RemoteCluster } from './read-remote-cluster.ts';
import { runReflector, type Delivery, type KubeObject, type ReflectorOptions, type ReflectorState } from './reflector.ts';

/** The label that a Secret must have to be used as another cluster's. Without it no Secret is even asked for. */
export const remoteClusterLabel = 'cambio.dev/remote-cluster';

/** Connections for the documents of one cluster. */
const documentConnections = 2;

export type RemoteClustersOptions = {
  /** Cambio's own API server, and its own namespace there: where the Secrets are. */
  api: ApiServer;
  namespace: string;
  monotonic: () => number;
  random: () => number;
} & Pick<ReflectorOptions, 'times' | 'pause'>;

/** Who is told what the Secrets say. */
export type RemoteClustersObserver = {
  /** What is known of a cluster now; undefined if its Secret is gone. */
  onFacts: (name: string, facts: ClusterFacts | undefined) => void;
  /** A Secret with the label can't be used, and why. */
  onMistake: (name: string, mistake: string) => void;
  onState: (state: ReflectorState) => void;
};

export type RemoteClusters = {
  find: FindCluster;
  /** Follows the Secrets until `signal` is aborted. */
  run: (observer: RemoteClustersObserver, signal: AbortSignal) => Promise<void>;
  close: () => Promise<void>;
};

type Connected = ClusterConnection & { cluster: RemoteCluster };

/** Makes it, with no cluster known. */
export function createRemoteClusters(options: RemoteClustersOptions): RemoteClusters {
  const { api, namespace, monotonic, random, times, pause } = options;
  /** A cluster, or what is wrong with its Secret. */
  const known = new Map<string, Connected | string>();
  const retiring = new Set<Promise<unknown>>();
  let synced = false;

  function take(deliveries: readonly Delivery[], { onFacts, onMistake }: RemoteClustersObserver): void {
    for (const { name, object } of deliveries) {
      const read = object && readRemoteCluster(object);
      if (typeof read === 'string') onMistake(name, read);
      replace(name, read);
      onFacts(name, object === undefined || read === undefined ? undefined : factsOf(object, read));
    }
    synced = true;
  }

  function replace(name: string, next: RemoteCluster | string | undefined): void {
    const before = known.get(name);
    if (typeof before === 'object') {
      if (typeof next === 'object' && sameCluster(before.cluster, next)) return;
      retire(before);
    }
    if (next === undefined) known.delete(name);
    else known.set(name, typeof next === 'string' ? next : connect(next));
  }

  function connect(cluster: RemoteCluster): Connected {
    return { cluster, ...connectCluster(kubeConfigOf(cluster), monotonic, documentConnections) };
  }

  /** What was asked with the old credential may be answered; then its connections are closed. */
  function retire(before: Connected): void {
    const retired = Promise.all([before.api.retire(), before.reviewer.retire()]).finally(() => retiring.delete(retired));
    retiring.add(retired);
  }

  return {
    find: ({ cluster: name = '', identity }) => {
      const found = known.get(name);
      if (typeof found === 'string') return `Secret ${name}: ${found}`;
      if (found === undefined) {
        if (!synced) return `Secret ${name}: the Secrets in namespace ${namespace} have not been read yet`;
        return `there is no Secret ${name} with the label ${remoteClusterLabel}: "true" in namespace ${namespace}`;
      }
      return found.cluster.identity === identity ? found : `Secret ${name}: it has just been changed`;
    },
    run: (observer, signal) => {
      const path = `/api/v1/namespaces/${namespace}/secrets`;
      const query = { labelSelector: `${remoteClusterLabel}=true` };
      const deliver = (deliveries: readonly Delivery[]): void => take(deliveries, observer);
      return runReflector({ api, path, query, deliver, onState: observer.onState, monotonic, random, ...(times && { times }), ...(pause && { pause }) }, signal);
    },
    close: async () => {
      const open = [...known.values()].filter((cluster) => typeof cluster === 'object');
      await Promise.all([...open.map(closeCluster), ...retiring]);
    },
  };
}

const sameCluster = (a: RemoteCluster, b: RemoteCluster): boolean => a.identity === b.identity && a.token === b.token;

function factsOf({ metadata: { uid, resourceVersion } }: KubeObject, read: RemoteCluster | string): ClusterFacts {
  const known = typeof read === 'string' ? { identity: undefined, audiences: [] } : { identity: read.identity, audiences: audiencesOf(read.token) };
  return { revision: `${uid}/${resourceVersion}`, ...known };
}

/** A configuration that says where, by which CA and with which token, and nothing else: no proxy, no program, no file. */
function kubeConfigOf({ server, certificateAuthority, token }: RemoteCluster): KubeConfig {
  const config = new KubeConfig();
  const name = 'remote';
  config.loadFromOptions({
    clusters: [{ name, server, caData: Buffer.from(certificateAuthority).toString('base64'), skipTLSVerify: false }],
    users: [{ name, token }],
    contexts: [{ name, cluster: name, user: name }],
    currentContext: name,
  });
  return config;
}
