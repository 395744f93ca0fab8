// Fields that hold expressions (CEL), and claims that no expression may set.
import { z } from 'zod';
import { text } from './fields.ts';
import { exactlyOne, withRules, type Rule } from './rules.ts';

/** The longest expression, in characters. */
export const maxExpressionLength = 4096;
/** The longest message of a rule, and the longest name of a claim, in characters. */
export const maxMessageLength = 512;
export const maxClaimNameLength = 128;

/** An expression. */
export const expression = (what: string) => text(maxExpressionLength, what);

/** What is said in the audit log where a rule does not hold. */
export const message = text(maxMessageLength, 'What the audit log says where it does not hold. Callers are not told.').optional();

/** A condition: an expression that must be true, and what is said where it is not. */
export const condition = (what: string) => z.strictObject({ expression: expression('CEL; must be true.'), message }).meta({ description: what });

/** A rule about claims: a claim and the value that it must have, or an expression (as in Kubernetes' AuthenticationConfiguration). */
export const claimRule = withRules(
  z
    .strictObject({
      claim: text(maxClaimNameLength, 'The name of a claim.').optional(),
      requiredValue: text(1024, 'The text that the claim must be, exactly.').optional(),
      expression: expression('CEL; must be true.').optional(),
      message,
    })
    .meta({ description: 'claim and requiredValue, or expression and, if wanted, message.' }),
  [
    exactlyOne('claim', 'expression'),
    {
      cel: 'has(self.claim) == has(self.requiredValue)',
      message: 'claim and requiredValue belong together',
      check: (value) => (value.claim === undefined) === (value.requiredValue === undefined),
    },
    {
      cel: '!has(self.message) || has(self.expression)',
      message: 'message belongs to an expression',
      field: 'message',
      check: (value) => value.message === undefined || value.expression !== undefined,
    },
  ],
);

/** Claims that Cambio itself sets, or that would be taken for a statement of Cambio's: no mapping sets them. */
export const reservedClaims: readonly string[] =
  'iss aud exp nbf iat jti client_id azp scope act may_act cnf sub_id auth_time nonce at_hash c_hash sid txn events kubernetes.io sub'.split(' ');

/** The name of a claim that a mapping may set. The rule belongs on the object that has it as `name`. */
export const claimName = text(maxClaimNameLength, 'The name of the claim.');
export const notReserved: Rule<{ name: string }> = {
  cel: `!(self.name in [${reservedClaims.map((name) => `'${name}'`).join(', ')}])`,
  message: `this claim can't be set; no mapping sets ${reservedClaims.slice(0, -1).join(', ')}, and sub has a mapping of its own`,
  field: 'name',
  check: ({ name }) => !reservedClaims.includes(name),
};
