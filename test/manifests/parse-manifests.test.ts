// The text of a file: its documents, the items of lists, and the places of mistakes.
import { describe, expect, test } from 'vitest';
import { formatProblem, parseManifests } from '../../src/manifests/parse-manifests.ts';

const issuer = (name: string, more = ''): string => `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ${name}}
spec:
  issuer: {url: https://ci.example.com, audiences: [cambio]}
  verification: {tokenReview: {}}
${more}`;

const names = (text: string): string[] => parseManifests(text, 'a.yaml').objects.map(({ name, problems }) => (problems === undefined ? name : `${name} (off)`));
const mistakes = (text: string): string[] => {
  const { problems, syntaxErrors } = parseManifests(text, 'a.yaml');
  return [...syntaxErrors, ...problems].map(formatProblem);
};

const indented = (text: string): string => text.trimEnd().replaceAll('\n', '\n  ');

describe('documents', () => {
  test.each([
    { what: 'nothing', text: '', objects: [] },
    { what: 'only a comment', text: '# later\n', objects: [] },
    { what: 'one', text: issuer('a'), objects: ['a'] },
    { what: 'two, and an empty one between them', text: `${issuer('a')}---\n---\n${issuer('b')}`, objects: ['a', 'b'] },
    { what: 'other kinds among them', text: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n${issuer('a')}---\nkind: Kustomization\n`, objects: ['a'] },
    { what: 'the same object twice: who reads decides', text: `${issuer('a')}---\n${issuer('a')}`, objects: ['a', 'a'] },
    { what: 'one with a mistake beside a good one', text: `${issuer('a', '  suspend: maybe\n')}---\n${issuer('b')}`, objects: ['a (off)', 'b'] },
    { what: 'a list', text: `apiVersion: v1\nkind: List\nitems:\n- ${indented(issuer('a'))}\n- {apiVersion: v1, kind: Secret}\n- ${indented(issuer('b'))}\n`, objects: ['a', 'b'] },
    { what: 'an empty list', text: 'apiVersion: v1\nkind: List\nitems: []\n', objects: [] },
    { what: 'a list without items', text: 'apiVersion: v1\nkind: List\n', objects: [] },
    { what: 'JSON', text: JSON.stringify({ apiVersion: 'cambio.dev/v1alpha1', kind: 'TrustedIssuer', metadata: { name: 'a' }, spec: { issuer: { audiences: ['b'] }, verification: { tokenReview: {} } } }), objects: ['a'] },
    { what: 'lines ended as on Windows', text: issuer('a').replaceAll('\n', '\r\n'), objects: ['a'] },
  ])('$what', ({ text, objects }) => {
    expect(names(text)).toEqual(objects);
  });
});

describe('the place of a mistake', () => {
  test.each([
    { what: 'a value', text: issuer('a', '  clockSkewSeconds: 301\n'), said: ['a.yaml:7:3: spec.clockSkewSeconds: must be at most 300'] },
    { what: 'an unknown field', text: issuer('a', '\n\n  algoritms: [ES256]\n'), said: ['a.yaml:9:3: spec.algoritms: unknown field; did you mean algorithms?'] },
    { what: 'an item of a list', text: issuer('a', '  algorithms:\n  - ES256\n  - none\n'), said: ['a.yaml:9:5: spec.algorithms[1]: must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA'] },
    { what: 'something missing: where it should be', text: issuer('a').replace(', audiences: [cambio]', ''), said: ['a.yaml:5:3: spec.issuer.audiences: is required: a list'] },
    { what: 'something missing at the root', text: 'apiVersion: cambio.dev/v1alpha1\nkind: TrustedIssuer\nmetadata: {name: a}\n', said: ['a.yaml:1:1: spec: is required: an object'] },
    { what: 'in the second document', text: `${issuer('a')}---\n# b\n${issuer('b', '  suspend: 1\n')}`, said: ['a.yaml:15:3: spec.suspend: must be true or false'] },
    { what: 'in an item of a list', text: `apiVersion: v1\nkind: List\nitems:\n- ${indented(issuer('a', '  suspend: 1\n'))}\n`, said: ['a.yaml:10:5: spec.suspend: must be true or false'] },
    { what: 'an item of a list that names no object', text: 'apiVersion: v1\nkind: List\nitems:\n- apiVersion: cambio.dev/v1alpha1\n  kind: TrustedIsuer\n', said: ['a.yaml:5:3: kind: there is no kind "TrustedIsuer" in cambio.dev/v1alpha1; did you mean TrustedIssuer?'] },
    { what: 'not YAML, beside a good document', text: `${issuer('a')}---\nspec: [\n`, said: [expect.stringMatching(/^a\.yaml:\d+:\d+: YAML: ./)] },
  ])('$what', ({ text, said }) => {
    expect(mistakes(text)).toEqual(said);
  });
});
