// Compiles an ExchangeClient, with what it refers to, into what requests use; entries that lead nowhere are inert.
import type { Manifest } from '../manifests/read-object.ts';
import { accepted, notAccepted, stalled, summarize, suspended, type Condition, type ReadyCondition, type Reasons } from './conditions.ts';
import type { Client, Issuer, SubjectRule, Target } from './policy.ts';
import type { PolicySettings } from './settings.ts';

type Spec = Manifest<'ExchangeClient'>['spec'];

/** What a client may find behind an issuerRef. */
export type FindIssuer = (name: string) => { issuer?: Issuer } | undefined;

export type CompiledClient = { client?: Client; conditions: readonly Condition[] };

/** Why an entry is inert. */
type Inert = { reason: Exclude<Reasons['ResolvedRefs'], 'Resolved'>; message: string };

/** Compiles one ExchangeClient. The client is absent when the whole object is off. */
export function compileClient(manifest: Manifest<'ExchangeClient'>, findIssuer: FindIssuer, settings: PolicySettings): CompiledClient {
  const { spec, namespace, name } = manifest;
  if (!settings.isTrustedNamespace(namespace)) {
    const message = `metadata.namespace: ${namespace} is not one of the trusted namespaces (--trusted-namespaces), and nothing grants anything to it`;
    return { conditions: notAccepted('NamespaceNotTrusted', message) };
  }
  if (spec.suspend) return { conditions: suspended };
  const rules = spec.subjects.map((entry, index) => compileSubject(entry, `subjects[${index}]`, namespace, findIssuer));
  const subjects = rules.filter((rule): rule is SubjectRule => !('reason' in rule));
  const inert = rules.filter((rule): rule is Inert => 'reason' in rule);
  const targets = spec.targets.map(compileTarget);
  const client: Client = {
    id: clientId(namespace, name),
    namespace,
    name,
    authentication: { method: 'none' },
    subjects,
    issuersByURL: Map.groupBy(new Set(subjects.map((rule) => rule.issuer)), (issuer) => issuer.url),
    targets: new Map(targets.map((target) => [target.audience, target])),
    defaultTarget: targets[spec.targets.findIndex((target) => target.default)],
  };
  return { client, conditions: conditionsOf(inert, subjects.length) };
}

/** The client_id of an ExchangeClient. */
export const clientId = (namespace: string, name: string): string => `${namespace}/${name}`;

function compileSubject(entry: Spec['subjects'][number], field: string, namespace: string, findIssuer: FindIssuer): SubjectRule | Inert {
  const { issuerRef, subject, serviceAccounts } = entry;
  const found = findIssuer(issuerRef.name);
  if (found === undefined) {
    return { reason: 'IssuerNotFound', message: `spec.${field}.issuerRef: there is no TrustedIssuer ${issuerRef.name}` };
  }
  const { issuer } = found;
  if (issuer === undefined) {
    return { reason: 'IssuerNotReady', message: `spec.${field}.issuerRef: TrustedIssuer ${issuerRef.name} is off; its own status says why` };
  }
  if (serviceAccounts === undefined) return { field, issuer, match: 'subject', subject: subject ?? '' };
  if (!issuer.kubernetes) {
    const message = `spec.${field}.serviceAccounts: the tokens of TrustedIssuer ${issuerRef.name} are not ServiceAccount tokens; use subject`;
    return { reason: 'ServiceAccountNotPermitted', message };
  }
  const accounts = serviceAccounts.map((account) => ({ name: account.name, namespace: account.namespace ?? namespace, uid: account.uid }));
  return { field, issuer, match: 'serviceAccounts', serviceAccounts: accounts };
}

function compileTarget({ audience, scopes, defaultScopes, tokenTypes, lifetimeSeconds }: Spec['targets'][number]): Target {
  return { audience, scopes, defaultScopes, tokenTypes, lifetimeSeconds };
}

function conditionsOf(inert: readonly Inert[], subjectsLeft: number): Condition[] {
  const [first] = inert;
  if (first === undefined) {
    return [
      { type: 'Ready', status: 'True', reason: 'Ready', message: 'requests of this client are answered' },
      accepted,
      { type: 'ResolvedRefs', status: 'True', reason: 'Resolved', message: 'everything that it refers to is in force' },
    ];
  }
  const message = summarize(inert.map((entry) => entry.message));
  const resolved: Condition = { type: 'ResolvedRefs', status: 'False', reason: first.reason, message };
  const reason = subjectsLeft > 0 ? 'PartlyLoaded' : 'NothingLoaded';
  const ready: ReadyCondition = { type: 'Ready', status: 'False', reason, message };
  // Nothing is under way here: it takes an edit of this object, or of another one.
  return [ready, accepted, resolved, stalled(reason, message)];
}
