// A file is read document by document: what stands in it as before is the very same as before, wherever it stands now.
import { describe, expect, test } from 'vitest';
import { createPace, type Pace } from '../../src/files/pace.ts';
import { readDocuments, type ReadDocument } from '../../src/files/read-documents.ts';
import { formatProblem, parseManifests } from '../../src/manifests/parse-manifests.ts';

const issuer = (name: string, skew: number | string = 30): string => `---
apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ${name}}
spec:
  issuer: {url: https://ci.example.com, audiences: [cambio]}
  verification: {tokenReview: {}}
  clockSkewSeconds: ${skew}
`;
const namespace = (name: string): string => `---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;

const unhurried: Pace = { giveWay: async () => undefined, ended: () => false };
const read = (text: string, before: readonly ReadDocument[] = []): Promise<ReadDocument[]> => readDocuments(text, 'a.yaml', before, unhurried);

const objectsOf = (documents: readonly ReadDocument[]) => documents.flatMap(({ objects }) => objects.map(({ object }) => object));
const placesOf = (documents: readonly ReadDocument[]): string[] =>
  documents.flatMap(({ objects, namespaces }) => [
    ...objects.map(({ object, file, line, column }) => `${object.name} ${file}:${line}:${column}`),
    ...namespaces.map(({ namespace: { name }, file, line, column }) => `${name} ${file}:${line}:${column}`),
  ]);
const mistakesOf = (documents: readonly ReadDocument[]): string[] => documents.flatMap(({ problems, syntaxErrors }) => [...syntaxErrors, ...problems].map(formatProblem));

describe('after a change', () => {
  test.for<[what: string, before: string, after: string, same: string[]]>([
    ['nothing changed', issuer('a') + issuer('b'), issuer('a') + issuer('b'), ['a', 'b']],
    ['one of them', issuer('a') + issuer('b') + issuer('c'), issuer('a') + issuer('b', 60) + issuer('c'), ['a', 'c']],
    ['one more before them', issuer('a') + issuer('b'), issuer('c') + issuer('a') + issuer('b'), ['a', 'b']],
    ['one less', issuer('a') + issuer('b') + issuer('c'), issuer('b') + issuer('c'), ['b', 'c']],
    ['another order', issuer('a') + issuer('b'), issuer('b') + issuer('a'), ['a', 'b']],
    ['a comment before the first', issuer('a') + issuer('b'), `# later\n${issuer('a')}${issuer('b')}`, ['a', 'b']],
    ['a comment within one', issuer('a') + issuer('b'), `${issuer('a')}# later\n${issuer('b')}`, ['b']],
    ['one that stands twice now', issuer('a'), issuer('a') + issuer('a'), ['a', 'a']],
    ['broken, and mended', `${issuer('a')}--- {\n`, issuer('a') + issuer('b'), ['a']],
    ['a mistake: it is read anew', issuer('a', 301) + issuer('b'), issuer('a', 301) + issuer('b'), ['b']],
  ])('%s', async ([, before, after, same]) => {
    const first = await read(before);
    const known = new Set(objectsOf(first));
    const second = await read(after, first);
    expect(objectsOf(second).filter((object) => known.has(object)).map(({ name }) => name).toSorted()).toEqual(same);
    // Beside that, as if there had been nothing before.
    expect(second).toEqual(await read(after));
    expect(mistakesOf(second)).toEqual([...parseManifests(after, 'a.yaml').syntaxErrors, ...parseManifests(after, 'a.yaml').problems].map(formatProblem));
  });
});

test('places move with their documents', async () => {
  const first = await read(issuer('a') + namespace('team') + issuer('b', 301));
  expect([placesOf(first), mistakesOf(first)]).toEqual([
    ['a a.yaml:4:12', 'team a.yaml:12:12', 'b a.yaml:16:12'],
    ['a.yaml:20:3: spec.clockSkewSeconds: must be at most 300'],
  ]);
  const second = await read(`# one\n# two\n${issuer('a')}${namespace('team')}${issuer('b', 301)}`, first);
  expect([placesOf(second), mistakesOf(second)]).toEqual([
    ['a a.yaml:6:12', 'team a.yaml:14:12', 'b a.yaml:18:12'],
    ['a.yaml:22:3: spec.clockSkewSeconds: must be at most 300'],
  ]);
  const third = await read(issuer('a') + namespace('team') + issuer('b', 301), second);
  expect(placesOf(third)).toEqual(placesOf(first));
});

test('every document that is parsed gives way, and no other', async () => {
  let times = 0;
  const counting: Pace = { ...unhurried, giveWay: async () => void times++ };
  const first = await readDocuments(issuer('a') + issuer('b') + issuer('c'), 'a.yaml', [], counting);
  // The empty text before the first `---` is none.
  expect(times).toBe(3);
  await readDocuments(issuer('a') + issuer('b', 60) + issuer('c'), 'a.yaml', first, counting);
  expect(times).toBe(4);
});

describe('the pace', () => {
  test('others have their turn after some time, and not before', async () => {
    let now = 0;
    const controller = new AbortController();
    const pace = createPace(() => now, controller.signal);
    const turns: string[] = [];
    setImmediate(() => turns.push('other'));
    now = 4;
    await pace.giveWay();
    turns.push('work');
    now = 5;
    await pace.giveWay();
    turns.push('work');
    expect(turns).toEqual(['work', 'other', 'work']);
  });

  test('the end of it all ends it', async () => {
    const controller = new AbortController();
    let now = 0;
    const pace = createPace(() => now, controller.signal);
    controller.abort();
    now = 5;
    await expect(pace.giveWay()).rejects.toThrow('aborted');
    expect(pace.ended()).toBe(true);
  });
});
