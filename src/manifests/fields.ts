// The kinds of field that the manifests are made of: bounded text, names, lists that are sets or maps.
import { z } from 'zod';
import { exactlyOne, withRules } from './rules.ts';

const codePoints = (value: string): number => Array.from(value).length;

/** Text of 1 to `max` characters, counted as the API server counts them (code points, not UTF-16 units). */
export function text(max: number, what: string): z.ZodType<string> {
  return z
    .string()
    .superRefine((value, context) => {
      const length = codePoints(value);
      if (length >= 1 && length <= max) return;
      context.addIssue({ code: 'custom', message: `must have 1 to ${max} characters, and has ${length}` });
    })
    .meta({ description: what, minLength: 1, maxLength: max });
}

/** ASCII text that matches a pattern which RE2 and JavaScript read alike. */
export function patterned(pattern: RegExp, max: number, what: string, mustBe: string): z.ZodType<string> {
  return z
    .string()
    .max(max, `must have at most ${max} characters`)
    .regex(pattern, `must be ${mustBe}`)
    .meta({ description: what });
}

/** A scope (RFC 6749 §3.3). */
export const scopeToken = patterned(/^[!#-[\]-~]+$/, 128, 'A scope (RFC 6749 §3.3).', 'one scope: printable ASCII without space, quote or backslash');

/** A whole number between two bounds; `fallback` is its default. */
export function wholeNumber(min: number, max: number, fallback: number, what: string) {
  return z.int().min(min).max(max).default(fallback).meta({ description: what, format: 'int32' });
}

/** What names look like, for people. */
export const nameForms = {
  object: 'the name of a Kubernetes object: lower case letters, digits, "-" and ".", 253 at most',
  namespace: 'the name of a namespace: lower case letters, digits and "-", 63 at most',
};

/** An RFC 1123 subdomain: the name of an object. */
export const objectName = (what: string) =>
  patterned(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 253, what, nameForms.object);

/** An RFC 1123 label: the name of a namespace. */
export const namespaceName = (what: string) => patterned(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, what, nameForms.namespace);

/** A list without order or repetition (x-kubernetes-list-type: set). */
export function setOf<T extends z.ZodType<string>>(item: T, min: number, max: number, what: string) {
  return z
    .array(item)
    .min(min, `must have at least ${min} ${min === 1 ? 'entry' : 'entries'}`)
    .max(max, `must have at most ${max} entries`)
    .superRefine((list, context) => reportRepeated(list, (entry) => entry, context))
    .meta({ description: what, 'x-kubernetes-list-type': 'set' });
}

/** A list in which one member of each entry is its key (x-kubernetes-list-type: map). */
export function mapOf<T extends z.ZodType<object>>(item: T, key: string & keyof z.output<T>, min: number, max: number, what: string) {
  return z
    .array(item)
    .min(min, `must have at least ${min} ${min === 1 ? 'entry' : 'entries'}`)
    .max(max, `must have at most ${max} entries`)
    .superRefine((list, context) => reportRepeated(list, (entry) => String(entry[key]), context, key))
    .meta({ description: what, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A list whose entries have no key of their own (x-kubernetes-list-type: atomic). */
export function listOf<T extends z.ZodType>(item: T, min: number, max: number, what: string) {
  return z
    .array(item)
    .min(min, `must have at least ${min} ${min === 1 ? 'entry' : 'entries'}`)
    .max(max, `must have at most ${max} entries`)
    .meta({ description: what, 'x-kubernetes-list-type': 'atomic' });
}

/** A reference to an object of another kind by its name. */
export const nameRef = (what: string) =>
  z.strictObject({ name: objectName('The name of the object that is meant.') }).meta({ description: what });

/** An object of which exactly one member says which way is taken; the members carry that way's own settings. */
export function oneOf<S extends z.ZodRawShape>(shape: S, what: string) {
  const members = Object.keys(shape);
  return withRules(z.strictObject(shape).meta({ description: what }), [exactlyOne(...members)]);
}

function reportRepeated<T>(list: readonly T[], keyOf: (entry: T) => string, context: z.core.$RefinementCtx, key?: string): void {
  const seen = new Set<string>();
  list.forEach((entry, index) => {
    const value = keyOf(entry);
    if (seen.has(value)) {
      const path = key === undefined ? [index] : [index, key];
      context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} stands in this list twice`, path });
    }
    seen.add(value);
  });
}
