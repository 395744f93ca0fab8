// The proxy through which keys of issuers are fetched, as the environment names it.

/** `except` is the text of NO_PROXY. */
export type Proxy = { url: string; except: string };

/** Reads HTTPS_PROXY and NO_PROXY, in capitals or not. @returns the proxy if there is one, or a mistake */
export function readProxy(env: Readonly<Record<string, string | undefined>>): { proxy: Proxy | undefined; mistake?: never } | { proxy?: never; mistake: string } {
  const given = env['HTTPS_PROXY'] || env['https_proxy'] || '';
  const except = env['NO_PROXY'] || env['no_proxy'] || '';
  if (given === '' || except.trim() === '*') return { proxy: undefined };
  const url = URL.parse(given.includes('://') ? given : `http://${given}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return { mistake: 'HTTPS_PROXY: must be an http or https URL, such as http://proxy.example.com:3128' };
  return { proxy: { url: url.href, except } };
}
