// Compiles a TargetService into what requests use, or says why it is off.
import type { Manifest } from '../manifests/read-object.ts';
import type { Refusal } from './compile-issuer.ts';
import { compileWithExpressions, type ExpressionCompiler } from './compile-rules.ts';
import type { ExpressionRule, TargetService } from './policy.ts';

/** A TargetService on its own: in force unless another one names its audience. */
export type CompiledTargetService = { service: TargetService; refusal?: never } | { service?: never; refusal: Refusal };

/** Compiles one TargetService by itself. */
export function compileTargetService({ name, spec }: Manifest<'TargetService'>): CompiledTargetService {
  const { value, mistake } = compileWithExpressions((compiler) => ({
    claims: compileClaims(spec.claims, compiler),
    tokenValidationRules: compiler.rules('tokenValidationRule', 'tokenValidationRules', spec.tokenValidationRules),
  }));
  if (value === undefined) return { refusal: { reason: 'InvalidExpression', message: mistake } };
  const { audience, allowedNamespaces, maxLifetimeSeconds, mayOutliveSubjectToken, signingAlgorithm, allowSystemNames } = spec;
  return {
    service: {
      ...value,
      name,
      audience,
      scopes: new Set(spec.scopes),
      allowedNamespaces,
      maxLifetimeSeconds,
      mayOutliveSubjectToken,
      signingAlgorithm,
      subjectMapping: spec.subjectMapping === 'Allowed',
      allowSystemNames,
    },
  };
}

function compileClaims(claims: Manifest<'TargetService'>['spec']['claims'], compiler: ExpressionCompiler): Map<string, ExpressionRule> {
  return new Map(
    claims.map(({ name, rule, message }, index) => {
      const field = `claims[${index}]`;
      return [name, { field, expression: compiler.expression('claimRule', `${field}.rule`, rule), message }];
    }),
  );
}
