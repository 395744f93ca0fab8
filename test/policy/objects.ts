// Objects and a store for the tests of the policy: read as they are read from a file or from an API server.
import { labelsOf, type ReadNamespace } from '../../src/manifests/read-namespace.ts';
import { createExampleRunner } from '../../src/exchange/run-examples.ts';
import { readObject, type ReadObject } from '../../src/manifests/read-object.ts';
import { createPolicyStore, keyOf, type Change, type PolicyStore, type Verdict } from '../../src/policy/policy-store.ts';
import type { PolicySettings } from '../../src/policy/settings.ts';

export const settings: PolicySettings = {
  issuerURL: 'https://cambio.example.com',
  isTrustedNamespace: (namespace) => !['stranger', 'tenant'].includes(namespace),
  reservedAudiences: ['https://reserved.example.com'],
  runExamples: createExampleRunner({ issuerURL: 'https://cambio.example.com', maxLifetimeSeconds: 3600 }),
};

/** As when manifests come from an API server. */
export const clusterSettings: PolicySettings = {
  ...settings,
  namespacesAreTold: true,
  cluster: { issuerURL: 'https://kubernetes.default.svc.cluster.local', audiences: ['https://api.cluster.example.com', 'k3s'] },
};

const jwk = { kty: 'OKP', crv: 'Ed25519', kid: 'a', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };

export const jwks = JSON.stringify({ keys: [jwk] });

type Parts = { generation?: number; uid?: string; namespace?: string; issuer?: object; spec?: object };

/** A TrustedIssuer with keys and the URL https://NAME.example.com. */
export function issuer(name: string, { generation = 1, uid = `uid-${name}`, issuer: more, spec }: Parts = {}): ReadObject {
  return read({
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'TrustedIssuer',
    metadata: { name, generation, uid },
    spec: { issuer: { url: `https://${name}.example.com`, audiences: ['https://cambio.example.com'], ...more }, verification: { jwks }, ...spec },
  });
}

/** A subject of an issuer; the text after a slash is the `sub`: `ci/deploy`. */
export function subject(text: string): object {
  const [name = '', sub = 'someone'] = text.split('/');
  return { issuerRef: { name }, subject: sub };
}

/** An ExchangeClient in the namespace payments, for subjects of these issuers. */
export function client(name: string, issuers: readonly string[], { generation = 1, uid = `uid-${name}`, namespace = 'payments', spec }: Parts = {}): ReadObject {
  return read({
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'ExchangeClient',
    metadata: { name, namespace, generation, uid },
    spec: { authentication: { none: {} }, subjects: issuers.map(subject), targets: [{ audience: 'vault' }], ...spec },
  });
}

/** A TargetService for the audience NAME.example.com. */
export function target(name: string, { generation = 1, uid = `uid-${name}`, spec }: Parts = {}): ReadObject {
  return read({
    apiVersion: 'cambio.dev/v1alpha1',
    kind: 'TargetService',
    metadata: { name, generation, uid },
    spec: { audience: `${name}.example.com`, ...spec },
  });
}

/** A Namespace with the label `team`; `none` for one without it, `unreadable` for one whose labels can't be told. */
export const labelled = (name: string, team = 'none'): ReadNamespace => ({
  name,
  labels: team === 'unreadable' ? undefined : labelsOf(name, team === 'none' ? [] : [['team', team]]),
});

function read(document: object): ReadObject {
  const result = readObject(document);
  if (result.read === undefined) throw new Error(`not an object of Cambio's: ${JSON.stringify(document)}`);
  return result.read;
}

export const put = (object: ReadObject): Change => ({ id: idOf(object), object });
export const remove = (object: ReadObject): Change => ({ id: idOf(object), object: undefined });
const idOf = ({ kind, namespace, name }: ReadObject): Change['id'] => ({ kind, namespace, name });

/** A store with these objects, and the verdicts on them. */
export function storeOf(objects: readonly ReadObject[], of: PolicySettings = settings): { store: PolicyStore; verdicts: Verdict[] } {
  const store = createPolicyStore(of);
  return { store, verdicts: store.apply(objects.map(put)) };
}

/** `Kind/namespace/name: Type=Status Reason, …` for each verdict, in the order of the names. */
export function describeVerdicts(verdicts: readonly Verdict[]): string[] {
  const lines = verdicts.map(({ id, conditions }) => `${keyOf(id)}: ${conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`).join(', ')}`);
  return lines.toSorted((a, b) => (a < b ? -1 : 1));
}

/** The message of a condition, Accepted first if it is False. */
export function messageOf(verdicts: readonly Verdict[], name: string): string | undefined {
  const conditions = verdicts.find((verdict) => verdict.id.name === name)?.conditions ?? [];
  return (conditions.find(({ type, status }) => type === 'Accepted' && status === 'False') ?? conditions.find(({ type }) => type === 'ResolvedRefs') ?? conditions[0])?.message;
}
