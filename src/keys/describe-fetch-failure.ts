// Says in a sentence why a fetch failed, in words that stay the same while the cause does: they end in a status.
import { maxConnectionBytes } from './guarded-connector.ts';

const causes: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host has no address',
  ENODATA: 'the host has no address',
  EBADNAME: 'the host has a name that there can not be',
  ESERVFAIL: 'the name server fails for this host',
  ETIMEOUT: 'the name server does not answer',
  ECANCELLED: 'the name server did not answer in time',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the host',
  UND_ERR_ABORTED: 'the proxy does not connect to the host',
  UND_ERR_PRX_CONN: 'the proxy cut the connection',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer',
  EMSGSIZE: `more than ${maxConnectionBytes / 1_048_576} MiB was sent for one document`,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer is not of the length that it says',
  UND_ERR_HEADERS_OVERFLOW: 'the header of the answer is too large',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host',
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is not signed by an authority that is trusted; see issuer.certificateAuthority',
};

/** @param error what a request was rejected with */
export function describeFetchFailure(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = typeof code === 'string' && Object.hasOwn(causes, code) ? causes[code] : undefined;
  if (known !== undefined) return known;
  // An AggregateError stands for several addresses that were tried; its first error says as much as all.
  const [first] = (error as { errors?: readonly unknown[] }).errors ?? [];
  if (first !== undefined) return describeFetchFailure(first);
  if (name === 'HTTPParserError') return 'the answer is not HTTP';
  if (typeof code === 'string' && /^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return `no encrypted connection came about (${code})`;
  return `it failed (${typeof code === 'string' ? code : String(name)})`;
}
