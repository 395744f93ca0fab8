// The options of `cambio serve`.
import type { CertificateFiles } from '../files/certificate-files.ts';
import { address, duration, flag, hosts, isLoopback, issuerURL, list, oneOf, publicURL, text, wholeNumber, type Address } from './option-values.ts';
import type { Proxy } from './proxy.ts';
import type { Options, Values } from './read-options.ts';

export const serveOptions = {
  issuer: { value: 'URL', help: 'Cambio\'s own issuer URL: `iss` of what it issues, and where the world reaches it. Required, save with --config-dir on loopback: then the URL of --listen.', read: issuerURL },
  listen: { value: 'HOST:PORT', help: 'Where tokens are exchanged.', read: address, fallback: '127.0.0.1:8080' },
  'tls-cert-file': { value: 'FILE', help: 'Serve tokens by https with this certificate (PEM: the server\'s own first, then those above it). Read again when it changes.', read: text },
  'tls-key-file': { value: 'FILE', help: 'The private key of that certificate (PEM, not encrypted).', read: text },
  'jwks-uri': { value: 'URL', help: 'Where verifiers find the public keys, if not at /jwks below the issuer.', read: publicURL },
  'admin-listen': { value: 'HOST:PORT', help: 'Where probes are answered.', read: address, fallback: '127.0.0.1:9090' },
  'config-dir': { value: 'DIR', help: 'Read manifests from this directory, and watch it. No cluster is needed then.', read: text },
  kubeconfig: { value: 'FILE', help: 'Read manifests from the API server of this kubeconfig. Default: $KUBECONFIG, else the in-cluster configuration.', read: text },
  namespace: { value: 'NAME', help: 'Cambio\'s own namespace. Default: the pod\'s, with a kubeconfig that of its context, else cambio-system.', read: text },
  'trusted-namespaces': { value: 'NAMES', help: 'Namespaces whose ExchangeClients are an administrator\'s, separated by commas. Default: Cambio\'s own; with --config-dir all.', read: list },
  'reserved-audiences': { value: 'AUDIENCES', help: 'Audiences that no ExchangeClient outside the trusted namespaces may hand out, whatever a TargetService says, separated by commas. Always among them: the issuer URL, and the audiences of the API server.', read: list },
  'signing-keys-dir': { value: 'DIR', help: 'Keep the signing keys in this directory (they are made there, mode 0600). Default: in memory, and gone with the process.', read: text },
  'default-signing-algorithm': { value: 'ALG', help: 'ES256 or RS256.', read: oneOf('ES256', 'RS256'), fallback: 'ES256' },
  'max-lifetime': { value: 'DURATION', help: 'No issued token lives longer, whatever a manifest says.', read: duration('60s', '24h'), fallback: '1h' },
  'token-review-cache': { value: 'DURATION', help: 'For how long the answer of a TokenReview is reused; 0s for never.', read: duration('0s', '60s'), fallback: '10s' },
  'allowed-issuer-hosts': { value: 'HOSTS', help: 'Keys of issuers are fetched from these hosts and no others, separated by commas; *.example.com is every host below example.com. Default: every public one. Required where HTTPS_PROXY is set: addresses can\'t be checked through a proxy.', read: hosts },
  'max-key-staleness': { value: 'DURATION', help: 'How old published keys may get that are used while new ones can\'t be had.', read: duration('5m', '720h'), fallback: '24h' },
  'max-requests-in-flight': { value: 'N', help: 'More requests at once are answered with 503.', read: wholeNumber(1, 100_000), fallback: '1000' },
  'explain-denials': { help: 'Tell callers exactly why they are denied. For learning and testing, never for production.', read: flag, fallback: 'false' },
  'log-level': { value: 'LEVEL', help: 'debug, info, warn or error; the log goes to standard error.', read: oneOf('debug', 'info', 'warn', 'error'), fallback: 'info' },
  'audit-log': { value: 'FILE', help: 'Where the audit log goes: stdout, or a file.', read: text, fallback: 'stdout' },
} as const satisfies Options;

export type ServeOptions = Values<typeof serveOptions>;

/** What follows from the options together, and from the proxy of the environment. @returns the mistakes, and the issuer */
export function checkServeOptions(options: ServeOptions, proxy?: Proxy): { issuerURL: string; mistakes: string[] } {
  const mistakes: string[] = [];
  const { issuer, listen } = options;
  const tls = tlsFiles(options);
  const fallback = options['config-dir'] === undefined ? undefined : loopbackURL(tls === undefined ? 'http' : 'https', listen);
  if (tls === undefined && (options['tls-cert-file'] ?? options['tls-key-file']) !== undefined) mistakes.push('--tls-cert-file and --tls-key-file: one is of no use without the other');
  if (options['config-dir'] !== undefined && options.kubeconfig !== undefined) mistakes.push('--config-dir and --kubeconfig: only one of them can be the source of the manifests');
  if (issuer === undefined && fallback === undefined) mistakes.push('--issuer: is required: the URL at which the world reaches Cambio, such as https://cambio.example.com');
  if (proxy !== undefined && options['allowed-issuer-hosts'] === undefined) {
    mistakes.push('--allowed-issuer-hosts: is required where HTTPS_PROXY is set: the address that a proxy connects to can not be checked');
  }
  return { issuerURL: issuer ?? fallback ?? '', mistakes };
}

/** The files of the public port's certificate; undefined if it has none. */
export function tlsFiles(options: ServeOptions): CertificateFiles | undefined {
  const { 'tls-cert-file': certFile, 'tls-key-file': keyFile } = options;
  return certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile };
}

/** Where a server is reached on this machine, in the normal form; undefined if it can't be told or is not on loopback. */
function loopbackURL(scheme: 'http' | 'https', { host, port }: Address): string | undefined {
  const written = host.includes(':') ? `[${host}]` : host;
  return port !== 0 && isLoopback(written) ? new URL(`${scheme}://${written}:${port}`).origin : undefined;
}
