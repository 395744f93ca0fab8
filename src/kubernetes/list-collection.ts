// Lists a collection of an API server, page after page.
import type { ApiResponse, ApiServer } from './api-server.ts';

/** How many objects are asked for at once. */
const pageSize = 500;

export type ListOptions = {
  /** Which of its objects are meant, such as a labelSelector. Default: all. */
  query?: Readonly<Record<string, string>>;
  /** For each page, in milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
};

/** All objects of a collection, and the version at which they were so. */
export type Listed<T> = { items: T[]; resourceVersion: string; refusal?: never };

/** @returns what was listed, or the answer with which the API server refused a page. Rejects where no answer came */
export async function listCollection<T>(api: ApiServer, path: string, { query: selection, ...request }: ListOptions): Promise<Listed<T> | { items?: never; refusal: ApiResponse }> {
  const items: T[] = [];
  let resourceVersion = '';
  let next: string | undefined = '';
  while (next !== undefined) {
    const query = { ...selection, limit: String(pageSize), ...(next === '' ? {} : { continue: next }) };
    const response = await api.request({ method: 'GET', path, query, ...request });
    if (response.status !== 200) return { refusal: response };
    const page = response.body as { metadata: { resourceVersion: string; continue?: string }; items: T[] };
    items.push(...page.items);
    resourceVersion = page.metadata.resourceVersion;
    next = page.metadata.continue || undefined;
  }
  return { items, resourceVersion };
}
