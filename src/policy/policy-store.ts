// The policy store: takes what changed, compiles what that touches, and answers with one new immutable snapshot.
import { labelsOf, type Labels, type ReadNamespace } from '../manifests/read-namespace.ts';
import type { ObjectId, ReadObject } from '../manifests/read-object.ts';
import { createClientTable } from './client-table.ts';
import { emptyMap } from './immutable-map.ts';
import { createIssuerTable } from './issuer-table.ts';
import type { KeyState } from './key-state.ts';
import { clientId, type World } from './link-client.ts';
import type { ClusterFacts, PolicySnapshot } from './policy.ts';
import type { PolicySettings } from './settings.ts';
import { createTargetTable } from './target-table.ts';
import { keyOf, withBug, type Verdict } from './verdict.ts';

export { keyOf, type Verdict } from './verdict.ts';

/** An object that was made or changed, or one that is gone. */
export type Change = { id: ObjectId; object: ReadObject | undefined };

export type PolicyStore = {
  /** The state after all changes so far. */
  snapshot: () => PolicySnapshot;
  /**
   * Takes changes in their order, and Namespaces whose labels are others now. Afterwards `snapshot()` has them all.
   * @returns the verdicts on the objects that were changed or that refer to what was changed
   */
  apply: (changes: readonly Change[], namespaces?: readonly ReadNamespace[]) => Verdict[];
  /**
   * Takes how it stands with the fetched keys of a TrustedIssuer, in the version that `revision` names.
   * @returns the verdicts on the objects that this changes
   */
  setKeyState: (name: string, revision: string, state: KeyState) => Verdict[];
  /**
   * Takes what is known of another cluster now, by the name of its Secret; undefined if that is not there.
   * @returns the verdicts on the objects that this changes
   */
  setClusterFacts: (name: string, facts: ClusterFacts | undefined) => Verdict[];
  /** Says that everything has been listed once. */
  complete: () => void;
};

/** Before anything is known: nothing can be decided. */
export const emptySnapshot: PolicySnapshot = { complete: false, issuers: new Map(), clients: emptyMap(), clientsOff: emptyMap() };

/** Makes an empty store, which is not complete. */
export function createPolicyStore(settings: PolicySettings): PolicyStore {
  const issuers = createIssuerTable(settings);
  const targets = createTargetTable();
  /** Of the namespaces that are not as one is of which nothing was said; undefined where it can't be told. */
  const labels = new Map<string, Labels | undefined>();
  /** From an API server a Namespace may come later than what stands in it, and with labels that take something away. */
  const unseen = (namespace: string): Labels | undefined => (settings.namespacesAreTold === true ? undefined : labelsOf(namespace));
  const reserved = new Set([settings.issuerURL, ...settings.reservedAudiences, ...(settings.cluster?.audiences ?? []), ...listOf(settings.cluster?.issuerURL)]);
  const world: World = {
    findIssuer: issuers.find,
    findTarget: targets.find,
    findLabels: (namespace) => (labels.has(namespace) ? labels.get(namespace) : unseen(namespace)),
    isTrustedNamespace: settings.isTrustedNamespace,
    isReserved: (audience) => reserved.has(audience) || issuers.isOfAPIServer(audience),
  };
  const clients = createClientTable(world, settings.runExamples, (error, { kind, namespace, name }) => settings.onBug?.(error, { kind, namespace, name }));
  let snapshot = emptySnapshot;

  function apply(changes: readonly Change[], namespaces: readonly ReadNamespace[] = []): Verdict[] {
    for (const change of new Map(changes.map((each) => [keyOf(each.id), each])).values()) setOrTurnOff(change);
    for (const namespace of namespaces) setLabels(namespace);
    return settle();
  }

  /** A bug that one object brings to light turns off that object; everything else comes into force. */
  function setOrTurnOff({ id, object }: Change): void {
    try {
      set(id, object);
    } catch (error) {
      settings.onBug?.(error, id);
      set(id, object && withBug(object));
    }
  }

  function set({ kind, namespace, name }: ObjectId, object: ReadObject | undefined): void {
    if (kind === 'TrustedIssuer') issuers.set(name, object);
    else if (kind === 'TargetService') targets.set(name, object);
    else clients.set(clientId(namespace, name), object);
  }

  function setLabels({ name, labels: known }: ReadNamespace): void {
    if (sameLabels(world.findLabels(name), known)) return;
    if (sameLabels(unseen(name), known)) labels.delete(name);
    else labels.set(name, known);
    clients.touch.namespace(name);
  }

  /** Brings everything up to date with what was set. */
  function settle(): Verdict[] {
    const ofIssuers = issuers.settle();
    const ofTargets = targets.settle();
    for (const name of ofIssuers.issuers) clients.touch.issuer(name);
    for (const name of ofIssuers.keys) clients.touch.keys(name);
    for (const audience of ofIssuers.audiences) clients.touch.audience(audience);
    if (ofTargets.audiences === 'all') clients.touch.all();
    else for (const audience of ofTargets.audiences) clients.touch.audience(audience);
    const ofClients = clients.settle();
    const touchedTargets = new Set([...ofTargets.verdicts, ...[...ofClients.audiences].flatMap((audience) => [...targets.named(audience)])]);
    snapshot = {
      ...snapshot,
      ...(ofIssuers.issuers.size > 0 && { issuers: issuers.followed() }),
      ...(ofClients.clients.size > 0 && { clients: snapshot.clients.changed(ofClients.clients) }),
      ...(ofClients.off.size > 0 && { clientsOff: snapshot.clientsOff.changed(ofClients.off) }),
    };
    return [
      ...[...ofIssuers.verdicts].flatMap((name) => listOf(issuers.verdict(name))),
      ...[...touchedTargets].flatMap((name) => listOf(targets.verdict(name, clients.handingOut))),
      ...ofClients.verdicts,
    ];
  }

  return {
    snapshot: () => snapshot,
    apply,
    setKeyState: (name, revision, state) => {
      issuers.setKeyState(name, revision, state);
      return settle();
    },
    setClusterFacts: (name, facts) => {
      issuers.setClusterFacts(name, facts);
      return settle();
    },
    complete: () => {
      snapshot = { ...snapshot, complete: true };
    },
  };
}

const sameLabels = (a: Labels | undefined, b: Labels | undefined): boolean => a?.size === b?.size && [...(a ?? [])].every(([key, value]) => b?.get(key) === value);
const listOf = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
