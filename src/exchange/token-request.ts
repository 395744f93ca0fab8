// What the HTTP server hands to the exchange: one request to the token endpoint, unread.

/** Header fields with a proof that is not checked: of a key (RFC 9449), or of the client's software. To ignore one would drop it. */
export const unsupportedHeaders = ['dpop', 'oauth-client-attestation', 'oauth-client-attestation-pop'] as const;

export type TokenRequest = {
  /** `<namespace>/<name>` if the path is /clients/<namespace>/<name>/token. */
  clientIdInPath: string | undefined;
  /** The part of the URL after `?`, without it; empty if there is none. */
  query: string;
  /** The header fields that mean something here. */
  contentType: string | undefined;
  authorization: string | undefined;
  /** One of unsupportedHeaders that is there. */
  unsupportedHeader: string | undefined;
  body: Uint8Array;
};
