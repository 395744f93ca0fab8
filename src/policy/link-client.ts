// Links a compiled ExchangeClient with what it refers to. Entries that lead nowhere, or where they may not lead, are inert.
import type { Labels } from '../manifests/read-namespace.ts';
import type { Manifest } from '../manifests/read-object.ts';
import type { CompiledClient, CompiledSubject } from './compile-client.ts';
import { listNames } from './conditions.ts';
import type { FindIssuer } from './issuer-table.ts';
import type { Client, InertEntry, Issuer, SubjectRule, Target, TargetService } from './policy.ts';
import { allowsNamespace } from './select-namespace.ts';
import type { FindTarget } from './target-table.ts';

type Spec = Manifest<'ExchangeClient'>['spec'];

/** What a client may refer to, and what is decided outside of it. */
export type World = {
  findIssuer: FindIssuer;
  findTarget: FindTarget;
  /** Undefined where it can't be told which labels the namespace has. */
  findLabels: (namespace: string) => Labels | undefined;
  isTrustedNamespace: (namespace: string) => boolean;
  /** Whether an audience is never granted outside the trusted namespaces. */
  isReserved: (audience: string) => boolean;
};

/** Who links: all that decides what it may refer to. */
type Owner = { namespace: string; trusted: boolean; labels: Labels | undefined };

/** Links one client. Nothing is granted outside the trusted namespaces that a cluster-scoped object does not allow there. */
export function linkClient({ spec, namespace, name }: Manifest<'ExchangeClient'>, compiled: CompiledClient, world: World): Client {
  const owner: Owner = { namespace, trusted: world.isTrustedNamespace(namespace), labels: world.findLabels(namespace) };
  const rules = spec.subjects.map((entry, index) => linkSubject(entry, compiled.subjects[index], `subjects[${index}]`, owner, world));
  const entries = spec.targets.map((entry, index) => linkTarget(entry, compiled.mappings[index], `targets[${index}]`, owner, world));
  const subjects = rules.filter(isLinked);
  const targets = entries.filter(isLinked);
  const defaultTarget = entries[spec.targets.findIndex((target) => target.default)];
  return {
    id: clientId(namespace, name),
    namespace,
    name,
    trusted: owner.trusted,
    namespaceLabels: owner.labels,
    authentication: { method: 'none' },
    subjects,
    issuersByURL: Map.groupBy(new Set(subjects.map((rule) => rule.issuer)), (issuer) => issuer.url),
    targets: new Map(targets.map((target) => [target.audience, target])),
    defaultTarget: defaultTarget !== undefined && isLinked(defaultTarget) ? defaultTarget : undefined,
    inert: [...rules, ...entries].filter((entry): entry is InertEntry => !isLinked(entry)),
  };
}

/** The client_id of an ExchangeClient. */
export const clientId = (namespace: string, name: string): string => `${namespace}/${name}`;

const isLinked = <T extends object>(entry: T | InertEntry): entry is T => !('reason' in entry);

function linkSubject({ issuerRef, serviceAccounts }: Spec['subjects'][number], compiled: CompiledSubject | undefined, field: string, owner: Owner, world: World): SubjectRule | InertEntry {
  if (compiled === undefined) throw new Error('an entry of subjects was not compiled');
  const found = world.findIssuer(issuerRef.name);
  if (found === undefined) {
    return { reason: 'IssuerNotFound', message: `spec.${field}.issuerRef: there is no TrustedIssuer ${issuerRef.name}` };
  }
  const { issuer } = found;
  if (issuer === undefined) {
    return { reason: 'IssuerNotReady', message: `spec.${field}.issuerRef: TrustedIssuer ${issuerRef.name} is off; its own status says why`, issuerURL: found.url };
  }
  if (!owner.trusted && !allowsNamespace(issuer.allowedNamespaces, owner.labels)) {
    const message = `spec.${field}.issuerRef: TrustedIssuer ${issuerRef.name} does not allow clients of the namespace ${owner.namespace} (its allowedNamespaces)`;
    return { reason: 'IssuerNotPermitted', message, issuerURL: issuer.url };
  }
  const unplaced = serviceAccounts?.some((account) => account.namespace === undefined) === true;
  const refusal = refuseServiceAccounts(compiled, unplaced, field, issuer, owner);
  if (refusal !== undefined) return { reason: 'ServiceAccountNotPermitted', message: refusal, issuerURL: issuer.url };
  return { ...compiled, field, issuer };
}

/**
 * Why an entry may not name the ServiceAccounts that it names.
 * @param unplaced one of them has no namespace of its own in the manifest
 */
function refuseServiceAccounts(compiled: CompiledSubject, unplaced: boolean, field: string, issuer: Issuer, owner: Owner): string | undefined {
  if (compiled.match === 'serviceAccounts' && !issuer.kubernetes) {
    return `spec.${field}.serviceAccounts: the tokens of TrustedIssuer ${issuer.name} are not ServiceAccount tokens; use subject`;
  }
  if (unplaced && !issuer.ownCluster) {
    return `spec.${field}.serviceAccounts: namespace is required for each: TrustedIssuer ${issuer.name} is of a cluster that Cambio does not run in`;
  }
  if (owner.trusted || !issuer.sameNamespace || !issuer.kubernetes) return undefined;
  const foreign = namespacesNamed(compiled).find((namespace) => namespace !== owner.namespace);
  if (foreign === undefined) return undefined;
  return `spec.${field}.${compiled.match}: names the namespace ${foreign}, and TrustedIssuer ${issuer.name} allows ServiceAccounts of ${owner.namespace} only here (its serviceAccountNamespaces)`;
}

/** The namespaces of ServiceAccounts that an entry names without any doubt. */
function namespacesNamed(compiled: CompiledSubject): string[] {
  if (compiled.match === 'serviceAccounts') return compiled.serviceAccounts.map(({ namespace }) => namespace);
  const [, namespace] = (compiled.match === 'subject' && /^system:serviceaccount:([^:]*):/.exec(compiled.subject)) || [];
  return namespace === undefined ? [] : [namespace];
}

function linkTarget(entry: Spec['targets'][number], mappings: Target['mappings'] | undefined, field: string, owner: Owner, world: World): Target | InertEntry {
  if (mappings === undefined) throw new Error('an entry of targets was not compiled');
  const { audience, scopes, defaultScopes, tokenTypes, lifetimeSeconds } = entry;
  const found = world.findTarget(audience);
  const inert = (reason: InertEntry['reason'], member: string, message: string): InertEntry => ({ reason, message: `spec.${field}.${member}: ${message}`, audience, isDefault: entry.default });
  if (!owner.trusted && world.isReserved(audience)) return inert('AudienceReserved', 'audience', `${audience} is never handed out outside the trusted namespaces`);
  if (found.state === 'closed') return inert('TargetNotReady', 'audience', found.why);
  const service = found.state === 'open' ? found.service : undefined;
  if (!owner.trusted && (service === undefined || !allowsNamespace(service.allowedNamespaces, owner.labels))) {
    return inert('AudienceNotPermitted', 'audience', `no TargetService allows clients of the namespace ${owner.namespace} to hand out ${audience}`);
  }
  const target: Target = { audience, scopes, defaultScopes, tokenTypes, lifetimeSeconds, mappings, service };
  const refusal = service && refuseByService(target, service, owner);
  return refusal === undefined ? target : inert(refusal.reason, refusal.member, refusal.message);
}

type Refusal = { reason: InertEntry['reason']; member: string; message: string };

/** Why an entry goes beyond what the owner of the audience allows. */
function refuseByService({ scopes, mappings }: Target, service: TargetService, owner: Owner): Refusal | undefined {
  const by = `TargetService ${service.name}`;
  const excess = scopes.filter((scope) => !service.scopes.has(scope));
  if (excess.length > 0) return { reason: 'ScopeNotPermitted', member: 'scopes', message: `${by} does not offer ${listNames(excess)}` };
  if (owner.trusted) return undefined;
  if (mappings.subject !== undefined && !service.subjectMapping) {
    return { reason: 'SubjectMappingNotPermitted', member: 'claimMappings.subject', message: `${by} does not allow clients of the namespace ${owner.namespace} to replace sub (its subjectMapping)` };
  }
  const foreign = mappings.claims.filter(({ name }) => !service.claims.has(name)).map(({ name }) => name);
  if (foreign.length === 0) return undefined;
  return { reason: 'ClaimNotPermitted', member: 'claimMappings.claims', message: `${by} does not allow clients of the namespace ${owner.namespace} to set ${listNames(foreign)} (its claims)` };
}
