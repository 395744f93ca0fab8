// The table of kinds: all that reading a manifest and printing its CRD need to know of each.
import type { z } from 'zod';
import { exchangeClientSpec, type ExchangeClientSpec } from './exchange-client.ts';
import type { Rule } from './rules.ts';
import { targetServiceSpec, type TargetServiceSpec } from './target-service.ts';
import { trustedIssuerSpec, type TrustedIssuerSpec } from './trusted-issuer.ts';

export const group = 'cambio.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

/** What each kind's `spec` holds once it has been read. */
export type Specs = {
  TrustedIssuer: TrustedIssuerSpec;
  ExchangeClient: ExchangeClientSpec;
  TargetService: TargetServiceSpec;
};
export type KindName = keyof Specs;

/** A column of `kubectl get`; one with a priority above 0 is shown with `-o wide` only. */
export type Column = { name: string; type: 'string' | 'integer' | 'date'; jsonPath: string; priority?: number };

/** What a rule about the whole object may look at. */
export type NamedObject = { metadata: { name: string }; spec: Record<string, unknown> };

export type KindDefinition = {
  plural: string;
  singular: string;
  shortName: string;
  scope: 'Cluster' | 'Namespaced';
  summary: string;
  spec: z.ZodType;
  /** Rules that need the object's name beside its spec. */
  objectRules: readonly Rule<NamedObject>[];
  /** Members of `status` besides observedGeneration and conditions, with their type. */
  statusFields: Readonly<Record<string, { type: 'string' | 'integer'; description: string }>>;
  columns: readonly Column[];
};

const ready: Column = { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' };
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const reason: Column = { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 };

export const kinds = {
  TrustedIssuer: {
    plural: 'trustedissuers',
    singular: 'trustedissuer',
    shortName: 'ti',
    scope: 'Cluster',
    summary: 'Whose tokens are believed, and how they are verified.',
    spec: trustedIssuerSpec,
    objectRules: [
      {
        cel: "self.metadata.name != 'system' || has(self.spec.subjectPrefix)",
        message: 'subjectPrefix is required for a TrustedIssuer named system: Kubernetes keeps "system:" for itself',
        field: 'spec',
        check: (object) => object.metadata.name !== 'system' || object.spec['subjectPrefix'] !== undefined,
      },
    ],
    statusFields: {
      issuerURL: { type: 'string', description: 'The issuer whose tokens are accepted.' },
      verification: { type: 'string', description: 'How tokens are verified.' },
      keys: { type: 'integer', description: 'How many keys are known.' },
      lastFetchTime: { type: 'string', description: 'When the keys were last seen to change (RFC 3339).' },
    },
    columns: [
      { name: 'Issuer', type: 'string', jsonPath: '.status.issuerURL' },
      { name: 'Verification', type: 'string', jsonPath: '.status.verification' },
      { name: 'Keys', type: 'integer', jsonPath: '.status.keys' },
      ready,
      age,
      reason,
    ],
  },
  ExchangeClient: {
    plural: 'exchangeclients',
    singular: 'exchangeclient',
    shortName: 'xc',
    scope: 'Namespaced',
    summary: 'Which subjects may trade their token, for which targets.',
    spec: exchangeClientSpec,
    objectRules: [],
    statusFields: {
      authentication: { type: 'string', description: 'How the client authenticates.' },
      targets: { type: 'string', description: 'The first audience, and how many more there are.' },
    },
    columns: [
      { name: 'Auth', type: 'string', jsonPath: '.status.authentication' },
      { name: 'Targets', type: 'string', jsonPath: '.status.targets' },
      ready,
      age,
      reason,
    ],
  },
  TargetService: {
    plural: 'targetservices',
    singular: 'targetservice',
    shortName: 'ts',
    scope: 'Cluster',
    summary: 'Who may hand out an audience, and within which limits.',
    spec: targetServiceSpec,
    objectRules: [],
    statusFields: {
      clients: { type: 'integer', description: 'How many ExchangeClients may hand out tokens for it now.' },
    },
    columns: [
      { name: 'Audience', type: 'string', jsonPath: '.spec.audience' },
      { name: 'Clients', type: 'integer', jsonPath: '.status.clients' },
      ready,
      age,
      reason,
    ],
  },
} as const satisfies Record<KindName, KindDefinition>;

export const kindNames = Object.keys(kinds) as readonly KindName[];

/** Whether a name is that of one of Cambio's kinds. */
export function isKind(name: string): name is KindName {
  return Object.hasOwn(kinds, name);
}
