// Tries out the examples in an ExchangeClient: the same decision as for a request, on a token that an example describes.
import type { Manifest } from '../manifests/read-object.ts';
import type { ExampleOutcome, RunExamples } from '../policy/examples.ts';
import type { Steps } from '../policy/expressions.ts';
import type { Client, Issuer } from '../policy/policy.ts';
import { readRegisteredClaims, refuseByClaims } from './check-claims.ts';
import { decide } from './decide.ts';
import type { ExchangeSettings } from './effects.ts';
import { mostStepsOfExchange } from './expression-context.ts';
import { OAuthError } from './oauth-error.ts';
import type { ParsedJwt } from './parse-jwt.ts';
import { readScope } from './read-exchange-request.ts';
import type { JsonObject } from './strict-json.ts';
import { verifiedToken } from './verified-token.ts';

type Example = Manifest<'ExchangeClient'>['spec']['examples'][number];
type Settings = Pick<ExchangeSettings, 'issuerURL' | 'maxLifetimeSeconds'>;

/** What the examples of one client may spend together: they run on the thread that answers requests, whenever something changes. */
export const mostStepsOfExamples = mostStepsOfExchange;

/** What it costs to make a token of an example, for each member of an object and each item of a list in its claims. */
const memberSteps = 16;

const countMembers = (value: unknown): number =>
  typeof value === 'object' && value !== null ? Object.values(value).reduce((sum: number, member) => sum + 1 + countMembers(member), 0) : 0;

/** The moment of an example whose token names none: 2026-01-01T00:00:00Z. Examples must come out alike whenever they run. */
const moment = 1_767_225_600;
/** How long the token of an example lives at most where it does not say, in seconds. */
const usualLifetime = 3600;

/** Makes what tries out the examples of a client. */
export function createExampleRunner(settings: Settings): RunExamples {
  return (client, examples) => {
    const steps = { left: mostStepsOfExamples };
    return examples.map((example) => runExample(example, client, steps, settings));
  };
}

function runExample(example: Example, client: Client, steps: Steps, settings: Settings): ExampleOutcome {
  const { name, expect } = example;
  steps.left -= memberSteps * countMembers(example.claims);
  const outcome = steps.left < 0 ? '' : exchangeExample(example, client, steps, settings);
  const say = (result: ExampleOutcome['result'], message: string): ExampleOutcome => ({ result, message: `example ${JSON.stringify(name)}: ${message}` });
  // A denial that comes of this is no denial that its author meant.
  if (steps.left < 0) return say('widened', 'it could not be decided: claims and expressions take more steps than all examples together may');
  if (typeof outcome === 'string') return expect.allowed ? say('denied', `is denied: ${outcome}`) : say('passed', 'is denied');
  if (!expect.allowed) return say('widened', 'is allowed, and must not be');
  const different = Object.entries(expect.claims ?? {}).filter(([claim, value]) => !isSameJson(outcome[claim] ?? null, value));
  if (different.length === 0) return say('passed', 'is allowed');
  return say('widened', `gives other claims than it expects: ${different.map(([claim]) => `${claim} is ${JSON.stringify(outcome[claim] ?? null)}`).join(', ')}`);
}

/** @returns the claims that would be issued, all but `jti`, or why none are */
function exchangeExample({ issuerRef, claims: written, request = {} }: Example, client: Client, steps: Steps, { issuerURL, maxLifetimeSeconds }: Settings): JsonObject | string {
  const issuer = client.subjects.find((rule) => rule.issuer.name === issuerRef.name)?.issuer;
  if (issuer === undefined) return `no entry of subjects that is in force refers to TrustedIssuer ${issuerRef.name}`;
  const token = tokenOf(written, issuer);
  const registered = readRegisteredClaims(token);
  if (typeof registered === 'string') return registered;
  const now = Math.max(registered.iat, registered.nbf ?? 0);
  const refusal = refuseByClaims({ token, registered, type: 'jwt', issuer, now });
  if (refusal !== undefined) return refusal;
  const subject = verifiedToken({ issuer, sub: registered.sub, claims: token.claims, exp: registered.exp });
  if (typeof subject === 'string') return subject;
  try {
    const asked = { audience: request.audience === undefined ? [] : [request.audience], resource: [], scope: readScope(request.scope), requested_token_type: undefined };
    return decide({ client, asked, subject, now, maxLifetimeSeconds, issuerURL, steps }).claims;
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    return `${error.check}: ${error.reason}`;
  }
}

/** The token that an example describes, with what is missing filled in as a good token would have it. */
function tokenOf(written: JsonObject, issuer: Issuer): ParsedJwt {
  const lifetime = Math.min(usualLifetime, issuer.maxTokenLifetimeSeconds);
  const { iat = typeof written['exp'] === 'number' ? written['exp'] - lifetime : moment } = written;
  const exp = typeof iat === 'number' ? iat + lifetime : moment;
  const [alg = ''] = issuer.algorithms;
  const claims = Object.assign(Object.create(null) as Record<string, unknown>, { iss: issuer.url, aud: [...issuer.audiences][0], iat, exp }, written);
  return { header: { alg, kid: undefined, typ: undefined }, claims, compact: '' };
}

/** Whether two JSON values say the same, whatever the order of members. */
function isSameJson(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));
  const [own, others] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return own.size === others.size && [...own].every(([name, value]) => others.has(name) && isSameJson(value, others.get(name)));
}
