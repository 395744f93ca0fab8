// The subject tokens of the bench, shaped like those of a CI system, and the requests that exchange them.
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

/** What all servers of the bench believe: whose tokens, made for whom, and what for. */
export const believed = {
  issuer: 'https://ci.example.com',
  audience: 'https://cambio.example.com',
  subject: 'repo:acme/payments:environment:prod',
  target: 'https://deploy.example.com',
} as const;

/** The claims that a CI system puts beside the registered ones: about as many and as long as those of GitHub Actions. */
const ciClaims = {
  actor: 'octocat', actor_id: '583231', base_ref: '', environment: 'prod', event_name: 'push', head_ref: '',
  job_workflow_ref: 'acme/payments/.github/workflows/deploy.yaml@refs/heads/main', job_workflow_sha: '4f8d1c2b9e7a6f5d4c3b2a190817263545362718',
  ref: 'refs/heads/main', ref_protected: 'true', ref_type: 'branch', repository: 'acme/payments', repository_id: '74',
  repository_owner: 'acme', repository_owner_id: '65', repository_visibility: 'private', run_attempt: '2', run_id: '10093875224',
  run_number: '10', runner_environment: 'github-hosted', sha: '4f8d1c2b9e7a6f5d4c3b2a190817263545362718',
  workflow: 'deploy', workflow_ref: 'acme/payments/.github/workflows/deploy.yaml@refs/heads/main',
};

export type SubjectTokens = {
  /** The public key of the issuer, for a JWK Set. */
  publicJwk: JWK;
  /** Different tokens for the same subject, signed with RS256 by a key of 2048 bits. */
  tokens: readonly string[];
};

/** How many different tokens are sent in turn. */
const tokenCount = 64;

/** Makes a key of the issuer, and tokens that are good for the next hour. */
export async function mintSubjectTokens(): Promise<SubjectTokens> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { modulusLength: 2048 });
  const sign = (): Promise<string> =>
    new SignJWT(ciClaims)
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'bench' })
      .setIssuer(believed.issuer).setAudience(believed.audience).setSubject(believed.subject)
      .setIssuedAt().setNotBefore('0s').setExpirationTime('1h').setJti(randomUUID())
      .sign(privateKey);
  const tokens = await Promise.all(Array.from({ length: tokenCount }, sign));
  return { publicJwk: { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256', use: 'sig' }, tokens };
}

/** The body of an exchange. */
export function exchangeForm(clientId: string, subjectToken: string, target: string, scope = 'deploy'): URLSearchParams {
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: clientId,
    subject_token: subjectToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: target,
    scope,
  });
}

/** The same as text that goes over a connection as it is. */
export function rawRequest(form: URLSearchParams): string {
  const body = form.toString();
  return [
    'POST /token HTTP/1.1',
    'Host: cambio.example.com',
    'Accept: application/json',
    'User-Agent: bench',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
