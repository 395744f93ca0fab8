// Where a request goes, without its query.

/** The path of a request, as it is written: in the origin form, or in the absolute form that a proxy is sent (RFC 9112 §3.2); undefined if there is none. */
export function pathOf(url: string): string | undefined {
  if (!url.startsWith('/')) return URL.parse(url)?.pathname;
  const question = url.indexOf('?');
  return question < 0 ? url : url.slice(0, question);
}
