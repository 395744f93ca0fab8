// `cambio check`: tells what a server would make of manifests, and of a token, before anything is deployed.
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { parseStrictObject } from '../exchange/strict-json.ts';
import type { PolicySettings } from '../policy/settings.ts';
import { formatAnnotation } from './check-github.ts';
import { readFiles, type CheckInput } from './check-input.ts';
import { nextStepAfter } from './check-next-steps.ts';
import { checkCheckOptions, supposed, type CheckOptions } from './check-options.ts';
import { checkPolicy, type PolicyReport } from './check-policy.ts';
import { answerQuestion, unknownClient, type Answer, type Policy, type Question } from './check-question.ts';
import { formatAnswer, formatReport } from './check-text.ts';

/** Runs the command. @returns 0: all is well, or the token is granted; 1: it is not; 2: it could not be told */
export async function runCheck(options: CheckOptions, paths: readonly string[]): Promise<number> {
  const mistakes = checkCheckOptions(options, paths);
  if (mistakes.length > 0) return couldNotRun(`${mistakes.join('\n')}\nSee cambio check --help.`);
  try {
    const input = await readFiles(paths, () => buffer(process.stdin));
    if (input.objects.size === 0 && input.problems.length === 0) return couldNotRun(`cambio check: there is no document of Cambio's kinds in ${paths.join(', ')}`);
    const settings = settingsOf(options);
    const report = checkPolicy(input, settings);
    const policy: Policy = {
      objects: input.objects,
      snapshot: report.store.snapshot(),
      settings,
      exchange: { issuerURL: settings.issuerURL, maxLifetimeSeconds: Math.floor(options['max-lifetime'] / 1000), signingAlgorithm: 'ES256' },
    };
    const question = await readQuestion(options);
    const answer = question && (await answerQuestion(question, policy));
    process.stdout.write(print(options, input, report, policy, question, answer));
    if (answer !== undefined) return answer.outcome === 'granted' ? 0 : answer.outcome === 'denied' ? 1 : 2;
    return report.findings.some(({ severity }) => severity === 'error') ? 1 : 0;
  } catch (error) {
    return couldNotRun(`cambio check: ${(error as Error).message}`);
  }
}

function couldNotRun(message: string): number {
  process.stderr.write(`${message}\n`);
  return 2;
}

/** What a server would be started with. */
function settingsOf(options: CheckOptions): PolicySettings {
  const trusted: readonly string[] = options['trusted-namespaces'] ?? supposed['trusted-namespaces'];
  const issuerURL = options['cluster-issuer'] ?? supposed['cluster-issuer'];
  return { issuerURL: options.issuer ?? supposed.issuer, isTrustedNamespace: (namespace) => trusted.includes(namespace), cluster: { issuerURL, audiences: [issuerURL] } };
}

/** The question that the options ask; undefined where they ask about no token. */
async function readQuestion(options: CheckOptions): Promise<Question | undefined> {
  const { token, claims, at, audience, resource, scope } = options;
  if (token === undefined && claims === undefined) return undefined;
  const shown = token === undefined ? { claims: await readClaims(claims ?? '') } : { token: (await readBytes('--token', token)).toString('utf8').trim() };
  return {
    shown,
    client: options.client,
    trustedIssuer: options['trusted-issuer'],
    parameters: { audience, resource, scope, subject_token_type: options['subject-token-type'], requested_token_type: options['requested-token-type'] },
    now: at ?? Date.now() / 1000,
  };
}

async function readClaims(file: string) {
  const claims = parseStrictObject(await readBytes('--claims', file));
  if (claims === undefined) throw new Error(`--claims: ${file === '-' ? 'standard input' : file} is not a JSON object, or has a name twice`);
  return claims;
}

async function readBytes(option: string, file: string): Promise<Buffer> {
  if (file === '-') return buffer(process.stdin);
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === 'ENOENT' ? `${option}: there is no file ${file}` : `${option}: ${error.message}`);
  });
}

function print(options: CheckOptions, input: CheckInput, report: PolicyReport, policy: Policy, question: Question | undefined, answer: Answer | undefined): string {
  const { findings, rows } = report;
  if (options.output === 'json') return `${JSON.stringify({ problems: findings, objects: rows, passedOver: input.passedOver, ...(answer && { answer }) }, null, 2)}\n`;
  const annotations = options.output === 'github' ? findings.map((finding) => `${formatAnnotation(finding)}\n`).join('') : '';
  const described = formatReport(options.output === 'github' ? { ...report, findings: [] } : report, input, suppositionsOf(options), nextOf(report, answer));
  if (question === undefined || answer === undefined) return annotations + described;
  const next = answer.outcome === 'granted' ? 'nothing has to be done: a server with these manifests and flags answers so' : answer.record.check === 'client' ? unknownClient(answer.client, policy) : nextStepAfter(answer.record.check);
  return `${annotations}${described}\n${formatAnswer(answer, new Date(question.now * 1000).toISOString().replace('.000Z', 'Z'), next)}`;
}

function suppositionsOf(options: CheckOptions): string[] {
  return Object.entries(supposed).flatMap(([name, value]) => (options[name as keyof typeof supposed] === undefined ? [`--${name} ${[value].flat().join(',')}`] : []));
}

function nextOf({ findings }: PolicyReport, answer: Answer | undefined): string {
  if (findings.some(({ severity }) => severity === 'error')) return 'mend these and check again; an object that is not ready is off once it is deployed, and no other notices';
  return answer === undefined ? 'ask about a token: --claims FILE --client NAMESPACE/NAME --audience AUDIENCE' : 'see below';
}
