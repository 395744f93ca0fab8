// What the HTTP server hands to the exchange: one request to the token endpoint, unread.

export type TokenRequest = {
  /** A new id for each request: in the header Request-Id and in the audit record. */
  id: string;
  /** `<namespace>/<name>` if the path is /clients/<namespace>/<name>/token. */
  clientIdInPath: string | undefined;
  /** The part of the URL after `?`, without it; empty if there is none. */
  query: string;
  /** The header fields that mean something here. */
  contentType: string | undefined;
  authorization: string | undefined;
  /** There is a DPoP header field (RFC 9449). */
  hasDPoP: boolean;
  body: Uint8Array;
  /** Who connected, for the audit log. */
  sourceAddress: string;
};
