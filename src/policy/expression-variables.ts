// What each kind of expression may name, and the type that its result must have.
import { listOf, mapOf, objectOf, type Type } from './expression-types.ts';

/** Where an expression stands. */
export type ExpressionKind = 'condition' | 'claimValidationRule' | 'subjectMapping' | 'claimMapping' | 'claimRule' | 'tokenValidationRule';

const anyMap = mapOf('string', 'dyn');
const named = (name: string): Type => objectOf(name, { name: 'string', uid: 'string' });

/** Who a token speaks of. `actor` is null where there is none. */
const party = (name: string): Type =>
  objectOf(name, {
    issuer: 'string',
    sub: 'string',
    serviceAccount: objectOf(`${name}.serviceAccount`, { namespace: 'string', name: 'string', uid: 'string' }),
    pod: named(`${name}.pod`),
    node: named(`${name}.node`),
  });

const claims = { claims: anyMap };
const subject = { subject: party('subject') };
const actor = { actor: party('actor') };
const client = { client: objectOf('client', { id: 'string', namespace: 'string', name: 'string', namespaceLabels: mapOf('string', 'string'), trusted: 'bool' }) };
const request = { request: objectOf('request', { audience: 'string', scopes: listOf('string'), tokenType: 'string' }) };

const kinds = {
  condition: { variables: { ...claims, ...subject, ...actor, ...client, ...request }, result: 'bool' },
  claimValidationRule: { variables: { ...claims, ...client }, result: 'bool' },
  subjectMapping: { variables: { ...claims, ...subject, ...actor, ...client, ...request }, result: 'string' },
  claimMapping: { variables: { ...claims, ...subject, ...actor, ...client, ...request }, result: 'dyn' },
  claimRule: { variables: { value: 'dyn', ...claims, ...subject, ...actor, ...client, ...request }, result: 'bool' },
  tokenValidationRule: { variables: { token: anyMap, ...claims, ...subject, ...client, ...request }, result: 'bool' },
} satisfies Record<ExpressionKind, { variables: Readonly<Record<string, Type>>; result: Type }>;

/** The variables of a kind, with their types. */
export const variablesOf = (kind: ExpressionKind): Readonly<Record<string, Type>> => kinds[kind].variables;

/** What the result of a kind must be; dyn: anything. */
export const resultOf = (kind: ExpressionKind): Type => kinds[kind].result;
