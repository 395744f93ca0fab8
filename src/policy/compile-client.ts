// Compiles what an ExchangeClient says by itself: patterns and expressions. What it refers to is looked up in link-client.ts.
import type { Manifest } from '../manifests/read-object.ts';
import { compileWithExpressions, type ExpressionCompiler } from './compile-rules.ts';
import { parseSubjectPattern } from './match-subject-pattern.ts';
import type { ClaimMappings, ExpressionRule, SubjectMatch } from './policy.ts';

type Spec = Manifest<'ExchangeClient'>['spec'];

/** An entry of spec.subjects by itself. */
export type CompiledSubject = { conditions: readonly ExpressionRule[] } & SubjectMatch;

/** An ExchangeClient by itself; entry by entry, in the order of its spec. */
export type CompiledClient = { subjects: readonly CompiledSubject[]; mappings: readonly ClaimMappings[] };

/** Compiles one ExchangeClient. @returns it, or the mistakes in its expressions */
export function compileClient({ spec, namespace }: Manifest<'ExchangeClient'>): { value: CompiledClient; mistake?: never } | { value?: never; mistake: string } {
  return compileWithExpressions((compiler) => ({
    subjects: spec.subjects.map((entry, index) => ({
      ...matchOf(entry, namespace),
      conditions: compiler.rules('condition', `subjects[${index}].conditions`, entry.conditions),
    })),
    mappings: spec.targets.map(({ claimMappings }, index) => compileMappings(claimMappings, `targets[${index}].claimMappings`, compiler)),
  }));
}

function matchOf({ subject, subjectPattern, serviceAccounts }: Spec['subjects'][number], namespace: string): SubjectMatch {
  if (subject !== undefined) return { match: 'subject', subject };
  if (subjectPattern !== undefined) return { match: 'subjectPattern', pattern: parseSubjectPattern(subjectPattern) };
  if (serviceAccounts === undefined) return { match: 'any' };
  const accounts = serviceAccounts.map((account) => ({ name: account.name, namespace: account.namespace ?? namespace, uid: account.uid }));
  return { match: 'serviceAccounts', serviceAccounts: accounts };
}

const noMappings: ClaimMappings = { subject: undefined, claims: [] };

function compileMappings(mappings: Spec['targets'][number]['claimMappings'], field: string, compiler: ExpressionCompiler): ClaimMappings {
  if (mappings === undefined) return noMappings;
  const { subject, claims } = mappings;
  return {
    subject: subject && { field: `${field}.subject`, expression: compiler.expression('subjectMapping', `${field}.subject.expression`, subject.expression) },
    claims: claims.map(({ name, expression }, index) => {
      const place = `${field}.claims[${index}]`;
      return { field: place, name, expression: compiler.expression('claimMapping', `${place}.expression`, expression) };
    }),
  };
}
