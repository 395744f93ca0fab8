// The clients of a cluster's API server, and how they are found.
import type { KubeConfig } from '@kubernetes/client-node';
import type { AskedCluster, Issuer } from '../policy/policy.ts';
import { createApiServer, type ApiServer } from './api-server.ts';

/** TokenReviews in flight at once, for each cluster: more wait for their turn. */
export const reviewsInFlight = 64;

export type ClusterConnection = {
  /** For all but TokenReviews. */
  api: ApiServer;
  /** For TokenReviews, on connections of their own: while they wait for each other, all else goes on. */
  reviewer: ApiServer;
};

/**
 * Finds the API server of a cluster. It is given out only while it is the one that is meant: else a token might be shown
 * to another one.
 * @returns its clients, or a sentence on why there are none now
 */
export type FindCluster = (asked: AskedCluster) => ClusterConnection | string;

/** Finds the API server that an issuer's tokens or keys are asked of, and no other. */
export function findFor({ verification }: Issuer, find: FindCluster): ReturnType<FindCluster> {
  return 'cluster' in verification ? find(verification) : 'it asks no API server';
}

/**
 * Makes the clients of a cluster; nothing is connected before it is used.
 * @param connections for all but TokenReviews
 */
export function connectCluster(config: KubeConfig, monotonic: () => number, connections: number): ClusterConnection {
  return {
    api: createApiServer(config, monotonic, connections),
    reviewer: createApiServer(config, monotonic, reviewsInFlight),
  };
}

/** Ends everything at once. */
export async function closeCluster({ api, reviewer }: ClusterConnection): Promise<void> {
  await Promise.all([api.close(), reviewer.close()]);
}
