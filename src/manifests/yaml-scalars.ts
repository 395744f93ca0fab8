// What a scalar of YAML means to kubectl.
import type { ParsedNode, Scalar } from 'yaml';
import { Refusal } from './yaml-syntax.ts';

const tagPrefix = 'tag:yaml.org,2002:';

/** Throws a Refusal if a node has a tag other than `!!type`. */
export function refuseTag(node: ParsedNode & { tag?: string }, type: string): void {
  const { tag } = node;
  if (tag === undefined || tag === tagPrefix + type) return;
  throw new Refusal(node, `the tag ${tag.replace(tagPrefix, '!!')} is not for this value, or not supported`);
}

type Resolved = { type: 'str' | 'int' | 'float' | 'bool' | 'null'; value: string | number | boolean | null };

/** The JSON value of a scalar, and what kubectl calls its type. Throws a Refusal where no JSON value is the same. */
export function resolveScalar(node: Scalar.Parsed): Resolved {
  const { source, tag } = node;
  if (!source.isWellFormed()) throw new Refusal(node, 'half of a surrogate pair is no character');
  if (tag === tagPrefix + 'str' || (tag === undefined && node.type !== 'PLAIN')) return { type: 'str', value: source };
  const { type, value } = resolvePlain(source);
  refuseTag(node, type);
  if (typeof value === 'number' && !(type === 'int' ? Number.isSafeInteger(value) : Number.isFinite(value))) {
    throw new Refusal(node, 'this number can\'t be kept exactly: put it in quotes if it is meant as text');
  }
  return { type, value };
}

const integer = /^([-+]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/;
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

/** What text without quotes means to kubectl: neither what YAML 1.1 says, nor what YAML 1.2 says. */
function resolvePlain(text: string): Resolved {
  if (['', '~', 'null', 'Null', 'NULL'].includes(text)) return { type: 'null', value: null };
  if (/^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return { type: 'bool', value: true };
  if (/^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return { type: 'bool', value: false };
  const digits = /^[-+0-9]/.test(text) ? text.replaceAll('_', '') : text.replace(/(?<=[0-9])_(?=[0-9])/g, '');
  if (/^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|0b[-+][01]+)$/.test(digits)) return { type: 'float', value: NaN };
  const [, sign, magnitude] = integer.exec(digits) ?? [];
  if (magnitude !== undefined) {
    const value = Number(BigInt(magnitude.replace(/^0(?=[0-7])/, '0o')));
    return { type: 'int', value: sign === '-' ? 0 - value : value };
  }
  // Adding 0 makes -0 the 0 that it is after JSON.
  return float.test(digits) ? { type: 'float', value: Number(digits) + 0 } : { type: 'str', value: text };
}
