// Exchanges the token in $SUBJECT_TOKEN_FILE with openid-client, and verifies what is issued with jose.
import { readFile } from 'node:fs/promises';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { discovery, genericGrantRequest, None } from 'openid-client';

const issuer = process.env.ISSUER;
const audience = 'https://deploy.example.com';

const config = await discovery(new URL(issuer), 'payments/deployer', undefined, None());
const { access_token: token } = await genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
  subject_token: (await readFile(process.env.SUBJECT_TOKEN_FILE, 'utf8')).trim(),
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  audience,
  scope: 'deploy',
});

// What the service does that gets the token.
await jwtVerify(token, createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri)), { issuer, audience, typ: 'at+jwt' });
console.log(token);
