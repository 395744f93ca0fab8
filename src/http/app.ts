// The public endpoints: token, metadata, keys. Whatever is not one of them is not there.
import type { RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Response } from 'express';
import { metadata, paths } from './metadata.ts';
import { pathOf } from './request-path.ts';
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

/** Makes the handler of the public port. What is asked thousands of times a second does not go through express. */
export function createApp({ issuerURL, jwksURI, jwks, token }: AppOptions): RequestListener {
  const at = paths(issuerURL);
  const published = createPublishedApp(issuerURL, metadata(issuerURL, jwksURI), jwks, token.onBug);
  const answerToken = tokenEndpoint(token);
  // Only what can be a name: anything else would have to be decoded first.
  const clientPath = new RegExp(`^${RegExp.escape(at.clients)}/([a-z0-9-]+)/([a-z0-9.-]+)/token$`);
  return (request, response) => {
    const path = pathOf(request.url ?? '');
    // What has no path is nothing that express should try to read.
    if (path === undefined) return answerNotFound(response);
    const named = clientPath.exec(path);
    if (path !== at.token && named === null) return published(request, response);
    const clientId = named === null ? undefined : `${named[1]}/${named[2]}`;
    answerToken(request, response, clientId).catch((error: unknown) => answerBug(error, response, token.onBug));
  };
}

/** Makes the express app for what everybody may read, and for what is not there. */
function createPublishedApp(issuerURL: string, document: object, jwks: () => object, onBug: TokenEndpointOptions['onBug']): RequestListener {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', 'strong');
  const at = paths(issuerURL);
  app.get(exactly(at.openidConfiguration), (_request, response) => publish(response, document));
  app.get(exactly(at.authorizationServer), (_request, response) => publish(response, document));
  app.get(exactly(at.jwks), (_request, response) => publish(response, jwks(), 'application/jwk-set+json'));
  app.use((_request, response) => answerNotFound(response));
  app.use(((error, _request, response, _next) => answerBug(error, response, onBug)) satisfies ErrorRequestHandler);
  return app;
}

function answerNotFound(response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'application/json; charset=utf-8' }).end('{"error":"not_found"}');
}

/** Answers for a bug outside of the exchange, such as an audit log that can't be written: nothing of it is shown. */
function answerBug(error: unknown, response: ServerResponse, onBug: TokenEndpointOptions['onBug']): void {
  onBug(error, undefined);
  if (response.headersSent) response.destroy();
  else response.writeHead(500, { 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8' }).end('{"error":"server_error"}');
}

/** A path as it is: an issuer's path may hold characters that mean something in a route. */
const exactly = (path: string): RegExp => new RegExp(`^${RegExp.escape(path)}$`);

function publish(response: Response, document: object, type = 'application/json'): void {
  response
    .set({ 'Cache-Control': `public, max-age=${publishedMaxAgeSeconds}`, 'Access-Control-Allow-Origin': '*' })
    .type(type)
    .send(JSON.stringify(document));
}
