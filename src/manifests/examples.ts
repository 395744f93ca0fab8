// Examples in an ExchangeClient: exchanges that are tried out whenever the client, or what it refers to, changes.
import { z } from 'zod';
import { nameRef, text } from './fields.ts';
import { withRules } from './rules.ts';

/** The most that the claims of an example may be, in characters of JSON: as much as fits into a token. */
export const maxExampleClaims = 16_384;

/** Depth of objects and lists in each other that the claims of an example may have: as much as a token may. */
export const maxExampleDepth = 32;

/** Whether objects and lists stand deeper in each other. It goes no deeper itself. */
function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((member) => isDeeper(member, depth - 1));
}

/** Claims of any name and any value. */
const claims = (what: string) =>
  z
    .record(z.string(), z.unknown())
    .superRefine((value, context) => {
      // What goes through claims member by member would run out of stack, and everybody's manifests come after.
      if (isDeeper(value, maxExampleDepth)) context.addIssue({ code: 'custom', message: `must have at most ${maxExampleDepth} objects and lists in each other` });
      else if (JSON.stringify(value).length > maxExampleClaims) context.addIssue({ code: 'custom', message: `must have at most ${maxExampleClaims} characters as JSON` });
    })
    .meta({ description: what });

const expectation = withRules(
  z
    .strictObject({
      allowed: z.boolean().meta({ description: 'Whether a token must be issued.' }),
      claims: claims('Claims that must stand so in the issued token. Others may stand beside them.').optional(),
    })
    .meta({ description: 'What must come of it.' }),
  [
    {
      cel: 'self.allowed || !has(self.claims)',
      message: 'claims mean something only where the example is allowed',
      field: 'claims',
      check: (value) => value.allowed || value.claims === undefined,
    },
  ],
);

export const example = z
  .strictObject({
    name: text(256, 'What is shown, in words.'),
    issuerRef: nameRef('The TrustedIssuer whose token it is.'),
    claims: claims('The claims of the subject token. iss, aud, iat and exp are filled in when absent.'),
    request: z
      .strictObject({
        audience: text(512, 'The target. Default: none is named.').optional(),
        scope: text(2048, 'Scopes, with a space between them. Default: none is asked for.').optional(),
      })
      .meta({ description: 'What is asked for.' })
      .optional(),
    expect: expectation,
  })
  .meta({ description: 'An exchange, and what must come of it.' });
