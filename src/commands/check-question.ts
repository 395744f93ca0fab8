// Asks the policy about one request: what a server would answer to this token, or to one with these claims.
import type { ExchangeSettings } from '../exchange/effects.ts';
import { explainExchange, type Explanation } from '../exchange/explain-exchange.ts';
import { tokenExchangeGrant, tokenTypeURN } from '../exchange/read-exchange-request.ts';
import { nearestName } from '../manifests/nearest-name.ts';
import type { Issuer, PolicySnapshot, TokenTypeName } from '../policy/policy.ts';
import { keyOf } from '../policy/policy-store.ts';
import type { PolicySettings } from '../policy/settings.ts';
import type { CheckInput } from './check-input.ts';
import { compilePolicy } from './check-policy.ts';
import { listed, prepareSubject, supposeGood, UnclearQuestion, type Shown, type Subject, type Verifying } from './check-subject.ts';
import { compareToken, type Comparison } from './compare-token.ts';
import { withSuppositions } from './suppose-token.ts';

/** What is asked. The token is shown, or its claims are. */
export type Question = {
  shown: Shown;
  client: string | undefined;
  verifying: Verifying;
  parameters: Readonly<Partial<Record<'audience' | 'resource' | 'scope' | 'subject_token_type' | 'requested_token_type', string | undefined>>>;
  /** Seconds since the epoch. */
  now: number;
};

export type Answer = Explanation & {
  client: string;
  /** What was supposed, and what was not looked at. */
  notes: readonly string[];
  /** Where the token itself was refused: what it has, and what its issuer wants. */
  comparisons: readonly Comparison[];
  /** For a token that was refused: what the checks would say of one with its claims that is good. */
  ifGood?: Explanation;
};

/** What is known of the policy. */
export type Policy = { input: CheckInput; snapshot: PolicySnapshot; settings: PolicySettings; exchange: ExchangeSettings };

/** Answers a question. Throws UnclearQuestion. */
export async function answerQuestion(question: Question, policy: Policy): Promise<Answer> {
  const { shown, verifying, now } = question;
  const id = question.client ?? onlyClient(policy);
  const client = policy.snapshot.clients.get(id);
  const subject = await prepareSubject(shown, client, verifying, now);
  const explanation = await explain(question, id, subject, policy);
  const proved = client === undefined || client.authentication.method === 'none' ? [] : ['the client is supposed to have proved who it is'];
  // The token stands in the way: it was looked at, and nobody's it is.
  const refused = client !== undefined && explanation.outcome === 'denied' && explanation.record.subject === undefined && explanation.record.subjectTokenSha256 !== undefined;
  const answer = { ...explanation, client: id, notes: [...proved, ...subject.notes], comparisons: refused ? compareToken(subject, client, now) : [] };
  const good = refused ? await supposeGood(shown, client, verifying.trustedIssuer, now) : undefined;
  if (good === undefined) return answer;
  const { subject_token_type: _, ...parameters } = question.parameters;
  const ifGood = await explain({ ...question, parameters }, id, good, policy);
  return ifGood.record.subject === undefined ? answer : { ...answer, ifGood };
}

function onlyClient({ input: { objects }, snapshot }: Policy): string {
  const ids = [...objects.values()].filter(({ kind }) => kind === 'ExchangeClient').map(({ namespace, name }) => `${namespace}/${name}`);
  const [only, ...more] = ids;
  if (only === undefined) throw new UnclearQuestion('there is no ExchangeClient that could ask for a token');
  if (more.length > 0) throw new UnclearQuestion(`--client: say which one asks: ${listed([...snapshot.clients.keys()].toSorted())}`);
  return only;
}

/** What to say of a client that is not there. */
export function unknownClient(id: string, { input: { objects }, snapshot }: Policy): string {
  const key = keyOf({ kind: 'ExchangeClient', namespace: id.split('/')[0] ?? '', name: id.split('/')[1] ?? '' });
  if (objects.has(key)) return `mend what is wrong with ExchangeClient ${id}: it is off`;
  const near = nearestName(id, [...snapshot.clients.keys()]);
  return near === undefined ? `name one that is there: ${listed([...snapshot.clients.keys()].toSorted())}` : `did you mean --client ${near}?`;
}

/** Runs the exchange, on a policy in which what is supposed is so. */
async function explain({ parameters, now }: Question, id: string, subject: Subject, { input, settings, exchange }: Policy): Promise<Explanation> {
  const [namespace = '', name = ''] = id.split('/');
  const changed = withSuppositions(input.objects, keyOf({ kind: 'ExchangeClient', namespace, name }), subject.issuer, subject.jwks ?? '');
  const { snapshot } = compilePolicy(changed, input, settings);
  const given = {
    grant_type: tokenExchangeGrant,
    client_id: id,
    subject_token: subject.token,
    ...parameters,
    subject_token_type: urnOf(parameters.subject_token_type) ?? tokenTypeURN(typeOf(subject.typ)),
    requested_token_type: urnOf(parameters.requested_token_type),
  };
  const body = new URLSearchParams(Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)).toString();
  const keysOf = ({ name: issuer }: Issuer) => subject.keys?.get(issuer);
  const request = {
    clientIdInPath: undefined,
    query: '',
    contentType: 'application/x-www-form-urlencoded',
    authorization: undefined,
    unsupportedHeader: undefined,
    body: Buffer.from(body),
  };
  return explainExchange(request, {
    policy: () => snapshot,
    now: () => now,
    newId: () => '(made anew for each token)',
    reviewToken: () => Promise.reject(new Error('a TokenReview was asked for that nobody answers')),
    // Where keys are supposed, they stand in the manifest.
    issuerKeys: { known: keysOf, current: async (issuer) => keysOf(issuer), refetched: async (issuer) => keysOf(issuer), trouble: () => undefined },
    settings: exchange,
  });
}

const typeOf = (typ: string | undefined): TokenTypeName => (typ?.toLowerCase().replace(/^application\//, '') === 'at+jwt' ? 'access_token' : 'jwt');

/** The short name of a type is enough. */
const urnOf = (type: string | undefined): string | undefined => (type === undefined || type.includes(':') ? type : tokenTypeURN(type as TokenTypeName));
