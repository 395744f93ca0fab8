// Manifests for the bench: one TrustedIssuer, and as many ExchangeClients as are asked for, a thousand in a file.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK } from 'jose';
import { believed } from './subject-tokens.ts';

const clientsInFile = 1000;

/** The client_id of the client with a number. */
export const clientIdAt = (index: number): string => `team-${Math.floor(index / 100)}/deployer-${index}`;

/** Writes a directory with an issuer and clients. */
export async function writeManifests(dir: string, publicJwk: JWK, clients: number): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'issuer.yaml'), issuer(publicJwk));
  for (let first = 0; first < clients; first += clientsInFile) {
    await writeFileOf(dir, first, Math.min(clientsInFile, clients - first), 300);
  }
}

/** Changes the lifetime of what one client is issued, in the file where it stands among others, in one step. */
export async function editClient(dir: string, index: number, clients: number, lifetimeSeconds: number): Promise<void> {
  const first = index - (index % clientsInFile);
  await writeFileOf(dir, first, Math.min(clientsInFile, clients - first), 300, { index, lifetimeSeconds });
}

async function writeFileOf(dir: string, first: number, count: number, lifetimeSeconds: number, edited?: { index: number; lifetimeSeconds: number }): Promise<void> {
  const documents = Array.from({ length: count }, (_, offset) => {
    const index = first + offset;
    return client(index, index === edited?.index ? edited.lifetimeSeconds : lifetimeSeconds);
  });
  const file = join(dir, `clients-${first}.yaml`);
  await writeFile(`${file}.new`, documents.join(''));
  await rename(`${file}.new`, file);
}

function issuer(publicJwk: JWK): string {
  return `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata:
  name: ci
spec:
  issuer:
    url: ${believed.issuer}
    audiences: [${believed.audience}]
  verification:
    jwks: '${JSON.stringify({ keys: [publicJwk] })}'
  algorithms: [RS256]
  maxTokenLifetimeSeconds: 3600
`;
}

function client(index: number, lifetimeSeconds: number): string {
  const [namespace, name] = clientIdAt(index).split('/');
  return `---
apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  authentication:
    none: {}
  subjects:
  - issuerRef: {name: ci}
    subject: ${believed.subject}
  targets:
  - audience: ${believed.target}
    scopes: [deploy, read]
    defaultScopes: [read]
    lifetimeSeconds: ${lifetimeSeconds}
`;
}
