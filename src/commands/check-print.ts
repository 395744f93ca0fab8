// Prints what `cambio check` found, in the form that was asked for.
import { kinds } from '../manifests/kinds.ts';
import { formatAnnotation } from './check-github.ts';
import type { CheckInput } from './check-input.ts';
import { nextStepAfter } from './check-next-steps.ts';
import { supposed, type CheckOptions } from './check-options.ts';
import type { PolicyReport } from './check-policy.ts';
import { unknownClient, type Answer, type Policy } from './check-question.ts';
import { formatAnswer, formatFindings, formatReport, formatSummary, momentOf } from './check-text.ts';

/** An answer, and the moment that it is for, in seconds since the epoch. */
export type TimedAnswer = Answer & { now: number };

/** @returns all that is written to standard output */
export function printCheck(options: CheckOptions, input: CheckInput, report: PolicyReport, policy: Policy, answer: TimedAnswer | undefined): string {
  if (options.output === 'json') return `${JSON.stringify(asJson(input, report, answer), null, 2)}\n`;
  const findings = options.output === 'github' ? report.findings.map((finding) => `${formatAnnotation(finding)}\n`).join('') : formatFindings(report.findings);
  const suppositions = suppositionsOf(options, input);
  if (answer === undefined) return findings + formatReport(report, input, suppositions, nextAfter(report, options));
  const annotation = options.output === 'github' && answer.outcome !== 'granted' ? `${formatAnnotation(denialOf(answer))}\n` : '';
  return `${findings}${annotation}${formatSummary(report, input, suppositions)}\n${formatAnswer(answer, momentOf(answer.now), nextAfterAnswer(answer, policy))}`;
}

function asJson({ source, passedOver }: CheckInput, { findings, rows, keys }: PolicyReport, answer: TimedAnswer | undefined): object {
  const fetched = Array.from(keys, ([issuer, { reason, message, thumbprints }]) => ({ issuer, keys: thumbprints.length, reason, message }));
  return { source, passedOver, problems: findings, objects: rows, ...(fetched.length > 0 && { fetched }), ...(answer && { answer: answerAsJson(answer) }) };
}

function answerAsJson({ outcome, client, now, record, notes, checks, comparisons, error, token, ifGood }: TimedAnswer): object {
  const compared = comparisons.map(({ name, message }) => ({ name, message }));
  const { issuer, subject, audience, scopesAsked, scopesGranted, check, reason } = record;
  return { outcome, at: momentOf(now), client, issuer, subject, audience, scopesAsked, scopesGranted, check, reason, ...(compared.length > 0 && { compared }), error, notes, checks, checksIfTokenWereGood: ifGood?.checks, token };
}

const denialOf = ({ client, record }: TimedAnswer) => ({ severity: 'error' as const, field: `${client} is denied by ${record.check}`, message: record.reason ?? '' });

/** What was not said, and may be otherwise where it is deployed. */
function suppositionsOf(options: CheckOptions, { objects }: CheckInput): string[] {
  const asksCluster = [...objects.values()].some(({ manifest }) => manifest?.kind === 'TrustedIssuer' && (manifest.spec.verification.tokenReview ?? manifest.spec.verification.kubernetesDiscovery) !== undefined);
  const names = Object.keys(supposed) as (keyof typeof supposed)[];
  return names
    .filter((name) => options[name] === undefined && (name !== 'cluster-issuer' || (asksCluster && !options.server)))
    .map((name) => `--${name} ${[supposed[name]].flat().join(',')}`);
}

function nextAfter({ findings, rows }: PolicyReport, options: CheckOptions): string {
  const notPermitted = rows.some(({ reason }) => reason.endsWith('NotPermitted'));
  const trust = notPermitted && options['trusted-namespaces'] === undefined ? '. If those who write there are administrators, say so with --trusted-namespaces' : '';
  if (findings.some(({ severity }) => severity === 'error')) return `mend these and check again. What is not ready is off where it is deployed, and no other object notices${trust}`;
  const client = rows.find(({ kind, ready }) => kind === 'ExchangeClient' && ready);
  if (client === undefined) return `add an ExchangeClient that refers to a TrustedIssuer: cambio exchanges nothing without one (${kinds.ExchangeClient.plural})`;
  return `ask what a token would get: cambio check ${options.server ? '--server' : 'PATH'} --claims FILE --client ${client.name} --audience AUDIENCE`;
}

function nextAfterAnswer({ outcome, client, record, comparisons }: TimedAnswer, policy: Policy): string {
  if (outcome === 'granted') return 'nothing has to be done: a server with these manifests and flags answers so';
  return record.check === 'client' ? unknownClient(client, policy) : nextStepAfter(record.check, comparisons);
}
