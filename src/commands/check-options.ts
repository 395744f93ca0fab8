// The options of `cambio check`.
import { duration, flag, hosts, issuerURL, list, oneOf, text } from './option-values.ts';
import type { Options, ReadValue, Values } from './read-options.ts';

/** What is supposed where nothing is said. Never more than a small installation in a cluster has. */
export const supposed = {
  issuer: 'https://cambio.example.com',
  'cluster-issuer': 'https://kubernetes.default.svc.cluster.local',
  'trusted-namespaces': ['cambio-system'],
} as const;

/** A moment: RFC 3339, or seconds since the epoch as a token has them. In seconds. */
const moment: ReadValue<number> = (value) => {
  const seconds = /^[0-9]{1,12}(\.[0-9]+)?$/.test(value) ? Number(value) : /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(value) ? Date.parse(value) / 1000 : NaN;
  if (!Number.isFinite(seconds)) throw new Error('must be a time such as 2027-01-15T08:00:00Z, or seconds since 1970');
  return seconds;
};

/** Cambio's issuer URL. Who gives a name means an issuer of tokens. */
const ownIssuer: ReadValue<string> = (value) => {
  if (/^[a-z0-9.-]+$/.test(value)) throw new Error('is Cambio\'s own URL, as in cambio serve (the TrustedIssuer of --claims is named by --trusted-issuer)');
  return issuerURL(value);
};

export const checkOptions = {
  output: { value: 'FORMAT', help: 'text, json, or github (annotations of a GitHub workflow).', read: oneOf('text', 'json', 'github'), fallback: 'text' },
  issuer: { value: 'URL', help: `Cambio's own issuer URL, as in cambio serve. Default: ${supposed.issuer}.`, read: ownIssuer },
  'cluster-issuer': { value: 'URL', help: `What the API server calls itself in its tokens. Default: ${supposed['cluster-issuer']}.`, read: text },
  'cluster-audiences': { value: 'NAMES', help: 'What the API server takes for its own audiences besides that, separated by commas.', read: list },
  'trusted-namespaces': { value: 'NAMES', help: 'Namespaces whose ExchangeClients are an administrator\'s, separated by commas. Default: cambio-system.', read: list },
  'reserved-audiences': { value: 'AUDIENCES', help: 'As in cambio serve: audiences that no ExchangeClient outside the trusted namespaces may hand out.', read: list },
  'max-lifetime': { value: 'DURATION', help: 'As in cambio serve.', read: duration('60s', '24h'), fallback: '1h' },
  'default-signing-algorithm': { value: 'ALG', help: 'As in cambio serve.', read: oneOf('ES256', 'RS256'), fallback: 'ES256' },
  server: { help: 'Check what is in the cluster of the kubeconfig, rather than files. It is only read.', read: flag, fallback: 'false', variable: false },
  kubeconfig: { value: 'FILE', help: 'For --server. Default: $KUBECONFIG, else ~/.kube/config.', read: text },
  context: { value: 'NAME', help: 'For --server: a context of the kubeconfig. Default: its current one.', read: text, variable: false },
  token: { value: 'FILE', help: 'Ask about a token: print each check of the decision, and the claims that would be issued. - is standard input.', read: text, variable: false },
  claims: { value: 'FILE', help: 'Ask about a token with these claims (a JSON object). iss, aud, iat and exp are filled in where they are missing.', read: text, variable: false },
  'fetch-keys': { help: 'Fetch the keys of issuers from the network, as cambio serve does. Alone: can all of them be had? With --token its signature is verified with those of its issuer; without this it is supposed to be good where the keys don\'t stand in the manifest.', read: flag, fallback: 'false', variable: false },
  'allowed-issuer-hosts': { value: 'HOSTS', help: 'As in cambio serve, for --fetch-keys.', read: hosts },
  'trusted-issuer': { value: 'NAME', help: 'The TrustedIssuer that is supposed to have signed the token. Needed only where it can\'t be told.', read: text, variable: false },
  client: { value: 'NAMESPACE/NAME', help: 'The client that asks. Needed only where there are several.', read: text, variable: false },
  audience: { value: 'AUDIENCE', help: 'The target that is asked for. Default: the client\'s default target.', read: text, variable: false },
  resource: { value: 'URI', help: 'The target, named by its URI.', read: text, variable: false },
  scope: { value: 'SCOPES', help: 'The scopes that are asked for, separated by spaces.', read: text, variable: false },
  'subject-token-type': { value: 'TYPE', help: 'What the token is said to be: jwt, id_token or access_token. Default: access_token for an at+jwt, else jwt.', read: text, variable: false },
  'requested-token-type': { value: 'TYPE', help: 'access_token, jwt or id_token. Default: what the target gives.', read: text, variable: false },
  at: { value: 'TIME', help: 'The moment of the request. Default: now.', read: moment, variable: false },
} as const satisfies Options;

export type CheckOptions = Values<typeof checkOptions>;

export const checkUsage = {
  operands: 'PATH...',
  more: `PATH is a file or a directory of manifests (YAML or JSON), or - for standard input. Documents of
other kinds are passed over. No network is asked, save the API server with --server, and
issuers with --fetch-keys.

Examples:
  cambio check policy/
      Every mistake with file, line and column, and what becomes of each object.
  helm template charts/policy | cambio check -
      The same for what a template makes.
  cambio check policy/ --output github
      The same as annotations on a pull request.
  cambio check policy/ --claims ci.json --client payments/deployer --audience kubernetes-prod
      Would this job get a token, and with which claims? Each check says yes or no.
  cambio check policy/ --token token.jwt --client payments/deployer --at 2027-01-15T08:00:00Z
      Why was this token refused this morning?
  cambio check policy/ --fetch-keys
      Can the keys of all issuers be had from here?
  cambio check --server
      What is wrong in the cluster of the kubeconfig.

Exit code: 0 all is well, or the token is granted; 1 there are problems, or it is denied; 2 it could
not run. Warnings change no exit code.
`,
} as const;

/** What can't be given together. @returns the mistakes, each a sentence */
export function mistakesIn(options: CheckOptions, paths: readonly string[]): string[] {
  const { server, token, claims } = options;
  const mistakes: string[] = [];
  if (server && paths.length > 0) mistakes.push('--server: takes the manifests from the cluster, and files are named too; check one or the other');
  if (!server && paths.length === 0) mistakes.push('PATH: name a file or a directory with manifests, - for standard input, or --server');
  // It is not shown again: what stands here may be a token that is still good.
  if (token !== undefined && looksLikeToken(token)) mistakes.push('--token: must be a file, or - for standard input, and looks like a token itself; on a command line every process can read it');
  if (token !== undefined && claims !== undefined) mistakes.push('--token and --claims: ask about one of them');
  if ([...paths, token, claims].filter((name) => name === '-').length > 1) mistakes.push('-: standard input can be read for one thing only');
  if (options['fetch-keys'] && claims !== undefined) mistakes.push('--fetch-keys and --claims: claims alone have no signature that a key could verify; ask about a token, or leave one of them out');
  const asking = token !== undefined || claims !== undefined;
  const idle = asking ? [] : (['trusted-issuer', 'client', 'audience', 'resource', 'scope', 'subject-token-type', 'requested-token-type', 'at'] as const).filter((name) => options[name] !== undefined);
  for (const name of idle) mistakes.push(`--${name}: says something about a token; ask about one with --token or --claims`);
  if (!server && options.context !== undefined) mistakes.push('--context: is for --server');
  return mistakes;
}

const looksLikeToken = (file: string): boolean => file.startsWith('eyJ') || file.length > 4096;
