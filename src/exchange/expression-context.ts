// What the expressions of the policy may look at in an exchange: converted once, when the first of them looks.
import { isObject } from '../manifests/read-object.ts';
import { mostSteps, refuseByExpression, toExpressionValue, type ExpressionValue, type ExpressionValues, type Steps } from '../policy/expressions.ts';
import type { Client, ExpressionRule, TokenTypeName } from '../policy/policy.ts';
import { kubernetesClaim, type VerifiedToken } from './verified-token.ts';

/** What all expressions of one exchange may spend together: they run on the one thread that answers everybody. */
export const mostStepsOfExchange = 4 * mostSteps;

/** What was asked for, as far as it is known when an expression looks at it. */
export type RequestFacts = { audience: string; scopes: readonly string[]; tokenType: TokenTypeName | undefined };

/** The variables of one exchange, and what is left to spend on its expressions. */
export type ExpressionContext = { values: () => ExpressionValues; steps: Steps };

/** Makes the context of an exchange. An exchange without expressions converts nothing. */
export function expressionContext(subject: VerifiedToken, client: Client, request: () => RequestFacts, steps: Steps = { left: mostStepsOfExchange }): ExpressionContext {
  const values = once(() => ({
    claims: toExpressionValue(subject.claims),
    subject: partyOf(subject),
    actor: null,
    client: clientValue(client),
    request: requestValue(request()),
  }));
  return { values, steps };
}

/** Holds a rule against the variables. @returns why it does not hold, in words for the audit log; undefined if it does */
export function refuseByRule({ field, expression, message }: ExpressionRule, { values, steps }: ExpressionContext, more: ExpressionValues = {}): string | undefined {
  const why = refuseByExpression(expression, { ...values(), ...more }, steps);
  if (why === undefined) return undefined;
  return message === undefined ? `${field}: ${why}` : `${field}: ${message} (${why})`;
}

/** Remembers the value of a function. */
export function once<T>(compute: () => T): () => T {
  let known: { value: T } | undefined;
  return () => (known ??= { value: compute() }).value;
}

/** Whose a token is. Members that the token does not have are left out. */
function partyOf({ issuer, sub, claims, serviceAccount }: VerifiedToken): ExpressionValue {
  const bound = claims[kubernetesClaim];
  const { pod, node } = isObject(bound) && serviceAccount !== undefined ? bound : {};
  return toExpressionValue({ issuer: issuer.name, sub, serviceAccount, pod: namedObject(pod), node: namedObject(node) });
}

function namedObject(value: unknown): object | undefined {
  if (!isObject(value)) return undefined;
  const { name, uid } = value;
  return { ...(typeof name === 'string' ? { name } : {}), ...(typeof uid === 'string' ? { uid } : {}) };
}

function clientValue({ id, namespace, name, namespaceLabels, trusted }: Client): ExpressionValue {
  return toExpressionValue({ id, namespace, name, trusted, namespaceLabels: namespaceLabels && Object.fromEntries(namespaceLabels) });
}

function requestValue({ audience, scopes, tokenType }: RequestFacts): ExpressionValue {
  return toExpressionValue({ audience, scopes, tokenType });
}
