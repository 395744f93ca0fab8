// The admin port: probes. `?verbose` names what is wrong, issuers without keys among it; no policy, and nothing of a token.
import type { RequestListener, ServerResponse } from 'node:http';
import express, { type Request, type Response } from 'express';
import { pathOf } from './request-path.ts';

/** One thing that readiness looks at. `detail` says what is wrong; undefined if all is well. */
export type ReadinessCheck = {
  name: string;
  /** false: it is shown in `?verbose`, and does not turn readiness red. */
  gates: boolean;
  detail: () => string | undefined;
};

/** Makes the handler of the admin port. */
export function createAdminApp(checks: readonly ReadinessCheck[]): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.get('/livez', (_request, response) => void response.type('text/plain').send('ok\n'));
  app.get('/readyz', (request, response) => answerReadiness(checks, request, response));
  app.use((_request, response) => answerNotFound(response));
  // What has no path is nothing that express should try to read.
  return (request, response) => (pathOf(request.url ?? '') === undefined ? answerNotFound(response) : app(request, response));
}

function answerNotFound(response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('not found\n');
}

function answerReadiness(checks: readonly ReadinessCheck[], request: Request, response: Response): void {
  const results = checks.map((check) => ({ ...check, failure: check.detail() }));
  const ready = results.every(({ gates, failure }) => !gates || failure === undefined);
  const lines = results.map(({ name, gates, failure }) => {
    if (failure === undefined) return `[+] ${name} ok`;
    return `[-] ${name}: ${failure}${gates ? '' : ' (readiness does not depend on it)'}`;
  });
  const summary = ready ? 'ok' : 'not ready';
  const body = 'verbose' in request.query || !ready ? [...lines, summary] : [summary];
  response.status(ready ? 200 : 503).set('Cache-Control', 'no-store').type('text/plain').send(`${body.join('\n')}\n`);
}
