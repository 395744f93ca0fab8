// Starts a real etcd and kube-apiserver on loopback, without containers, for tests and demos.
import { X509Certificate, generateKeyPair, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findBinaries, type Binaries } from './binaries.ts';
import { connectCluster, writeKubeconfig, type ClusterClient } from './connect-cluster.ts';
import { readLogTail, startDaemon, stopDaemon, type Daemon } from './daemon.ts';

export interface StartOptions {
  /** `iss` of ServiceAccount tokens; https://kubernetes.default.svc.cluster.local by default. */
  serviceAccountIssuer?: string;
  /** The API server's own audiences; the issuer alone by default. */
  apiAudiences?: string[];
  /** YAML text of an AuthenticationConfiguration: issuers other than the cluster that the API server trusts. */
  authenticationConfiguration?: string;
  /** Further flags of kube-apiserver; they come last and so win over those given here. */
  extraApiServerArgs?: string[];
  /** Log every request with its body at `auditLogPath`; false by default. */
  auditRequests?: boolean;
}

export interface TestCluster extends ClusterClient {
  /** Process ids of etcd and of kube-apiserver, those that were ever started. */
  pids(): number[];
  /** Ends the API server by SIGTERM and waits until it is gone. */
  stopApiServer(): Promise<void>;
  /** Starts it again, on the same port with the same certificate, and waits until it is ready. */
  startApiServer(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pauseApiServer(): void;
  /** SIGCONT. */
  resumeApiServer(): void;
  /** Ends both processes, waits until they are gone and removes the folder (unless CAMBIO_KEEP_CLUSTER=1). Safe to call again. */
  stop(): Promise<void>;
}

/** What the steps of a start hand to each other. */
interface Setup {
  binaries: Binaries;
  dir: string;
  adminToken: string;
  serviceAccountIssuer: string;
  serviceAccountKeyFile: string;
  auditLogPath: string;
  options: StartOptions;
}

const readyWithinMs = 60_000;
const pollMs = 50;

/**
 * Starts a cluster of its own in a new temporary folder and returns when it answers /readyz and has the namespace
 * `default`: about 3 s on two cores. Throws with the end of the log of the process that failed.
 * The processes end with this one however it ends, but keep it from ending of itself before `stop()`.
 */
export async function startCluster(options: StartOptions = {}): Promise<TestCluster> {
  const binaries = await findBinaries();
  const setup = await prepareFolder(binaries, options);
  const started: Daemon[] = [];
  const abandon = (): void => {
    for (const daemon of started) if (!daemon.isGone()) daemon.signal('SIGKILL');
    if (!isKept()) rmSync(setup.dir, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const stop = async (): Promise<void> => {
    for (const daemon of started.toReversed()) await stopDaemon(daemon); // the API server before its store
    if (!isKept()) await rm(setup.dir, { recursive: true, force: true });
    process.off('exit', abandon);
  };
  try {
    started.push(await startEtcd(setup));
    const first = await startOnFreePort(setup, started);
    return await describeCluster(setup, first, started, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

function isKept(): boolean {
  return process.env['CAMBIO_KEEP_CLUSTER'] === '1';
}

async function describeCluster(setup: Setup, port: number, started: Daemon[], stop: () => Promise<void>): Promise<TestCluster> {
  const { dir, options } = setup;
  const server = `https://127.0.0.1:${port}`;
  const { caFile, caData } = await writeCa(dir);
  const kubeconfig = await writeKubeconfig({ dir, server, caData }, { name: 'admin', token: setup.adminToken });
  const client = connectCluster({
    dir,
    server,
    caFile,
    caData,
    kubeconfig,
    kubectlPath: setup.binaries.kubectl,
    serviceAccountIssuer: setup.serviceAccountIssuer,
    serviceAccountKeyFile: setup.serviceAccountKeyFile,
    ...(options.auditRequests === true && { auditLogPath: setup.auditLogPath }),
  });
  const apiServer = (): Daemon => {
    const last = started.at(-1);
    if (last === undefined) throw new Error('the cluster has no API server');
    return last;
  };
  return {
    ...client,
    pids: () => started.map((daemon) => daemon.pid),
    stopApiServer: () => stopDaemon(apiServer()),
    startApiServer: async () => {
      if (!apiServer().isGone()) throw new Error('the API server is running already');
      started.push(await startApiServer(setup, port));
      await waitUntilReady(setup, port, apiServer());
    },
    pauseApiServer: () => apiServer().signal('SIGSTOP'),
    resumeApiServer: () => apiServer().signal('SIGCONT'),
    stop,
  };
}

async function prepareFolder(binaries: Binaries, options: StartOptions): Promise<Setup> {
  const dir = await mkdtemp(join(tmpdir(), 'cambio-cluster-'));
  const adminToken = randomBytes(24).toString('base64url');
  const secret = { mode: 0o600 };
  await writeFile(join(dir, 'tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`, secret);
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const serviceAccountKeyFile = join(dir, 'service-account.key');
  await writeFile(serviceAccountKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), secret);
  if (options.authenticationConfiguration !== undefined) {
    await writeFile(join(dir, 'authentication.yaml'), options.authenticationConfiguration);
  }
  if (options.auditRequests === true) await writeFile(join(dir, 'audit-policy.yaml'), auditPolicy);
  return {
    binaries,
    dir,
    adminToken,
    serviceAccountIssuer: options.serviceAccountIssuer ?? 'https://kubernetes.default.svc.cluster.local',
    serviceAccountKeyFile,
    auditLogPath: join(dir, 'audit.log'),
    options,
  };
}

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Request
`;

// etcd listens on unix sockets named so in the cluster's folder, the working directory of both processes: no ports to
// clash over, and no limit on the length of the folder's path. It wants a port in the name of each, whatever it is.
const etcdClients = 'unix://etcd:0';
const etcdPeers = 'unix://etcd-peer:0';

function startEtcd({ binaries, dir }: Setup): Promise<Daemon> {
  return startDaemon(
    binaries.etcd,
    [
      '--data-dir=etcd-data',
      '--unsafe-no-fsync',
      `--listen-client-urls=${etcdClients}`,
      `--advertise-client-urls=${etcdClients}`,
      `--listen-peer-urls=${etcdPeers}`,
      `--initial-advertise-peer-urls=${etcdPeers}`,
      `--initial-cluster=default=${etcdPeers}`,
    ],
    { cwd: dir, logFile: join(dir, 'etcd.log') },
  );
}

function startApiServer({ binaries, dir, options, ...setup }: Setup, port: number): Promise<Daemon> {
  const args = [
    '--v=0',
    `--etcd-servers=${etcdClients}`,
    '--bind-address=127.0.0.1',
    // Without it the address of a network interface is taken, and a machine without a network has none.
    '--advertise-address=127.0.0.1',
    // A loopback address is not allowed in the endpoints of the service `kubernetes`, which nothing here uses.
    '--endpoint-reconciler-type=none',
    `--secure-port=${port}`,
    // Here it makes a CA and a serving certificate for 127.0.0.1, and finds them again after a restart.
    '--cert-dir=certificates',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    '--token-auth-file=tokens.csv',
    // It would refuse pods until a controller, which is not here, has made the ServiceAccount `default`.
    '--disable-admission-plugins=ServiceAccount',
    `--service-account-issuer=${setup.serviceAccountIssuer}`,
    `--service-account-signing-key-file=${setup.serviceAccountKeyFile}`,
    `--service-account-key-file=${setup.serviceAccountKeyFile}`,
    '--allow-privileged=true',
    '--event-ttl=5m',
    // On SIGTERM it ends open watches at once and in order; by default it waits for their clients for a minute.
    '--shutdown-watch-termination-grace-period=1s',
  ];
  if (options.apiAudiences !== undefined) args.push(`--api-audiences=${options.apiAudiences.join(',')}`);
  if (options.authenticationConfiguration !== undefined) args.push('--authentication-config=authentication.yaml');
  if (options.auditRequests === true) {
    args.push('--audit-policy-file=audit-policy.yaml', `--audit-log-path=${setup.auditLogPath}`);
  }
  args.push(...(options.extraApiServerArgs ?? []));
  return startDaemon(binaries.kubeApiserver, args, { cwd: dir, logFile: join(dir, 'kube-apiserver.log') });
}

/** Starts the API server on a free port; should another process take that port in the meantime, on another one. */
async function startOnFreePort(setup: Setup, started: Daemon[]): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    const apiServer = await startApiServer(setup, port);
    started.push(apiServer);
    try {
      await waitUntilReady(setup, port, apiServer);
      return port;
    } catch (error) {
      const wasTaken = apiServer.isGone() && !(await isFree(port));
      if (!wasTaken || attempt === 3) throw error;
    }
  }
}

/**
 * A port below those that the system gives to outgoing connections (from 32768 on Linux, higher elsewhere): one of these
 * could be taken while the API server is stopped, even by a client's attempt to connect to it.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function waitUntilReady(setup: Setup, port: number, apiServer: Daemon): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (!((await answersOk(setup, port, '/readyz')) && (await answersOk(setup, port, '/api/v1/namespaces/default')))) {
    if (apiServer.isGone()) throw new Error(`kube-apiserver ended before it was ready. Its log:\n${await readLogTail(apiServer)}`);
    if (performance.now() > deadline) {
      throw new Error(`kube-apiserver was not ready after ${readyWithinMs / 1000} s. Its log:\n${await readLogTail(apiServer)}`);
    }
    await delay(pollMs);
  }
}

/** True when the API server answers 200; false for any other answer, none, or no certificate yet. */
async function answersOk({ dir, adminToken }: Setup, port: number, path: string): Promise<boolean> {
  const ca = await readFile(servingCertificate(dir), 'utf8').catch(() => '');
  if (ca === '') return false;
  return new Promise((resolve) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        ca,
        agent: false,
        headers: { authorization: `Bearer ${adminToken}` },
        signal: AbortSignal.timeout(5_000),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    sent.once('error', () => resolve(false));
    sent.end();
  });
}

function servingCertificate(dir: string): string {
  return join(dir, 'certificates', 'apiserver.crt');
}

/** Takes the CA certificate out of the chain that kube-apiserver made for itself. */
async function writeCa(dir: string): Promise<{ caFile: string; caData: string }> {
  const chain = await readFile(servingCertificate(dir), 'utf8');
  const certificates = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
  const caData = certificates.find((pem) => new X509Certificate(pem).ca);
  if (caData === undefined) throw new Error(`there is no CA certificate in ${servingCertificate(dir)}`);
  const caFile = join(dir, 'ca.crt');
  await writeFile(caFile, caData);
  return { caFile, caData };
}
