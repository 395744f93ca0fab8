// Step 2: which client asks, and whether it has proved who it is (RFC 6749 §2.3, §3.2.1).
import type { Client, ClientAuthentication, PolicySnapshot } from '../policy/policy.ts';
import { clipped } from './audit-record.ts';
import { OAuthError } from './oauth-error.ts';
import type { Form } from './parse-form.ts';
import type { TokenRequest } from './token-request.ts';

/** What a request shows of its client. */
export type ClientCredentials = {
  clientId: string | undefined;
  /** What it offers as a proof; `none` where it offers nothing. */
  proof: 'none' | 'client_secret' | 'client_assertion';
};

type Authenticate = (client: Client, credentials: ClientCredentials) => void;

/** One entry for each way to authenticate. An entry throws invalid_client where the proof does not hold. */
const methods = {
  none: (_client, { proof }) => {
    if (proof !== 'none') throw denied('the client does not authenticate, and the request offers a proof');
  },
} satisfies Record<ClientAuthentication['method'], Authenticate>;

/** Finds the client that a request names and authenticates it. Throws invalid_client. */
export function authenticateClient(credentials: ClientCredentials, policy: PolicySnapshot): Client {
  if (credentials.clientId === undefined) throw denied('the request names no client');
  const client = policy.clients.get(credentials.clientId);
  if (client === undefined) {
    const why = policy.clientsOff.get(credentials.clientId);
    throw denied(why === undefined ? 'there is no such client' : `the client is off: ${clipped(why)}`);
  }
  methods[client.authentication.method](client, credentials);
  return client;
}

/** Gathers client ids and proofs from path, header and body; more than one proof, or ids that differ, are malformed. */
export function readCredentials(request: TokenRequest, form: Form): ClientCredentials {
  const basic = readBasic(request.authorization);
  const clientId = request.clientIdInPath ?? basic?.clientId ?? form.get('client_id');
  if ([basic?.clientId, form.get('client_id')].some((id) => id !== undefined && id !== clientId)) throw malformed('client ids differ between path, Authorization and client_id');
  const secrets = [basic?.secret, form.get('client_secret')].filter((secret) => secret !== undefined && secret !== '');
  const assertions = [form.get('client_assertion') ?? form.get('client_assertion_type')].filter((assertion) => assertion !== undefined);
  if (secrets.length + assertions.length > 1) throw malformed('more than one way of client authentication');
  return { clientId, proof: assertions.length > 0 ? 'client_assertion' : secrets.length > 0 ? 'client_secret' : 'none' };
}

/** Reads HTTP Basic; both halves are form-encoded (RFC 6749 §2.3.1). */
function readBasic(authorization: string | undefined): { clientId: string; secret: string } | undefined {
  if (authorization === undefined) return undefined;
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? [];
  if (encoded === undefined) throw denied('the Authorization header is not HTTP Basic');
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) throw denied('HTTP Basic without a colon');
  return { clientId: decodeHalf(decoded.slice(0, colon)), secret: decodeHalf(decoded.slice(colon + 1)) };
}

function decodeHalf(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw denied('HTTP Basic whose halves are not form-encoded');
  }
}

const denied = (reason: string) => new OAuthError('invalid_client', 'client', reason);
const malformed = (reason: string) => new OAuthError('malformed_request', 'client', reason);
