// The floor: a bare node:http server that verifies a subject token and signs another with jose, and does nothing else of an exchange.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { generateKeyPair, importJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { believed } from './subject-tokens.ts';

const [port, alg, jwk] = process.argv.slice(2) as [string, 'ES256' | 'RS256', string];
const subjectKey = await importJWK(JSON.parse(jwk) as JWK, 'RS256');
// As long as those that Cambio makes.
const { privateKey } = await generateKeyPair(alg, { modulusLength: 3072 });

async function exchange(body: string): Promise<object> {
  const form = new URLSearchParams(body);
  const { payload } = await jwtVerify(form.get('subject_token') ?? '', subjectKey, { issuer: believed.issuer, audience: believed.audience, algorithms: ['RS256'] });
  const access_token = await new SignJWT({ client_id: form.get('client_id'), scope: form.get('scope') })
    .setProtectedHeader({ alg, typ: 'at+jwt', kid: 'floor' })
    .setIssuer('https://cambio.example.com').setSubject(String(payload.sub)).setAudience(form.get('audience') ?? '')
    .setIssuedAt().setExpirationTime('5m').setJti(randomUUID())
    .sign(privateKey);
  return { access_token, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: 300 };
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    exchange(Buffer.concat(chunks).toString()).then(
      (answer) => response.setHeader('Content-Type', 'application/json').setHeader('Cache-Control', 'no-store').end(JSON.stringify(answer)),
      () => response.writeHead(400).end(),
    );
  });
});
server.listen(Number(port), '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
