// `cambio check`: tells what a server would make of manifests, and of a token, before anything is deployed.
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { ExchangeSettings } from '../exchange/effects.ts';
import { createExampleRunner } from '../exchange/run-examples.ts';
import { parseStrictObject, type JsonObject } from '../exchange/strict-json.ts';
import { describeFailure } from '../kubernetes/describe-failure.ts';
import type { PolicySettings } from '../policy/settings.ts';
import type { ReadCluster } from './check-cluster.ts';
import type { KeyFetching } from './check-fetch-keys.ts';
import { readFiles, type CheckInput } from './check-input.ts';
import { mistakesIn, supposed, type CheckOptions } from './check-options.ts';
import { checkPolicy, compilePolicy, type KeyStates } from './check-policy.ts';
import { printCheck } from './check-print.ts';
import { answerQuestion, type Policy, type Question } from './check-question.ts';

/** Where a command reads and writes. */
export type Streams = { readStdin: () => Promise<Buffer>; out: (text: string) => void; err: (text: string) => void };

const ofTheProcess: Streams = {
  readStdin: () => buffer(process.stdin),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
};

/** Runs the command. @returns 0: all is well, or the token is granted; 1: it is not; 2: it could not be told */
export async function runCheck(options: CheckOptions, paths: readonly string[], streams = ofTheProcess): Promise<number> {
  const mistakes = mistakesIn(options, paths);
  if (mistakes.length > 0) {
    streams.err(`${mistakes.join('\n')}\nSee cambio check --help.\n`);
    return 2;
  }
  try {
    const { input, cluster } = options.server ? await readServer(options) : await readPaths(options, paths, streams);
    const settings = settingsOf(options, cluster);
    const report = checkPolicy(input, settings, await fetchAllKeys(options, input, settings));
    const policy: Policy = {
      input,
      snapshot: report.snapshot,
      settings,
      exchange: exchangeSettings(options),
    };
    const question = await readQuestion(options, streams);
    const answer = question && input.unread.length === 0 ? { ...(await answerQuestion(question, policy)), now: question.now } : undefined;
    streams.out(printCheck(options, input, report, policy, answer));
    if (question !== undefined && answer === undefined) throw new Error(`the token is not asked about: ${input.unread.join(', ')} can't be read whole, and what that limits can't be known`);
    if (answer !== undefined) return answer.outcome === 'granted' ? 0 : answer.outcome === 'denied' ? 1 : 2;
    return report.findings.some(({ severity }) => severity === 'error') ? 1 : 0;
  } catch (error) {
    streams.err(`cambio check: ${(error as Error).message || describeFailure(error)}\n`);
    return 2;
  }
}

/** The keys of all issuers, where they are to be fetched and no token is asked about. */
async function fetchAllKeys(options: CheckOptions, input: CheckInput, settings: PolicySettings): Promise<KeyStates | undefined> {
  if (!options['fetch-keys'] || options.token !== undefined) return undefined;
  const { tryIssuers } = await openFetching(options);
  const issuers = [...input.objects.values()].filter(({ kind }) => kind === 'TrustedIssuer');
  return tryIssuers(compilePolicy(issuers, input, settings).snapshot.issuers.values());
}

/** A path without a single manifest is a mistake, and must not pass for a policy without one. */
async function readPaths(options: CheckOptions, paths: readonly string[], { readStdin }: Streams): Promise<ReadCluster> {
  const input = await readFiles(paths, readStdin);
  if (input.objects.size === 0 && input.problems.length === 0) throw new Error(`there is no document of Cambio's kinds in ${paths.join(', ')}`);
  return { input, cluster: supposedCluster(options) };
}

/** Kinds of verification that need a cluster are looked at as they would be in one. */
function supposedCluster(options: CheckOptions): ReadCluster['cluster'] {
  const issuerURL = options['cluster-issuer'] ?? supposed['cluster-issuer'];
  return { issuerURL, audiences: [issuerURL, ...(options['cluster-audiences'] ?? [])] };
}

/** What talks to clusters is loaded only where one is asked: it takes longer than all the rest. */
async function readServer(options: CheckOptions): Promise<ReadCluster> {
  const { readCluster } = await import('./check-cluster.ts');
  return readCluster(options);
}

/** What a server would be started with. */
export function settingsOf(options: CheckOptions, cluster = supposedCluster(options)): PolicySettings {
  const trusted: readonly string[] = options['trusted-namespaces'] ?? supposed['trusted-namespaces'];
  return {
    issuerURL: options.issuer ?? supposed.issuer,
    isTrustedNamespace: (namespace) => trusted.includes(namespace),
    reservedAudiences: options['reserved-audiences'] ?? [],
    runExamples: createExampleRunner(exchangeSettings(options)),
    cluster,
  };
}

/** What is the same for every exchange of a server that is started so. */
function exchangeSettings(options: CheckOptions): ExchangeSettings {
  return { issuerURL: options.issuer ?? supposed.issuer, maxLifetimeSeconds: Math.floor(options['max-lifetime'] / 1000), signingAlgorithm: options['default-signing-algorithm'] };
}

/** The question that the options ask; undefined where they ask about no token. */
async function readQuestion(options: CheckOptions, streams: Streams): Promise<Question | undefined> {
  const { token, claims, at, audience, resource, scope } = options;
  if (token === undefined && claims === undefined) return undefined;
  const shown = token === undefined ? { claims: await readClaims(claims ?? '', streams) } : { token: (await readBytes('--token', token, streams)).toString('utf8') };
  return {
    shown,
    client: options.client,
    verifying: { trustedIssuer: options['trusted-issuer'], fetchKeys: options['fetch-keys'] ? (await openFetching(options)).fetchKeys : undefined },
    parameters: { audience, resource, scope, subject_token_type: options['subject-token-type'], requested_token_type: options['requested-token-type'] },
    now: at ?? Math.floor(Date.now() / 1000),
  };
}

/** What fetches keys is loaded only where they are fetched. */
async function openFetching(options: CheckOptions): Promise<KeyFetching> {
  const { openKeyFetching } = await import('./check-fetch-keys.ts');
  return openKeyFetching(options['allowed-issuer-hosts'], process.env);
}

async function readClaims(file: string, streams: Streams): Promise<JsonObject> {
  const claims = parseStrictObject(await readBytes('--claims', file, streams));
  if (claims === undefined) throw new Error(`--claims: ${file === '-' ? 'standard input' : file} is not a JSON object, or has a name twice`);
  return claims;
}

async function readBytes(option: string, file: string, { readStdin }: Streams): Promise<Buffer> {
  if (file === '-') return readStdin();
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === 'ENOENT' ? `${option}: there is no file ${file}` : `${option}: ${error.message}`);
  });
}
