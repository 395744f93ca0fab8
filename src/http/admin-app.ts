// The admin port: probes. Nothing here tells anything about a policy or a token.
import express, { type Express, type Request, type Response } from 'express';

/** One thing that readiness looks at. `detail` says what is wrong; undefined if all is well. */
export type ReadinessCheck = {
  name: string;
  /** false: it is shown in `?verbose`, and does not turn readiness red. */
  gates: boolean;
  detail: () => string | undefined;
};

/** Makes the express app of the admin port. */
export function createAdminApp(checks: readonly ReadinessCheck[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.get('/livez', (_request, response) => void response.type('text/plain').send('ok\n'));
  app.get('/readyz', (request, response) => answerReadiness(checks, request, response));
  app.use((_request, response) => void response.status(404).type('text/plain').send('not found\n'));
  return app;
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
