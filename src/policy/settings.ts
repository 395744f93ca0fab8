// What the policy needs to know besides the manifests: given once, when the process starts.
import type { RunExamples } from './examples.ts';

export type PolicySettings = {
  /** Cambio's own issuer URL. */
  issuerURL: string;
  /** Whether ExchangeClients of this namespace are an administrator's. */
  isTrustedNamespace: (namespace: string) => boolean;
  /** Audiences that are never granted outside the trusted namespaces, besides Cambio's own issuer URL and those of API servers. */
  reservedAudiences: readonly string[];
  runExamples: RunExamples;
  /** true: every Namespace is told, so of one that was not told yet nothing is known. Else one that was not told has its name and no other label. */
  namespacesAreTold?: boolean;
  /** The cluster that manifests come from; absent for a directory. */
  cluster?: {
    /** What the API server calls itself in the tokens that it signs, if it told. */
    issuerURL: string | undefined;
    /** Audiences that the API server takes for its own, as far as Cambio found them. */
    audiences: readonly string[];
  };
};
