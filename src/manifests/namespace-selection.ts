// Which namespaces may use a cluster-scoped object: none, all, or those whose labels a selector matches.
import { z } from 'zod';
import { listOf, patterned } from './fields.ts';
import { withRules } from './rules.ts';

/** Most entries of matchLabels. */
export const maxMatchLabels = 64;

const name = '([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)';
const prefix = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const labelKey = patterned(new RegExp(`^(${prefix}/)?${name}$`), 317, 'The key of a label.', 'the key of a label: 63 letters, digits, "-", "_" and "." at most, and before a "/" a DNS name');
const labelValue = patterned(new RegExp(`^${name}?$`), 63, 'The value of a label.', 'the value of a label: letters, digits, "-", "_" and ".", 63 at most');

const requirement = withRules(
  z
    .strictObject({
      key: labelKey,
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).meta({ description: 'How the label is held against the values.' }),
      values: listOf(labelValue, 0, 64, 'For In and NotIn: at least one. For Exists and DoesNotExist: none.').optional(),
    })
    .meta({ description: 'A requirement on one label.' }),
  [
    {
      cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
      message: 'values are required for In and NotIn, and must not stand with Exists and DoesNotExist',
      field: 'values',
      check: ({ operator, values = [] }) => ['In', 'NotIn'].includes(operator) === values.length > 0,
    },
  ],
);

const selector = withRules(
  z
    .strictObject({
      matchLabels: z
        .record(z.string(), labelValue)
        .superRefine((labels, context) => {
          const count = Object.keys(labels).length;
          if (count > maxMatchLabels) context.addIssue({ code: 'custom', message: `must have at most ${maxMatchLabels} entries` });
        })
        .meta({ description: 'Labels that the Namespace must have, with these values.', maxProperties: maxMatchLabels })
        .optional(),
      matchExpressions: listOf(requirement, 0, 64, 'Requirements on labels: all must hold.').optional(),
    })
    .meta({ description: 'A label selector, as Kubernetes has it.' }),
  [
    {
      // An empty selector matches everything, and would be what is left of a mistyped one.
      cel: '(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)',
      message: 'a selector needs at least one entry; for every namespace write from: All',
      check: ({ matchLabels = {}, matchExpressions = [] }) => Object.keys(matchLabels).length + matchExpressions.length > 0,
    },
  ],
);

/** `allowedNamespaces` of a cluster-scoped kind. Absent means None. */
export const allowedNamespaces = (what: string) =>
  withRules(
    z
      .strictObject({
        from: z.enum(['None', 'All', 'Selector']).meta({ description: 'None: the trusted namespaces only, which are always allowed. All: every namespace. Selector: those that the selector matches.' }),
        selector: selector.optional(),
      })
      .meta({ description: what }),
    [
      {
        cel: "(self.from == 'Selector') == has(self.selector)",
        message: 'a selector is required with from: Selector, and must not stand with anything else',
        field: 'selector',
        check: (value) => (value.from === 'Selector') === (value.selector !== undefined),
      },
    ],
  );

export type AllowedNamespaces = z.output<ReturnType<typeof allowedNamespaces>>;
export type LabelSelector = z.output<typeof selector>;
