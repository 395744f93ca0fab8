import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../src/kubernetes/api-server.ts';
import type { ClusterConnection } from '../../src/kubernetes/cluster-connection.ts';
import { readRemoteCluster } from '../../src/kubernetes/read-remote-cluster.ts';
import { createRemoteClusters, type RemoteClusters } from '../../src/kubernetes/remote-clusters.ts';
import { connectTo, startFakeApiServer, type FakeApiServer } from './fake-api-server.ts';
import { startRemoteApiServer, type Answer, type RemoteApiServer } from './remote-api-server.ts';

const secrets = 'secrets';
const get = { method: 'GET', path: '/version', timeoutMs: 5000 } as const;
const until = (check: () => void): Promise<void> => vi.waitFor(check, { interval: 2, timeout: 10_000 });

let home: FakeApiServer;
let api: ApiServer;
let remotes: RemoteApiServer[];
let clusters: RemoteClusters;
let end: AbortController;
let running: Promise<void>;
/** What was told, in short. */
let told: string[];
let revisions: string[];

beforeEach(async () => {
  home = await startFakeApiServer();
  api = connectTo(home.url);
  remotes = [];
  told = [];
  revisions = [];
  end = new AbortController();
  clusters = createRemoteClusters({ api, namespace: 'cambio-system', monotonic: () => 0, random: () => 0, pause: async () => void (await new Promise(setImmediate)) });
  running = Promise.resolve();
});
afterEach(async () => {
  end.abort();
  await running;
  await clusters.close();
  await api.close();
  for (const started of remotes) await started.close();
  await home.close();
});

function start(): void {
  running = clusters.run(
    {
      onFacts: (name, facts) => {
        if (facts !== undefined) revisions.push(facts.revision);
        told.push(`${name} ${facts === undefined ? 'gone' : facts.identity === undefined ? 'broken' : JSON.stringify(facts.audiences)}`);
      },
      onMistake: (name, mistake) => told.push(`${name}: ${mistake}`),
      onState: ({ trouble }) => told.push(trouble ?? 'in step'),
    },
    end.signal,
  );
}

const ok: Answer = (_, response) => void response.end('{}');

async function remote(answer: Answer = ok): Promise<RemoteApiServer> {
  const started = await startRemoteApiServer(answer);
  remotes.push(started);
  return started;
}

function putSecret(name: string, data: Record<string, string>): string | undefined {
  const read = readRemoteCluster(home.put(secrets, `cambio-system/${name}`, { data }));
  return typeof read === 'string' ? undefined : read.identity;
}

function found(cluster: string, identity: string | undefined): ClusterConnection {
  const connection = clusters.find({ cluster, identity });
  if (typeof connection === 'string') throw new Error(connection);
  return connection;
}

const tokenFor = (claims: object): string => [{ alg: 'RS256' }, claims, {}].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

describe('the Secrets', () => {
  test('with the label are asked for, in one namespace, and no others', async () => {
    putSecret('east', (await remote()).secretData());
    start();
    await until(() => expect(told).toEqual(['east []', 'in step']));
    expect(home.seen.map(({ verb, path, query }) => `${verb} ${path} ${query['labelSelector']}`)).toEqual([
      'list /api/v1/namespaces/cambio-system/secrets cambio.dev/remote-cluster=true',
      'watch /api/v1/namespaces/cambio-system/secrets cambio.dev/remote-cluster=true',
    ]);
  });

  test('tell the audiences of the cluster by their token', async () => {
    putSecret('east', (await remote()).secretData({ token: tokenFor({ aud: ['https://kubernetes.default.svc.cluster.local', 'k3s'] }) }));
    start();
    await until(() => expect(told).toContain('east ["https://kubernetes.default.svc.cluster.local","k3s"]'));
  });

  test('that are broken are told of, and the others are used', async () => {
    putSecret('east', { server: 'eA==' });
    const west = putSecret('west', (await remote()).secretData());
    start();
    await until(() => expect(told).toEqual(['east: the key ca.crt is missing', 'east broken', 'west []', 'in step']));
    expect(clusters.find({ cluster: 'east', identity: undefined })).toBe('Secret east: the key ca.crt is missing');
    expect((await found('west', west).api.request(get)).status).toBe(200);
  });

  test('that are not there: why is said', async () => {
    expect(clusters.find({ cluster: 'east', identity: undefined })).toBe('Secret east: the Secrets in namespace cambio-system have not been read yet');
    start();
    await until(() => expect(told).toEqual(['in step']));
    expect(clusters.find({ cluster: 'east', identity: undefined })).toBe('there is no Secret east with the label cambio.dev/remote-cluster: "true" in namespace cambio-system');
  });

  test('that may not be read: why is said', async () => {
    home.order('list', { status: 403 });
    start();
    await until(() => expect(told[0]).toBe('the list was answered with 403'));
  });
});

describe('a cluster', () => {
  test('is shown its own token, on its own server', async () => {
    const [east, west] = [await remote(), await remote()];
    const identities = [putSecret('east', east.secretData({ token: 'of-east' })), putSecret('west', west.secretData({ token: 'of-west' }))];
    start();
    await until(() => expect(told).toContain('in step'));
    await found('east', identities[0]).api.request(get);
    await found('west', identities[1]).reviewer.request({ ...get, method: 'POST', body: {} });
    expect([east.requests, west.requests]).toEqual([['GET /version Bearer of-east'], ['POST /version Bearer of-west']]);
  });

  test('is given out only while it is the one that is meant', async () => {
    const [east, west] = [await remote(), await remote()];
    const before = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    const after = putSecret('east', west.secretData());
    await until(() => expect(told).toHaveLength(3));
    expect(clusters.find({ cluster: 'east', identity: before })).toBe('Secret east: it has just been changed');
    expect(clusters.find({ cluster: 'east', identity: undefined })).toBe('Secret east: it has just been changed');
    await found('east', after).api.request(get);
    expect([east.requests.length, west.requests.length]).toEqual([0, 1]);
  });

  test('does not send a request on to where a redirect points', async () => {
    const elsewhere = await remote();
    const east = await remote((_, response) => void response.writeHead(307, { location: `${elsewhere.url}/version` }).end());
    const identity = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    expect((await found('east', identity).api.request(get)).status).toBe(307);
    expect(elsewhere.requests).toEqual([]);
  });

  test('is not told its token before it is known by its certificate', async () => {
    const [east, west] = [await remote(), await remote()];
    const identity = putSecret('east', { ...east.secretData(), 'ca.crt': west.secretData()['ca.crt'] ?? '' });
    start();
    await until(() => expect(told).toContain('in step'));
    await expect(found('east', identity).api.request(get)).rejects.toThrow(/certificate/);
    expect(east.requests).toEqual([]);
  });

  test('is not reached through a proxy of the environment, which the token could be told', async () => {
    let connected = 0;
    const proxy = createServer((socket) => {
      connected++;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as { port: number };
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY']) vi.stubEnv(name, `http://127.0.0.1:${port}`);
    try {
      const east = await remote();
      const identity = putSecret('east', east.secretData());
      start();
      await until(() => expect(told).toContain('in step'));
      expect((await found('east', identity).api.request(get)).status).toBe(200);
      expect(connected).toBe(0);
    } finally {
      vi.unstubAllEnvs();
      proxy.close();
    }
  });

  test('whose Secret is removed is no more', async () => {
    const east = await remote();
    const identity = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    await found('east', identity).api.request(get);
    home.remove(secrets, 'cambio-system/east');
    await until(() => expect(told.at(-1)).toBe('east gone'));
    expect(clusters.find({ cluster: 'east', identity })).toMatch(/^there is no Secret east/);
    await until(() => expect(east.connections()).toBe(0));
  });
});

describe('a Secret that changes', () => {
  test('brings a new credential; what was asked with the old one is answered, and then its connections close', async () => {
    const waiting: ServerResponse[] = [];
    const east = await remote((_, response) => void waiting.push(response));
    const identity = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    const before = found('east', identity);
    const old = [before.api.request(get), before.reviewer.request(get)];
    await until(() => expect(waiting).toHaveLength(2));

    expect(putSecret('east', east.secretData({ token: 'second' }))).toBe(identity);
    await until(() => expect(told).toHaveLength(3));
    const after = found('east', identity);
    expect(after).not.toBe(before);
    const fresh = after.api.request(get);
    await until(() => expect(waiting).toHaveLength(3));
    for (const response of waiting) response.end('{}');
    expect((await Promise.all([...old, fresh])).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(east.requests).toEqual(['GET /version Bearer first', 'GET /version Bearer first', 'GET /version Bearer second']);
    await until(() => expect(east.connections()).toBe(1));
  });

  test('in nothing that matters keeps the connections', async () => {
    const east = await remote();
    const identity = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    const before = found('east', identity);
    putSecret('east', east.secretData({ note: 'x' }));
    await until(() => expect(told).toHaveLength(3));
    expect(found('east', identity)).toBe(before);
  });

  test('to something broken takes the cluster away, and back when it is mended', async () => {
    const east = await remote();
    const identity = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    putSecret('east', { ...east.secretData(), token: '' });
    await until(() => expect(told.slice(2)).toEqual(['east: the key token is missing', 'east broken']));
    expect(clusters.find({ cluster: 'east', identity })).toBe('Secret east: the key token is missing');
    putSecret('east', east.secretData());
    await until(() => expect(told.at(-1)).toBe('east []'));
    expect(revisions).toEqual(['uid-1/8', 'uid-1/9', 'uid-1/10']);
    expect((await found('east', identity).api.request(get)).status).toBe(200);
  });

  test('while the API server is away is seen when it is back, and nothing is forgotten meanwhile', async () => {
    const east = await remote();
    const identity = putSecret('east', east.secretData());
    start();
    await until(() => expect(told).toContain('in step'));
    home.order('list', { status: 500 }, { status: 500 });
    home.compact();
    home.cutConnections();
    await until(() => expect(told).toContain('the list was answered with 500'));
    expect((await found('east', identity).api.request(get)).status).toBe(200);
    home.remove(secrets, 'cambio-system/east');
    await until(() => expect(told).toContain('east gone'));
  });
});
