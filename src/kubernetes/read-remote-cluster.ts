// Reads the Secret that describes another cluster: which API server, by which CA it is known, and what is shown to it.
import { createHash } from 'node:crypto';
import { isObject } from '../manifests/read-object.ts';
import { mistakeInCertificates } from '../policy/read-certificates.ts';
import type { KubeObject } from './reflector.ts';

/** Another cluster, as its Secret describes it. */
export type RemoteCluster = {
  /** An https URL. */
  server: string;
  /** Certificates in PEM: the only ones that its API server may be known by. */
  certificateAuthority: string;
  /** A bearer token. It goes to `server` and nowhere else. */
  token: string;
  /** The same as long as `server` and the certificates are: another one may be another cluster. */
  identity: string;
};

/** The longest values of a Secret that are looked at, in characters. */
export const maxLengths = { server: 512, 'ca.crt': 65_536, token: 16_384 } as const;

type Key = keyof typeof maxLengths;

/**
 * Reads a Secret with the keys `server`, `ca.crt` and `token`. Other keys mean nothing: what a kubeconfig may say, such
 * as a program to run or a file to read, has no place here.
 * @returns the cluster, or a sentence on what is wrong, which holds nothing of the values
 */
export function readRemoteCluster({ data }: KubeObject): RemoteCluster | string {
  const values = isObject(data) ? data : {};
  const server = read(values, 'server');
  if ('mistake' in server) return server.mistake;
  const authority = read(values, 'ca.crt');
  if ('mistake' in authority) return authority.mistake;
  const token = read(values, 'token');
  if ('mistake' in token) return token.mistake;
  if (!isServerURL(server.value)) return 'server must be the https URL of an API server, without user info, query or fragment';
  const broken = mistakeInCertificates(authority.value);
  if (broken !== undefined) return `ca.crt ${broken}`;
  if (!/^[!-~]+$/.test(token.value)) return 'token must be one line of printable ASCII characters';
  const identity = createHash('sha256').update(JSON.stringify([server.value, authority.value])).digest('base64url');
  return { server: server.value, certificateAuthority: authority.value, token: token.value, identity };
}

/** The text of a key; line breaks at its end, which editors and `echo` leave, don't count. */
function read(values: Record<string, unknown>, key: Key): { value: string } | { mistake: string } {
  const encoded = Object.hasOwn(values, key) ? values[key] : undefined;
  if (typeof encoded !== 'string' || encoded === '') return { mistake: `the key ${key} is missing` };
  const value = Buffer.from(encoded, 'base64').toString('utf8').trim();
  if (value === '') return { mistake: `${key} is empty` };
  if (value.length > maxLengths[key]) return { mistake: `${key} is longer than ${maxLengths[key]} characters` };
  return { value };
}

function isServerURL(text: string): boolean {
  if (!/^https:\/\/[!-~]+$/.test(text) || /[?#@\\]/.test(text) || !URL.canParse(text)) return false;
  return new URL(text).hostname !== '';
}
