// The public endpoints: token, metadata, keys. Whatever is not one of them is not there.
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import { metadata, paths } from './metadata.ts';
import { tokenEndpoint, type TokenEndpointOptions } from './token-endpoint.ts';

export type AppOptions = {
  issuerURL: string;
  /** Where the keys are served, if that is elsewhere. */
  jwksURI?: string | undefined;
  /** The JWK Set as it is published now. */
  jwks: () => object;
  token: TokenEndpointOptions;
};

/** For how long, in seconds, the keys and the metadata may be kept by who fetched them. */
export const publishedMaxAgeSeconds = 300;

/** Makes the express app of the public port. */
export function createApp({ issuerURL, jwksURI, jwks, token }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', 'strong');
  const at = paths(issuerURL);
  const answerToken = tokenEndpoint(token);
  app.all(exactly(at.token), answerToken);
  // Only what can be a name: anything else would have to be decoded first.
  app.all(new RegExp(`^${RegExp.escape(at.clients)}/([a-z0-9-]+)/([a-z0-9.-]+)/token$`), answerToken);
  const document = metadata(issuerURL, jwksURI);
  app.get(exactly(at.openidConfiguration), (_request, response) => publish(response, document));
  app.get(exactly(at.authorizationServer), (_request, response) => publish(response, document));
  app.get(exactly(at.jwks), (_request, response) => publish(response, jwks(), 'application/jwk-set+json'));
  app.use((_request, response) => void response.status(404).json({ error: 'not_found' }));
  app.use(lastResort(token.onBug));
  return app;
}

/** Answers for a bug outside of the exchange, such as an audit log that can't be written: Express would show the stack. */
function lastResort(onBug: TokenEndpointOptions['onBug']): ErrorRequestHandler {
  return (error, _request, response, next) => {
    onBug(error, undefined);
    if (response.headersSent) next(error);
    else response.status(500).set('Cache-Control', 'no-store').json({ error: 'server_error' });
  };
}

/** A path as it is: an issuer's path may hold characters that mean something in a route. */
const exactly = (path: string): RegExp => new RegExp(`^${RegExp.escape(path)}$`);

function publish(response: Response, document: object, type = 'application/json'): void {
  response
    .set({ 'Cache-Control': `public, max-age=${publishedMaxAgeSeconds}`, 'Access-Control-Allow-Origin': '*' })
    .type(type)
    .send(JSON.stringify(document));
}
