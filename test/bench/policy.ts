// What a policy of many clients costs in memory and in time: to compile it, to change one object of it, to decide by it.
// npm run bench:policy [-- CLIENTS]
import { createExampleRunner } from '../../src/exchange/run-examples.ts';
import { decide, type Question } from '../../src/exchange/decide.ts';
import { labelsOf } from '../../src/manifests/read-namespace.ts';
import { readObject, type ReadObject } from '../../src/manifests/read-object.ts';
import { createPolicyStore, type Change, type PolicyStore } from '../../src/policy/policy-store.ts';
import { number, printTable, type Cell } from './print-table.ts';
import { median } from './statistics.ts';

const count = Number(process.argv[2] ?? 100_000);
const [issuerCount, targetCount, namespaceCount] = [100, 500, 1000];
const issuerURL = 'https://cambio.example.com';
const settings = { issuerURL, maxLifetimeSeconds: 3600 };
const jwks = JSON.stringify({ keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] });
const all = { allowedNamespaces: { from: 'All' } };

function read(kind: string, name: string, spec: object, namespace?: string, generation = 1): ReadObject {
  const { read: object } = readObject({ apiVersion: 'cambio.dev/v1alpha1', kind, metadata: { name, uid: `uid-${name}`, generation, ...(namespace === undefined ? {} : { namespace }) }, spec });
  if (object?.manifest === undefined) throw new Error(`${kind} ${name}: ${JSON.stringify(object?.problems)}`);
  return object;
}

const issuer = (index: number, generation = 1): ReadObject =>
  read('TrustedIssuer', `ci-${index}`, { issuer: { url: `https://ci-${index}.example.com`, audiences: [issuerURL] }, verification: { jwks }, ...all, claimValidationRules: [{ expression: "claims.owner != 'mallory' || client.trusted" }] }, undefined, generation);
const target = (index: number, generation = 1): ReadObject =>
  read('TargetService', `target-${index}`, { audience: `https://target-${index}.example.com`, scopes: ['read'], ...all, claims: [{ name: 'groups', rule: "value.all(g, g.startsWith(client.namespace + ':'))" }] }, undefined, generation);

/** A client as teams write them. `plain`: without conditions, mappings and examples. */
function client(index: number, plain: boolean, generation = 1): ReadObject {
  const issuerRef = { name: `ci-${index % issuerCount}` };
  const audience = `https://target-${index % targetCount}.example.com`;
  const sub = `repo:acme/app-${index}:environment:prod`;
  const own = { subject: sub, conditions: [{ expression: `claims.repository_id == '${index}'`, message: 'this repository only' }, { expression: "claims.ref.startsWith('refs/heads/')" }] };
  const mappings = { claims: [{ name: 'groups', expression: "[client.namespace + ':deployers']" }] };
  const claims = { sub, repository_id: `${index}`, ref: 'refs/heads/main', owner: 'acme' };
  return read(
    'ExchangeClient',
    `client-${index}`,
    {
      authentication: { none: {} },
      subjects: [{ issuerRef, ...(plain ? { subject: sub } : own) }],
      targets: [{ audience, scopes: ['read'], defaultScopes: ['read'], lifetimeSeconds: 600 + (generation % 100), default: true, ...(plain ? {} : { claimMappings: mappings }) }],
      ...(plain ? {} : { examples: [{ name: 'prod', issuerRef, claims, expect: { allowed: true } }, { name: 'another', issuerRef, claims: { ...claims, repository_id: 'another' }, expect: { allowed: false } }] }),
    },
    `namespace-${index % namespaceCount}`,
    generation,
  );
}

const put = (object: ReadObject): Change => ({ id: object, object });
const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};
const times = (repeat: number, run: (round: number) => void): number =>
  median(
    Array.from({ length: repeat }, (_, round) => {
      const start = performance.now();
      run(round);
      return performance.now() - start;
    }),
  );

/** Decides for one client after the other. @returns microseconds a decision */
function decisions(store: PolicyStore): number {
  const questions = Array.from({ length: 2000 }, (_, at): Question => {
    const index = Math.floor((at * count) / 2000);
    const found = store.snapshot().clients.get(`namespace-${index % namespaceCount}/client-${index}`);
    const rule = found?.subjects[0];
    if (found === undefined || rule === undefined) throw new Error('a client is not in force');
    const sub = `repo:acme/app-${index}:environment:prod`;
    const claims = { iss: rule.issuer.url, sub, aud: issuerURL, repository_id: `${index}`, ref: 'refs/heads/main', owner: 'acme', iat: 0, exp: 1e6 };
    return { client: found, asked: { audience: [], resource: [], scope: [], requested_token_type: undefined }, subject: { issuer: rule.issuer, sub, claims, exp: 1e6, serviceAccount: undefined }, now: 1000, ...settings };
  });
  return (times(7, () => questions.forEach((question) => decide(question))) / questions.length) * 1000;
}

const rows: Cell[][] = [];
for (const plain of [true, false]) {
  const store = createPolicyStore({ issuerURL, isTrustedNamespace: () => false, reservedAudiences: [], runExamples: createExampleRunner(settings) });
  store.apply([...Array.from({ length: issuerCount }, (_, index) => issuer(index)), ...Array.from({ length: targetCount }, (_, index) => target(index))].map(put));
  const objects = Array.from({ length: count }, (_, index) => client(index, plain));
  const before = heap();
  const start = performance.now();
  store.apply(objects.map(put));
  const compiled = performance.now() - start;
  const kept = heap() - before;
  store.complete();
  if (store.snapshot().clients.size !== count) throw new Error(`${store.snapshot().clients.size} clients are in force`);
  rows.push([
    plain ? 'a subject and a target each' : 'with 2 conditions, a mapping, 2 examples',
    number(compiled),
    number((kept * 1024) / count, 1),
    number(times(51, (round) => store.apply([put(client(round * 7, plain, round + 2))])), 2),
    number(times(11, (round) => store.apply([put(issuer(3, round + 2))])), 1),
    number(times(11, (round) => store.apply([put(target(5, round + 2))])), 1),
    number(times(11, (round) => store.apply([], [{ name: 'namespace-9', labels: labelsOf('namespace-9', [['team', `t${round}`]]) }])), 1),
    number(decisions(store), 1),
  ]);
}
process.stdout.write(
  printTable(
    {
      title: `A policy of ${count} ExchangeClients, ${issuerCount} TrustedIssuers, ${targetCount} TargetServices in ${namespaceCount} namespaces`,
      note: `Milliseconds to compile all clients; KiB of heap for each; milliseconds (median) until a change of one client, of an issuer that ${count / issuerCount} refer to, of a TargetService that ${count / targetCount} refer to, of the labels of a namespace with ${count / namespaceCount} of them is in force; microseconds for a decision, without signatures.`,
      columns: ['clients', 'all', 'KiB each', 'client', 'issuer', 'target', 'namespace', 'decision'],
      rows,
    },
    true,
  ),
);
