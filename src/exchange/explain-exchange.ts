// Explains an exchange: runs it as a server would, and tells what every check says, those after the first denial too.
import { noteFailure, type AuditRecord } from './audit-record.ts';
import { checks, type Check } from './checks.ts';
import { gather, type Case } from './decide.ts';
import type { ExchangeEffects, SigningAlgorithm } from './effects.ts';
import { exchangeToken } from './exchange-token.ts';
import { OAuthError, type PublicError } from './oauth-error.ts';
import type { JsonObject } from './strict-json.ts';
import type { TokenRequest } from './token-request.ts';

/** What one step or check says. `unknown`: it looks at what an earlier step did not get. */
export type ExplainedCheck = { name: string; asks: string; verdict: 'passes' | 'denies' | 'unknown'; reason?: string };

/** The token that would be issued. Nothing is signed. */
export type UnsignedToken = { header: { alg: SigningAlgorithm; typ: string }; claims: JsonObject; issued_token_type: string; expires_in: number };

export type Explanation = {
  outcome: 'granted' | 'denied' | 'failed';
  /** The steps and checks in their order. */
  checks: readonly ExplainedCheck[];
  /** As the audit log would have it. */
  record: AuditRecord;
  /** What the caller would be told; only where nothing is granted. */
  error?: PublicError;
  token?: UnsignedToken;
};

/** The steps before the decision that look at what the caller shows. */
export const steps: readonly Pick<Check, 'name' | 'asks' | 'mistake'>[] = [
  { name: 'client', asks: 'Is the client known, and who it says it is?', mistake: 'invalid_client' },
  { name: 'subject-token', asks: 'Is the subject token good, and of an issuer that the client refers to?', mistake: 'unacceptable_token' },
];

/** Explains a request. Rejects only where the server would report a bug. */
export async function explainExchange(request: TokenRequest, effects: Omit<ExchangeEffects, 'sign' | 'onCase'>): Promise<Explanation> {
  const record: AuditRecord = { requestId: '', outcome: 'failed', sourceAddress: '' };
  let decided: Case | undefined;
  let signed: Pick<UnsignedToken, 'header' | 'claims'> | undefined;
  const told: ExchangeEffects = {
    ...effects,
    onCase: (gathered) => {
      decided = gathered;
    },
    sign: async (alg, typ, claims) => {
      signed = { header: { alg, typ }, claims };
      return '';
    },
  };
  try {
    const { issued_token_type, expires_in } = await exchangeToken(request, record, told);
    const token = signed && { ...signed, issued_token_type, expires_in };
    return { outcome: 'granted', checks: explainChecks(decided, undefined), record, ...(token && { token }) };
  } catch (thrown) {
    if (!(thrown instanceof OAuthError)) throw thrown;
    const error = noteFailure(record, thrown);
    return { outcome: record.outcome === 'failed' ? 'failed' : 'denied', checks: explainChecks(decided, thrown), record, error };
  }
}

/** Which of the steps refuses, by the name that its refusal has. */
const stepOf: Readonly<Record<string, number>> = { client: 0, 'subject-token': 1, 'subject-issuer': 1, 'issuer-keys': 1, 'token-review': 1 };

function explainChecks(decided: Case | undefined, error: OAuthError | undefined): ExplainedCheck[] {
  // Gathered anew: what the exchange has spent on expressions is not spent twice.
  if (decided !== undefined) return [...steps.map(passes), ...askAll(gather(decided)), ...deniedLater(error)];
  const unasked = checks.map(unknown);
  if (error === undefined) return [...steps.map(passes), ...unasked];
  const reached = stepOf[error.check];
  if (reached === undefined) return [refusal(error), ...steps.map(unknown), ...unasked];
  const refused = { ...refusal(error), ...(steps[reached]?.name === error.check ? { asks: steps[reached].asks } : {}) };
  return [...steps.slice(0, reached).map(passes), refused, ...steps.slice(reached + 1).map(unknown), ...unasked];
}

/** Asks every check whose answer means something, though the first denial would be enough. */
function askAll(decided: Case): ExplainedCheck[] {
  let denied = false;
  return checks.map((check) => {
    if (check.needs !== undefined && decided[check.needs] === undefined) return unknown(check);
    const answer = denied ? afterDenial(check, decided) : ask(check, decided);
    denied ||= answer.verdict === 'denies';
    return answer;
  });
}

function ask(check: Check, decided: Case): ExplainedCheck {
  const reason = check.denies(decided);
  return reason === undefined ? passes(check) : { name: check.name, asks: check.asks, verdict: 'denies', reason };
}

/** A check may count on what an earlier one would have denied. */
function afterDenial(check: Check, decided: Case): ExplainedCheck {
  try {
    return ask(check, decided);
  } catch {
    return unknown(check);
  }
}

/** What refused after all checks had let pass. */
function deniedLater(error: OAuthError | undefined): ExplainedCheck[] {
  return error === undefined || checks.some((check) => check.name === error.check) ? [] : [refusal(error)];
}

const passes = ({ name, asks }: Pick<Check, 'name' | 'asks'>): ExplainedCheck => ({ name, asks, verdict: 'passes' });
const unknown = ({ name, asks }: Pick<Check, 'name' | 'asks'>): ExplainedCheck => ({ name, asks, verdict: 'unknown' });
const refusal = ({ check, reason }: OAuthError): ExplainedCheck => ({ name: check, asks: '', verdict: 'denies', reason });
