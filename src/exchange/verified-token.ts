// A token that has been verified: whose it is, what it says, and how long it is good.
import { isObject } from '../manifests/read-object.ts';
import type { Issuer } from '../policy/policy.ts';
import type { JsonObject } from './strict-json.ts';

/** A ServiceAccount as its token names it. */
export type ServiceAccount = { namespace: string; name: string; uid: string | undefined };

export type VerifiedToken = {
  issuer: Issuer;
  /** The claim `sub`. */
  sub: string;
  claims: JsonObject;
  /** The claim `exp`, in seconds since the epoch. */
  exp: number;
  /** For issuers whose tokens are ServiceAccount tokens. */
  serviceAccount: ServiceAccount | undefined;
};

/** The name of the claim in which a ServiceAccount token says what it is bound to. */
export const kubernetesClaim = 'kubernetes.io';

const serviceAccountName = /^system:serviceaccount:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?):([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/;

/** Reads `system:serviceaccount:<namespace>:<name>`; undefined if it is anything else. */
export function parseServiceAccountName(user: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = serviceAccountName.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/**
 * What was verified, put together: of an issuer whose tokens are ServiceAccount tokens it names one, the same in `sub` and in
 * `kubernetes.io`. @returns a sentence if it does not
 */
export function verifiedToken({ issuer, sub, claims, exp }: Omit<VerifiedToken, 'serviceAccount'>): VerifiedToken | string {
  const serviceAccount = issuer.kubernetes ? serviceAccountOf(sub, claims) : undefined;
  if (issuer.kubernetes && serviceAccount === undefined) return `sub and the claim ${kubernetesClaim} do not name one ServiceAccount`;
  return { issuer, sub, claims, exp, serviceAccount };
}

/** The ServiceAccount in `kubernetes.io`, if `sub` says the same; undefined if the token is not a ServiceAccount's. */
export function serviceAccountOf(sub: string, claims: JsonObject): ServiceAccount | undefined {
  const bound = claims[kubernetesClaim];
  const account = isObject(bound) ? bound['serviceaccount'] : undefined;
  if (!isObject(bound) || !isObject(account)) return undefined;
  const named = parseServiceAccountName(sub);
  if (named === undefined || named.namespace !== bound['namespace'] || named.name !== account['name']) return undefined;
  return { ...named, uid: typeof account['uid'] === 'string' ? account['uid'] : undefined };
}
