// What the server believes now: plain data that a request reads and nothing changes.
import type { AllowedNamespaces } from '../manifests/namespace-selection.ts';
import type { Labels } from '../manifests/read-namespace.ts';
import type { Reasons } from './conditions.ts';
import type { CompiledExpression } from './expressions.ts';
import type { ImmutableMap } from './immutable-map.ts';
import type { SubjectPattern } from './match-subject-pattern.ts';
import type { PublicKey } from './public-key.ts';

/** How tokens of an issuer are verified, with what that way needs. */
export type Verification =
  | { method: 'discovery'; discoveryURL: string | undefined; fetch: FetchRules }
  | { method: 'jwksURL'; url: string; fetch: FetchRules }
  | { method: 'jwks'; keys: readonly PublicKey[] }
  | ({ method: 'tokenReview' } & AskedCluster)
  | ({ method: 'kubernetesDiscovery' } & AskedCluster);

/** What holds for every fetch of an issuer's documents. */
export type FetchRules = {
  /** Certificates in PEM that are trusted instead of the system's. */
  certificateAuthority: string | undefined;
  /** Loopback, private and link-local addresses may be connected to. */
  allowPrivateAddresses: boolean;
};

/** The name of the Secret that says which other cluster is meant; undefined is the one that Cambio runs in. */
export type ClusterRef = string | undefined;

/** The cluster whose API server is asked. */
export type AskedCluster = {
  cluster: ClusterRef;
  /** Of another cluster: `identity` of what was known of it. Undefined while its Secret can't be used, and then it can't be asked. */
  identity: string | undefined;
};

/** What is known of another cluster from its Secret. */
export type ClusterFacts = {
  /** Another one with every change of the Secret: what failed before may go well now. */
  revision: string;
  /**
   * Another one as soon as the Secret may mean another cluster: what was remembered of the one before counts no longer.
   * Undefined if the Secret can't be used.
   */
  identity: string | undefined;
  /** Audiences that its API server takes for its own, as far as Cambio found them. */
  audiences: readonly string[];
};

/** A TrustedIssuer in force. */
export type Issuer = {
  /** metadata.name. */
  name: string;
  /** Changes with every change of the object: what was remembered of an older one no longer counts. */
  revision: string;
  /** Compared with `iss` code point by code point. */
  url: string;
  audiences: ReadonlySet<string>;
  /** A token with one of these is refused: it could be used against the API server. */
  apiServerAudiences: ReadonlySet<string>;
  verification: Verification;
  algorithms: ReadonlySet<string>;
  maxTokenLifetimeSeconds: number;
  clockSkewSeconds: number;
  subjectPrefix: string;
  /** Its tokens are ServiceAccount tokens of some cluster. */
  kubernetes: boolean;
  /** That cluster is the one that Cambio runs in, as far as can be told. */
  ownCluster: boolean;
  claimValidationRules: readonly ClaimValidationRule[];
  allowedNamespaces: AllowedNamespaces | undefined;
  /** Outside the trusted namespaces a ServiceAccount's token is for clients in its own namespace only. */
  sameNamespace: boolean;
  /** More than one TrustedIssuer has this URL: `iss` alone does not say which one is meant. */
  urlShared: boolean;
};

/** An expression that must be true. */
export type ExpressionRule = {
  /** Where it stands, for people: `subjects[0].conditions[1]`. */
  field: string;
  expression: CompiledExpression;
  /** What its author says where it does not hold. */
  message: string | undefined;
};

/** A rule about the claims of every token of an issuer. */
export type ClaimValidationRule = { field: string; claim: string; requiredValue: string; expression?: never } | ExpressionRule;

/** A TargetService in force: who may hand out its audience, and within which limits. */
export type TargetService = {
  /** metadata.name. */
  name: string;
  audience: string;
  scopes: ReadonlySet<string>;
  allowedNamespaces: AllowedNamespaces | undefined;
  maxLifetimeSeconds: number;
  mayOutliveSubjectToken: boolean;
  signingAlgorithm: 'ES256' | 'RS256' | undefined;
  /** Clients outside the trusted namespaces may replace `sub`. */
  subjectMapping: boolean;
  /** The claims that such clients may set, with the rule for each. */
  claims: ReadonlyMap<string, ExpressionRule>;
  allowSystemNames: boolean;
  tokenValidationRules: readonly ExpressionRule[];
};

/** A ServiceAccount that an ExchangeClient names. */
export type ServiceAccountRef = { namespace: string; name: string; uid: string | undefined };

/** Which tokens of the issuer an entry of spec.subjects means, before its conditions. */
export type SubjectMatch =
  | { match: 'subject'; subject: string }
  | { match: 'subjectPattern'; pattern: SubjectPattern }
  | { match: 'serviceAccounts'; serviceAccounts: readonly ServiceAccountRef[] }
  | { match: 'any' };

/** An entry of spec.subjects whose issuer is in force. */
export type SubjectRule = {
  /** Where it stands, for people: `subjects[0]`. */
  field: string;
  issuer: Issuer;
  /** All of them must be true. */
  conditions: readonly ExpressionRule[];
} & SubjectMatch;

export type TokenTypeName = 'access_token' | 'jwt' | 'id_token';

/** What a client puts into issued tokens. */
export type ClaimMappings = {
  /** Replaces `sub`. */
  subject: { field: string; expression: CompiledExpression } | undefined;
  claims: readonly { field: string; name: string; expression: CompiledExpression }[];
};

/** An entry of spec.targets that may be handed out. */
export type Target = {
  audience: string;
  scopes: readonly string[];
  defaultScopes: readonly string[];
  tokenTypes: readonly TokenTypeName[];
  lifetimeSeconds: number;
  mappings: ClaimMappings;
  /** What the owner of the audience says, if a TargetService names it. */
  service: TargetService | undefined;
};

/** An entry of an ExchangeClient that leads nowhere, and why. */
export type InertEntry = {
  reason: Exclude<Reasons['ResolvedRefs'], 'Resolved'>;
  /** Names the field. */
  message: string;
  /** What it would have been for: the URL of an issuer, or an audience. */
  issuerURL?: string | undefined;
  audience?: string;
  isDefault?: boolean;
};

/** How a client proves who it is. */
export type ClientAuthentication = { method: 'none' };

/** An ExchangeClient in force. Its client_id is `<namespace>/<name>`, always. */
export type Client = {
  id: string;
  namespace: string;
  name: string;
  /** Its namespace is an administrator's. */
  trusted: boolean;
  /** Undefined where it can't be told which ones it has: an expression that looks at them fails then. */
  namespaceLabels: Labels | undefined;
  authentication: ClientAuthentication;
  subjects: readonly SubjectRule[];
  /** The issuers of `subjects` by their URL: the only ones that a token of this client is tried against. */
  issuersByURL: ReadonlyMap<string, readonly Issuer[]>;
  targets: ReadonlyMap<string, Target>;
  defaultTarget: Target | undefined;
  /** What a request is not told, and the audit log is: why an entry does not work. */
  inert: readonly InertEntry[];
};

/** One state of the policy. A request takes one at its start and uses it to its end. */
export type PolicySnapshot = {
  /** Everything has been listed once. Before that nothing can be decided. */
  complete: boolean;
  /** The TrustedIssuers whose keys matter, by name: those in force, and those that would be if their keys were published. */
  issuers: ReadonlyMap<string, Issuer>;
  clients: ImmutableMap<Client>;
  /** Of the other ExchangeClients, why they are not in force: what a caller is not told, and the audit log is. */
  clientsOff: ImmutableMap<string>;
};
