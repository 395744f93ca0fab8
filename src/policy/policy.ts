// What the server believes now: plain data that a request reads and nothing changes.
import type { PublicKey } from './public-key.ts';

/** How tokens of an issuer are verified, with what that way needs. */
export type Verification =
  | { method: 'discovery'; discoveryURL: string | undefined; fetch: FetchRules }
  | { method: 'jwksURL'; url: string; fetch: FetchRules }
  | { method: 'jwks'; keys: readonly PublicKey[] }
  | { method: 'tokenReview'; cluster: ClusterRef }
  | { method: 'kubernetesDiscovery'; cluster: ClusterRef };

/** What holds for every fetch of an issuer's documents. */
export type FetchRules = {
  /** Certificates in PEM that are trusted instead of the system's. */
  certificateAuthority: string | undefined;
  /** Loopback, private and link-local addresses may be connected to. */
  allowPrivateAddresses: boolean;
};

/** The name of the Secret that says which other cluster is meant; undefined is the one that Cambio runs in. */
export type ClusterRef = string | undefined;

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
  /** More than one TrustedIssuer has this URL: `iss` alone does not say which one is meant. */
  urlShared: boolean;
};

/** A ServiceAccount that an ExchangeClient names. */
export type ServiceAccountRef = { namespace: string; name: string; uid: string | undefined };

/** An entry of spec.subjects whose issuer is in force. */
export type SubjectRule = {
  /** Where it stands, for people: `subjects[0]`. */
  field: string;
  issuer: Issuer;
} & ({ match: 'subject'; subject: string } | { match: 'serviceAccounts'; serviceAccounts: readonly ServiceAccountRef[] });

export type TokenTypeName = 'access_token' | 'jwt' | 'id_token';

/** An entry of spec.targets. */
export type Target = {
  audience: string;
  scopes: readonly string[];
  defaultScopes: readonly string[];
  tokenTypes: readonly TokenTypeName[];
  lifetimeSeconds: number;
};

/** How a client proves who it is. */
export type ClientAuthentication = { method: 'none' };

/** An ExchangeClient in force. Its client_id is `<namespace>/<name>`, always. */
export type Client = {
  id: string;
  namespace: string;
  name: string;
  authentication: ClientAuthentication;
  subjects: readonly SubjectRule[];
  /** The issuers of `subjects` by their URL: the only ones that a token of this client is tried against. */
  issuersByURL: ReadonlyMap<string, readonly Issuer[]>;
  targets: ReadonlyMap<string, Target>;
  defaultTarget: Target | undefined;
};

/** One state of the policy. A request takes one at its start and uses it to its end. */
export type PolicySnapshot = {
  /** Everything has been listed once. Before that nothing can be decided. */
  complete: boolean;
  /** The TrustedIssuers in force, by name. */
  issuers: ReadonlyMap<string, Issuer>;
  clients: ReadonlyMap<string, Client>;
};
