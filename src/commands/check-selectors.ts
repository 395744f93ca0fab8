// Selectors that can't be decided here: they look at labels of namespaces of which no document was read.
import type { AllowedNamespaces } from '../manifests/namespace-selection.ts';
import { nameLabel } from '../manifests/read-namespace.ts';
import type { Manifest } from '../manifests/read-object.ts';
import { keyOf } from '../policy/policy-store.ts';
import type { CheckInput } from './check-input.ts';

/** A field of an ExchangeClient, and what is not known about it. */
export type Undecided = { field: string; message: string };

type TargetService = Manifest<'TargetService'>;

/** TargetServices by the audience that they name. */
export type ServicesByAudience = ReadonlyMap<string, TargetService>;

/** Finds the TargetServices among what was read. */
export function servicesByAudience({ objects }: Pick<CheckInput, 'objects'>): ServicesByAudience {
  const services = [...objects.values()].flatMap(({ manifest }) => (manifest?.kind === 'TargetService' ? [manifest] : []));
  return new Map(services.map((service) => [service.spec.audience, service]));
}

/** The entries of a client outside the trusted namespaces for which such a selector decides whether it may use them. */
export function undecidedEntries({ spec, namespace }: Manifest<'ExchangeClient'>, { objects, namespaces }: CheckInput, services: ServicesByAudience): Undecided[] {
  if (namespaces.has(namespace)) return [];
  const told = (field: string, owner: string, allowed: AllowedNamespaces | undefined): Undecided[] => {
    const [label] = labelsLookedAt(allowed);
    return label === undefined ? [] : [{ field, message: `undecided: ${owner} selects namespaces by the label ${label}, and there is no document of the Namespace ${namespace}` }];
  };
  return [
    ...spec.subjects.flatMap(({ issuerRef: { name } }, index) => {
      const manifest = objects.get(keyOf({ kind: 'TrustedIssuer', namespace: '', name }))?.manifest;
      return manifest?.kind === 'TrustedIssuer' ? told(`spec.subjects[${index}].issuerRef`, `TrustedIssuer ${name}`, manifest.spec.allowedNamespaces) : [];
    }),
    ...spec.targets.flatMap(({ audience }, index) => {
      const service = services.get(audience);
      return service === undefined ? [] : told(`spec.targets[${index}].audience`, `TargetService ${service.name}`, service.spec.allowedNamespaces);
    }),
  ];
}

/** The labels that a selection looks at, besides the name, which every namespace is known to have. */
function labelsLookedAt(allowed: AllowedNamespaces | undefined): string[] {
  const { matchLabels = {}, matchExpressions = [] } = allowed?.selector ?? {};
  return [...Object.keys(matchLabels), ...matchExpressions.map(({ key }) => key)].filter((key) => key !== nameLabel);
}
