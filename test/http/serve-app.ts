// The public app on a free port, with an exchange that each test chooses.
import { createApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/listen.ts';
import type { TokenEndpointOptions } from '../../src/http/token-endpoint.ts';
import type { AuditRecord } from '../../src/exchange/audit-record.ts';
import type { TokenResponse } from '../../src/exchange/issue-token.ts';

export type Served = {
  url: string;
  /** What was audited so far. */
  audit: AuditRecord[];
  /** What was reported as a bug so far, with the id of its request. */
  bugs: { error: unknown; requestId: string | undefined }[];
  close: () => Promise<void>;
};

export const granted: TokenResponse = { access_token: 'issued', issued_token_type: 'urn:ietf:params:oauth:token-type:jwt', token_type: 'Bearer', expires_in: 60 };

/** Serves the app. What is not given does the plainest thing that works. */
export async function serveApp({ issuerURL = 'https://cambio.example.com', jwksURI, jwks = () => ({ keys: [] }), ...given }: Partial<TokenEndpointOptions> & { issuerURL?: string; jwksURI?: string; jwks?: () => object } = {}): Promise<Served> {
  const audit: AuditRecord[] = [];
  const bugs: Served['bugs'] = [];
  let ids = 0;
  const token: TokenEndpointOptions = {
    exchange: async (_request, record) => {
      record.outcome = 'issued';
      return granted;
    },
    audit: async (record) => void audit.push(record),
    onBug: (error, requestId) => bugs.push({ error, requestId }),
    newId: () => `id-${++ids}`,
    monotonic: () => 0,
    maxRequestsInFlight: 100,
    explainDenials: false,
    ...given,
  };
  const server = await listen({ host: '127.0.0.1', port: 0 }, createApp({ issuerURL, jwksURI, jwks, token }));
  return { url: server.url, audit, bugs, close: () => server.close(1000) };
}

/** A form, posted. */
export const post = (url: string, body = 'a=b', headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body });

/** A promise, and what settles it. */
export const deferred = <T = void>(): PromiseWithResolvers<T> => Promise.withResolvers<T>();
