// The claims that a client's mappings put into an issued token: evaluated for one token, and bounded.
import type { ClaimMappings, TargetService } from '../policy/policy.ts';
import { maxSubjectLength } from './check-claims.ts';
import { refuseByRule, type ExpressionContext } from './expression-context.ts';
import { toExpressionValue } from '../policy/expressions.ts';
import type { JsonObject } from './strict-json.ts';

/** The most that all mapped claims of a token may be, in bytes of JSON. */
export const maxMappedBytes = 4096;

/** What the mappings give. `sub` is there if it is replaced. */
export type MappedClaims = { sub: string | undefined; claims: JsonObject };

/** Evaluates all mappings. @returns the claims, or why one of them fails for this token */
export function mapClaims({ subject, claims }: ClaimMappings, { values, steps }: ExpressionContext): MappedClaims | string {
  const mapped: Record<string, unknown> = Object.create(null);
  for (const { field, name, expression } of claims) {
    const { value, failure } = expression.evaluate(values(), steps);
    if (failure !== undefined) return `${field} (${name}): ${failure}`;
    if (value !== null) mapped[name] = value;
  }
  if (subject === undefined) return { sub: undefined, claims: mapped };
  const { value: sub, failure } = subject.expression.evaluate(values(), steps);
  if (failure !== undefined) return `${subject.field}: ${failure}`;
  if (typeof sub !== 'string' || sub === '' || sub.length > maxSubjectLength) return `${subject.field}: gives no text of 1 to ${maxSubjectLength} characters`;
  return { sub, claims: mapped };
}

/** Why mapped claims are too large. */
export function refuseBySize({ sub, claims }: MappedClaims): string | undefined {
  if (sub === undefined && Object.keys(claims).length === 0) return undefined;
  const bytes = Buffer.byteLength(JSON.stringify({ ...(sub === undefined ? {} : { sub }), ...claims }));
  return bytes > maxMappedBytes ? `the mapped claims are ${bytes} bytes as JSON: ${maxMappedBytes} at most` : undefined;
}

/** Why a TargetService does not let such a value stand in a claim. It is asked for clients outside the trusted namespaces only. */
export function refuseByTargetClaims({ claims }: MappedClaims, service: TargetService, context: ExpressionContext): string | undefined {
  for (const [name, value] of Object.entries(claims)) {
    const rule = service.claims.get(name);
    // Whether a claim may be set at all was decided when the client was loaded.
    if (rule === undefined) return `it does not allow the claim ${name}`;
    const why = refuseByRule(rule, context, { value: toExpressionValue(value) });
    if (why !== undefined) return `${name}: ${why}`;
  }
  return undefined;
}

/** What Kubernetes keeps for itself at the beginning of names. */
const systemPrefix = 'system:';

/** Where a system name stands in mapped claims: in `sub`, or at any depth of a claim, keys included. */
export function findSystemName({ sub, claims }: MappedClaims): string | undefined {
  if (sub?.startsWith(systemPrefix)) return 'sub';
  return Object.keys(claims).find((name) => hasSystemName(claims[name]));
}

function hasSystemName(value: unknown): boolean {
  if (typeof value === 'string') return value.startsWith(systemPrefix);
  if (Array.isArray(value)) return value.some(hasSystemName);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, member]) => key.startsWith(systemPrefix) || hasSystemName(member));
}
