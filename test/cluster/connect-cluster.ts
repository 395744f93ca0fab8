// What tests do on a running test cluster, in whichever process they are: kubectl, tokens, kubeconfigs.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** All that is needed to use a running cluster, as plain data that goes from one process to another. */
export interface ClusterHandle {
  /** Temporary folder of the cluster: data, logs, kubeconfigs. */
  dir: string;
  /** https://127.0.0.1:PORT */
  server: string;
  caFile: string;
  /** The CA certificate as PEM text. */
  caData: string;
  /** Path of a kubeconfig of user `admin` in group system:masters. */
  kubeconfig: string;
  kubectlPath: string;
  /** `iss` of the tokens that the cluster issues. */
  serviceAccountIssuer: string;
  /** Path of the private key (RSA 2048, PKCS #8 PEM) with which the cluster signs, to mint odd tokens. */
  serviceAccountKeyFile: string;
  /** Path of the audit log, one JSON event a line, where it was asked for. */
  auditLogPath?: string;
}

export interface KubectlOptions {
  stdin?: string;
  /** Path of a kubeconfig; the admin's by default. */
  kubeconfig?: string;
  cwd?: string;
}

export interface KubectlResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface TokenOptions {
  /** The API server's own audiences by default. */
  audiences?: string[];
  /** Name of a pod in the same namespace, with the same ServiceAccount, to bind the token to. */
  pod?: string;
  /** 3600 by default; the API server refuses less than 600. */
  expirationSeconds?: number;
}

export interface ClusterClient extends ClusterHandle {
  /** Runs kubectl; a non-zero exit is a result, not an error. Rejects only when kubectl can't be run. */
  kubectl(args: string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** Runs kubectl and returns stdout; rejects with stderr in the message on a non-zero exit. */
  mustKubectl(args: string[], options?: KubectlOptions): Promise<string>;
  /** A token of a ServiceAccount, from the TokenRequest API. */
  createToken(namespace: string, serviceAccount: string, options?: TokenOptions): Promise<string>;
  /** Writes a kubeconfig with a bearer token into the cluster's folder; returns its path. The same name is overwritten. */
  kubeconfigWithToken(name: string, token: string, namespace?: string): Promise<string>;
  /** Writes a kubeconfig of a ServiceAccount (token of 1 h for the API server, its own namespace); returns its path. */
  kubeconfigForServiceAccount(namespace: string, name: string): Promise<string>;
}

/** The functions of a test cluster, bound to the cluster that the handle describes. */
export function connectCluster(handle: ClusterHandle): ClusterClient {
  const kubectl = (args: string[], options: KubectlOptions = {}): Promise<KubectlResult> => runKubectl(handle, args, options);
  const mustKubectl = async (args: string[], options: KubectlOptions = {}): Promise<string> => {
    const { code, stdout, stderr } = await kubectl(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };
  const createToken = async (namespace: string, serviceAccount: string, options: TokenOptions = {}): Promise<string> =>
    (await mustKubectl(createTokenArgs(namespace, serviceAccount, options))).trim();
  const kubeconfigWithToken = (name: string, token: string, namespace?: string): Promise<string> =>
    writeKubeconfig(handle, { name, token, ...(namespace !== undefined && { namespace }) });
  const kubeconfigForServiceAccount = async (namespace: string, name: string): Promise<string> =>
    kubeconfigWithToken(`${namespace}-${name}`, await createToken(namespace, name, { expirationSeconds: 3600 }), namespace);
  return { ...handle, kubectl, mustKubectl, createToken, kubeconfigWithToken, kubeconfigForServiceAccount };
}

function createTokenArgs(namespace: string, serviceAccount: string, options: TokenOptions): string[] {
  const args = ['create', 'token', serviceAccount, `--namespace=${namespace}`];
  for (const audience of options.audiences ?? []) args.push(`--audience=${audience}`);
  if (options.pod !== undefined) args.push('--bound-object-kind=Pod', `--bound-object-name=${options.pod}`);
  args.push(`--duration=${options.expirationSeconds ?? 3600}s`);
  return args;
}

function runKubectl(handle: ClusterHandle, args: string[], options: KubectlOptions): Promise<KubectlResult> {
  const env = {
    ...process.env,
    KUBECONFIG: options.kubeconfig ?? handle.kubeconfig,
    // kubectl's cache of what a server offers goes by host and port, which an earlier cluster may have had.
    KUBECACHEDIR: join(handle.dir, 'kubectl-cache'),
    KUBERC: 'off', // aliases and defaults of the person who runs the tests
  };
  return new Promise((resolve, reject) => {
    const child = execFile(
      handle.kubectlPath,
      args,
      { env, maxBuffer: 64 * 1024 * 1024, ...(options.cwd !== undefined && { cwd: options.cwd }) },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
        else reject(error);
      },
    );
    child.stdin?.on('error', () => {}); // kubectl may end without having read it all
    child.stdin?.end(options.stdin ?? '');
  });
}

/** Writes a kubeconfig for one user with a bearer token, readable by the owner only; returns its path. */
export async function writeKubeconfig(
  cluster: { dir: string; server: string; caData: string },
  user: { name: string; token: string; namespace?: string },
): Promise<string> {
  const { name, token, namespace } = user;
  const path = join(cluster.dir, `${encodeURIComponent(name)}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test-cluster',
        cluster: { server: cluster.server, 'certificate-authority-data': Buffer.from(cluster.caData).toString('base64') },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: 'test-cluster', user: name, ...(namespace !== undefined && { namespace }) } }],
    'current-context': name,
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
