// What Cambio says of itself (RFC 8414, OpenID Connect Discovery 1.0): only what really works.
import { tokenExchangeGrant } from '../exchange/read-exchange-request.ts';

/** The path of the issuer URL, without a slash at its end: all endpoints stand below it. */
export function basePath(issuerURL: string): string {
  return new URL(issuerURL).pathname.replace(/\/$/, '');
}

/** Where the documents and endpoints stand. RFC 8414 puts its name between host and path; OpenID Connect below the path. */
export function paths(issuerURL: string) {
  const base = basePath(issuerURL);
  return {
    token: `${base}/token`,
    clients: `${base}/clients`,
    jwks: `${base}/jwks`,
    openidConfiguration: `${base}/.well-known/openid-configuration`,
    authorizationServer: `/.well-known/oauth-authorization-server${base}`,
  };
}

/**
 * The metadata document; both well-known URLs serve the same.
 * @param jwksURI where the keys are served, if not by this server
 */
export function metadata(issuerURL: string, jwksURI?: string) {
  const { origin } = new URL(issuerURL);
  const { token, jwks } = paths(issuerURL);
  return {
    issuer: issuerURL,
    token_endpoint: origin + token,
    jwks_uri: jwksURI ?? origin + jwks,
    grant_types_supported: [tokenExchangeGrant],
    token_endpoint_auth_methods_supported: ['none'],
    // Required (RFC 8414 §2) and not to be empty (§3.2), though there is no authorization endpoint: docs/decisions/0020.
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256', 'RS256'],
  };
}
