// Cross-field rules, written once for both worlds: CEL for the API server, a check for Cambio itself.
import type { z } from 'zod';

/** One rule of x-kubernetes-validations. `check` is left out where only the API server can tell (it knows the old object). */
export type Rule<T> = {
  cel: string;
  message: string;
  /** Where the message belongs, below the object that has the rule: a member, or several with dots. */
  field?: string;
  check?: (value: T) => boolean;
  /** The same in JSON Schema, where that has a way to say it. */
  schema?: Readonly<Record<string, unknown>>;
};

/** Where the JSON Schemas of rules stand until they are printed. */
export const ruleSchemas = 'x-cambio-rules';

/** Attaches rules to a schema: they are checked when it parses, and printed into the CRD. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly Rule<z.output<S>>[]): S {
  const checked = schema.superRefine((value, context) => {
    for (const rule of rules) {
      if (rule.check === undefined || rule.check(value)) continue;
      context.addIssue({ code: 'custom', message: rule.message, path: rule.field?.split('.') ?? [] });
    }
  });
  const printed = rules.map(({ cel, message, field }) => ({
    rule: cel,
    message,
    ...(field === undefined ? {} : { fieldPath: `.${field}` }),
  }));
  const schemas = rules.flatMap(({ schema: part }) => part ?? []);
  return checked.meta({ ...schema.meta(), 'x-kubernetes-validations': printed, ...(schemas.length === 0 ? {} : { [ruleSchemas]: schemas }) });
}

/** In JSON Schema: a member that is null counts as absent. */
const notNull = { not: { type: 'null' } };

const pairsOf = (members: readonly string[]): string[][] => members.flatMap((member, index) => members.slice(index + 1).map((other) => [member, other]));

/** Exactly one of these members must be there. */
export function exactlyOne<K extends string>(...members: readonly K[]): Rule<{ readonly [M in K]?: unknown }> {
  return {
    cel: `[${members.map((member) => `has(self.${member})`).join(', ')}].filter(present, present).size() == 1`,
    message: `exactly one of ${members.join(', ')} must be set`,
    check: (value) => members.filter((member) => value[member] !== undefined).length === 1,
    schema: { oneOf: members.map((member) => ({ required: [member], properties: { [member]: notNull } })) },
  };
}

/** At most one of these members may be there. */
export function atMostOne<K extends string>(...members: readonly K[]): Rule<{ readonly [M in K]?: unknown }> {
  return {
    cel: `[${members.map((member) => `has(self.${member})`).join(', ')}].filter(present, present).size() <= 1`,
    message: `at most one of ${members.join(', ')} may be set`,
    check: (value) => members.filter((member) => value[member] !== undefined).length <= 1,
    schema: { not: { anyOf: pairsOf(members).map((pair) => ({ required: pair, properties: Object.fromEntries(pair.map((member) => [member, notNull])) })) } },
  };
}

/** A member that can't be changed, nor added or removed later. The rule belongs on the member's parent. */
export function immutable(member: string): Rule<unknown> {
  return {
    cel: `has(self.${member}) == has(oldSelf.${member}) && (!has(self.${member}) || self.${member} == oldSelf.${member})`,
    message: `${member} is immutable: make a new object instead`,
    field: member,
  };
}
