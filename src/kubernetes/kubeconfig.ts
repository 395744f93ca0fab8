// Loads a kubeconfig as kubectl does: one file, or several that are taken together; or the configuration that a pod is given.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';

/** The files that a flag or else $KUBECONFIG names: the flag one, the variable any number. */
export const kubeConfigFiles = (flag: string | undefined, variable: string | undefined): string[] =>
  flag === undefined ? (variable ?? '').split(delimiter).filter((file) => file !== '') : [flag];

/**
 * Loads kubeconfig files, or the in-cluster configuration if there is none. Of what has one name in several files, and of
 * their current contexts, the first counts; of several files some may be absent.
 * @returns undefined if there is neither
 * @throws Error that names the file
 */
export function loadKubeConfig(files: readonly string[], inCluster: boolean): KubeConfig | undefined {
  const [first = files[0], ...rest] = files.filter((file) => existsSync(file));
  if (first === undefined) return inCluster ? loadFromPod() : undefined;
  const config = loadFile(first);
  for (const file of rest) addMissing(config, loadFile(file));
  return config;
}

function loadFromPod(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

function loadFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
    takeTokenFiles(config, file);
    return config;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Error(`the kubeconfig ${file} ${isMissing ? 'is not there' : `can't be read: ${(error as Error).message}`}. Name another one by --kubeconfig or $KUBECONFIG`, { cause: error });
  }
}

/** client-node refuses what has one name twice, and takes the last current context. */
function addMissing(config: KubeConfig, more: KubeConfig): void {
  const added = <T extends { name: string }>(own: readonly T[], others: readonly T[]): T[] => [...own, ...others.filter(({ name }) => !own.some((known) => known.name === name))];
  config.clusters = added(config.clusters, more.clusters);
  config.users = added(config.users, more.users);
  config.contexts = added(config.contexts, more.contexts);
  config.currentContext ||= more.currentContext;
}

/** client-node does not know a user's `tokenFile`; it wins over `token`, as it does for kubectl. */
function takeTokenFiles(config: KubeConfig, file: string): void {
  const { users } = parse(readFileSync(file, 'utf8')) as { users?: { name: string; user?: { tokenFile?: string } | null }[] | null };
  const tokenFiles = new Map(users?.map(({ name, user }) => [name, user?.tokenFile]));
  config.users = config.users.map((user) => {
    const tokenFile = tokenFiles.get(user.name);
    if (tokenFile === undefined) return user;
    const { token: _, ...rest } = user;
    return { ...rest, authProvider: { name: 'tokenFile', config: { tokenFile: resolve(dirname(file), tokenFile) } } };
  });
}
