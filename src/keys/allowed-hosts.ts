// Which hosts keys may be fetched from, where an administrator has said so (--allowed-issuer-hosts).

/** Whether a host of a URL, as `URL.hostname` has it, may be fetched from. */
export type IsAllowedHost = (hostname: string) => boolean;

/** What an entry may be: a host as a URL has it, in lower case, or `*.` and a domain for every host below that. */
export function isHostEntry(entry: string): boolean {
  const host = entry.startsWith('*.') ? entry.slice(2) : entry;
  return !host.includes('*') && URL.canParse(`https://${host}/`) && new URL(`https://${host}/`).hostname === host;
}

/** @param entries undefined: every host */
export function allowHosts(entries: readonly string[] | undefined): IsAllowedHost {
  if (entries === undefined) return () => true;
  const exact = new Set(entries.filter((entry) => !entry.startsWith('*.')));
  const suffixes = entries.filter((entry) => entry.startsWith('*.')).map((entry) => entry.slice(1));
  return (hostname) => exact.has(hostname) || suffixes.some((suffix) => hostname.endsWith(suffix) && hostname.length > suffix.length);
}
