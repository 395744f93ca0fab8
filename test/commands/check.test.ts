// `cambio check` as a command: what it reads, what it refuses to run with, exit codes, and the forms of its output.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mintToken } from '../cases/mint-token.ts';
import { runCheckWith, type Checked } from './run-check.ts';
import { runMain } from './run-main.ts';

const jwks = '{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "x": "R1lUJI8-YgpDO29dZeVATa9UAmfJaP-5xQsdv9OJnfk", "y": "XN9TT23_uce3xEEQZ1T13wVcz_ClWxwkVZuXuwwigr4"}]}';

const issuer = (name: string, more = ''): string => `apiVersion: cambio.dev/v1alpha1
kind: TrustedIssuer
metadata: {name: ${name}}
spec:
  issuer: {url: "https://${name}.example.com", audiences: [https://cambio.example.com]}
  verification: {jwks: '${jwks}'}
${more}`;

const client = (name: string, issuerName: string): string => `apiVersion: cambio.dev/v1alpha1
kind: ExchangeClient
metadata: {name: ${name}, namespace: cambio-system}
spec:
  authentication: {none: {}}
  subjects: [{issuerRef: {name: ${issuerName}}, subject: alice}]
  targets: [{audience: https://deploy.example.com, default: true}]
`;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cambio-check-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), text);
  }
}

/** Runs it with paths below the folder, which is left out of what it prints. */
async function check(paths: readonly string[], args: readonly string[] = [], stdin = ''): Promise<Checked> {
  const { code, out, err } = await runCheckWith([...args, ...paths.map((path) => (path === '-' ? path : join(dir, path)))], stdin);
  return { code, out: out.replaceAll(`${dir}/`, ''), err: err.replaceAll(`${dir}/`, '') };
}

const asJson = ({ out }: Checked): { problems: Record<string, unknown>[]; objects: Record<string, unknown>[]; passedOver: number; source: string; answer: Record<string, unknown> } => JSON.parse(out) as ReturnType<typeof asJson>;

/** Each problem as `file:line:column: field: message`. */
const problemsOf = (checked: Checked): string[] => asJson(checked).problems.map(({ severity, file, line, column, field, message }) => `${String(severity)} ${[file, line, column].join(':')}: ${String(field)}: ${String(message)}`);

describe('what it reads', () => {
  test('directories below each other, several documents a file, JSON, lists, and files whatever their name', async () => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }] });
    await write({ 'a/ci.yaml': `${issuer('ci')}---\n${client('one', 'ci')}`, 'a/b/more.yml': client('two', 'ci'), 'a/list.json': list, 'a/notes.txt': 'no: [yaml', other: client('three', 'ci') });
    const checked = await check(['a', 'other'], ['--output', 'json']);
    expect(checked).toMatchObject({ code: 0, err: '' });
    expect(asJson(checked)).toMatchObject({ source: '4 files', passedOver: 1, problems: [] });
    expect(asJson(checked).objects.map(({ name, file, line }) => [name, file, line])).toEqual([
      ['cambio-system/two', 'a/b/more.yml', 3],
      ['ci', 'a/ci.yaml', 3],
      ['cambio-system/one', 'a/ci.yaml', 10],
      ['cambio-system/three', 'other', 3],
    ]);
  });

  test('standard input', async () => {
    const checked = await check(['-'], ['--output', 'json'], issuer('ci', '  suspended: true\n'));
    expect(checked.code).toBe(1);
    expect(problemsOf(checked)).toEqual(['error stdin:7:3: spec.suspended: unknown field; did you mean suspend?']);
  });

  test('a file that is named twice, once', async () => {
    await write({ 'ci.yaml': issuer('ci') });
    expect(await check(['ci.yaml', '.', 'ci.yaml'])).toMatchObject({ code: 0, out: expect.stringContaining('No problems in 1 object from 1 file\n') });
  });

  test('references across files', async () => {
    await write({ 'client.yaml': client('one', 'ci') });
    expect((await check(['.'])).code).toBe(1);
    await write({ 'issuer.yaml': issuer('ci') });
    expect((await check(['.'])).code).toBe(0);
  });
});

describe('what stops it', () => {
  test.each<{ name: string; files?: Record<string, string>; paths: string[]; args?: string[]; err: string }>([
    { name: 'no path', paths: [], err: 'PATH: name a file or a directory with manifests, - for standard input, or --server\nSee cambio check --help.\n' },
    { name: 'a path that is not there', paths: ['policy'], err: 'cambio check: policy: there is no such file or directory\n' },
    { name: 'a directory without manifests', files: { 'a/notes.txt': '' }, paths: ['a'], err: 'cambio check: a: there is no file below it that ends in .yaml, .yml or .json\n' },
    { name: 'files without a document of ours', files: { 'a.yaml': 'apiVersion: v1\nkind: ConfigMap\n' }, paths: ['a.yaml'], err: "cambio check: there is no document of Cambio's kinds in a.yaml\n" },
    { name: 'a file that is not text', files: { 'a.yaml': '' }, paths: ['a.yaml', '-'], err: 'cambio check: standard input: is not UTF-8\n' },
    { name: 'standard input twice', paths: ['-'], args: ['--token', '-'], err: '-: standard input can be read for one thing only\nSee cambio check --help.\n' },
    { name: 'a token and claims', paths: ['a'], args: ['--token', 'b', '--claims', 'c'], err: '--token and --claims: ask about one of them\nSee cambio check --help.\n' },
    { name: 'a question without a token', paths: ['a'], args: ['--client', 'b/c', '--at', '1'], err: '--client: says something about a token; ask about one with --token or --claims\n--at: says something about a token; ask about one with --token or --claims\nSee cambio check --help.\n' },
    { name: 'a server and files', paths: ['a'], args: ['--server'], err: '--server: takes the manifests from the cluster, and files are named too; check one or the other\nSee cambio check --help.\n' },
    { name: 'a context and files', paths: ['a'], args: ['--context', 'b'], err: '--context: is for --server\nSee cambio check --help.\n' },
    { name: 'a token in place of a file', paths: ['a'], args: ['--token', 'eyJhbGciOiJub25lIn0.e30.'], err: '--token: must be a file, or - for standard input, and looks like a token itself; on a command line every process can read it\nSee cambio check --help.\n' },
    { name: 'claims that are not there', files: { 'ci.yaml': issuer('ci') }, paths: ['ci.yaml'], args: ['--claims', '/no/such/file'], err: 'cambio check: --claims: there is no file /no/such/file\n' },
  ])('$name', async ({ files = {}, paths, args, err }) => {
    await write(files);
    const checked = await runCheckWith([...(args ?? []), ...paths.map((path) => (path === '-' ? path : join(dir, path)))], Buffer.of(0xff));
    expect({ ...checked, err: checked.err.replaceAll(`${dir}/`, '') }).toEqual({ code: 2, out: '', err });
  });

  test('a link to a device: what never ends is not read to its end', async () => {
    await mkdir(join(dir, 'policy'));
    await symlink('/dev/zero', join(dir, 'policy/zero.yaml'));
    expect((await check(['policy'])).err.replaceAll(`${dir}/`, '')).toBe('cambio check: policy/zero.yaml: is not a file\n');
    expect((await check(['policy/zero.yaml'])).err.replaceAll(`${dir}/`, '')).toBe('cambio check: policy/zero.yaml: is larger than 67108864 bytes\n');
  });

  test('a name in place of the issuer\'s URL', async () => {
    const { code, stderr } = await runMain(['check', 'policy', '--issuer', 'github-actions', '--at', 'noon']);
    expect(code).toBe(2);
    expect(stderr).toBe(`--issuer: is Cambio's own URL, as in cambio serve (the TrustedIssuer of --claims is named by --trusted-issuer), and is "github-actions"
--at: must be a time such as 2027-01-15T08:00:00Z, or seconds since 1970, and is "noon"
See cambio check --help.
`);
  });

  test('a token in a variable is not looked at', async () => {
    await write({ 'ci.yaml': issuer('ci') });
    const { code, stdout, stderr } = await runMain(['check', dir], { CAMBIO_TOKEN: 'eyJhbGciOiJub25lIn0.e30.', CAMBIO_CLIENT: 'a/b' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('eyJ');
  });
});

describe('what it finds', () => {
  test('text that is not YAML, beside what else there is', async () => {
    await write({ 'a.yaml': `${issuer('ci')}---\na: b: c\n` });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(1);
    expect(problemsOf(checked)).toEqual(['error a.yaml:8:4: YAML: a line that is indented too far, or a value with ": " in it that is not in quotes']);
    expect(asJson(checked).objects).toHaveLength(1);
  });

  test('an object that stands twice, at both places', async () => {
    await write({ 'a.yaml': issuer('ci'), 'b.yaml': `\n${issuer('ci')}`, 'c.yaml': client('one', 'ci') });
    const checked = await check(['.'], ['--output', 'json']);
    const twice = `metadata.name: TrustedIssuer ci stands more than once (${join(dir, 'a.yaml')}, ${join(dir, 'b.yaml')}): none of them is used`.replaceAll(`${dir}/`, '');
    expect(problemsOf(checked).slice(0, 2)).toEqual([`error a.yaml:3:12: ${twice}`, `error b.yaml:4:12: ${twice}`]);
    expect(problemsOf(checked)[2]).toBe('warning c.yaml:6:15: spec.subjects[0].issuerRef: TrustedIssuer ci is off; its own status says why');
  });

  test('what only the compile step can tell, at the line of its field', async () => {
    await write({ 'a.yaml': issuer('ci').replace('R1lUJI8', 'AAAAAAA'), 'b.yaml': client('one', 'cj') });
    expect(problemsOf(await check(['.'], ['--output', 'json']))).toEqual([
      expect.stringMatching(/^error a\.yaml:6:18: spec\.verification\.jwks: keys\[0\] /),
      'error b.yaml:6:15: spec.subjects[0].issuerRef: there is no TrustedIssuer cj; did you mean ci?',
    ]);
  });

  test('every expression with a mistake', async () => {
    const rules = `  claimValidationRules:
  - {expression: "claims.a = 'b'"}
  - {expression: "claims.a == 'b'"}
  - {expression: "clams.a == 'b'"}
`;
    await write({ 'a.yaml': issuer('ci', rules) });
    expect(problemsOf(await check(['.'], ['--output', 'json']))).toEqual([
      'error a.yaml:8:6: spec.claimValidationRules[0].expression: unexpected character: = (line 1, column 10)',
      expect.stringMatching(/^error a\.yaml:10:6: spec\.claimValidationRules\[2\]\.expression: /),
    ]);
  });

  test('a suspended object is meant so: a warning, which stops nothing', async () => {
    await write({ 'a.yaml': issuer('ci', '  suspend: true\n') });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(0);
    expect(problemsOf(checked)).toEqual(['warning a.yaml:7:3: spec.suspend: is true: nothing of this object is in force']);
    expect(asJson(checked).objects).toMatchObject([{ ready: false, reason: 'Suspended' }]);
  });
});

describe('a star in a subject', () => {
  const withSubjects = (subjects: string): string => `${issuer('ci')}---\n${client('one', 'ci').replace(/subjects: .*/, `subjects:\n${subjects}`)}`;

  test('stands for itself: a warning at its place', async () => {
    await write({ 'a.yaml': withSubjects('  - {issuerRef: {name: ci}, subject: alice}\n  - issuerRef: {name: ci}\n    subject: "repo:acme/*:ref:refs/heads/main"') });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(0);
    expect(problemsOf(checked)).toEqual(['warning a.yaml:16:5: spec.subjects[1].subject: is compared exactly, and "*" stands for itself; for a pattern use subjectPattern']);
  });

  test('in a pattern is what it is for', async () => {
    await write({ 'a.yaml': withSubjects('  - {issuerRef: {name: ci}, subjectPattern: "repo:acme/*:ref:refs/heads/main"}') });
    expect(problemsOf(await check(['.'], ['--output', 'json']))).toEqual([]);
  });
});

describe('examples', () => {
  const examples = (expected: string): string => `  examples:
  - {name: alice may, issuerRef: {name: ci}, claims: {sub: alice}, expect: {allowed: true}}
  - {name: "who: bob?", issuerRef: {name: ci}, claims: {sub: bob}, expect: ${expected}}
`;

  test('that come out as they expect', async () => {
    await write({ 'a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}${examples('{allowed: false}')}` });
    expect((await check(['.'])).code).toBe(0);
  });

  test('one that is denied, at its line', async () => {
    await write({ 'a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}${examples('{allowed: true}')}` });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(1);
    expect(problemsOf(checked)).toEqual(['error a.yaml:17:5: spec.examples[1]: example "who: bob?": is denied: subject: no entry of subjects matches bob of TrustedIssuer ci']);
    expect(asJson(checked).objects).toMatchObject([{ name: 'ci' }, { name: 'cambio-system/one', ready: true }]);
  });

  test('ones that are allowed and must not be keep the client out', async () => {
    const wide = examples('{allowed: false}').replace('allowed: true', 'allowed: false');
    await write({ 'a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}${wide}` });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(1);
    expect(problemsOf(checked)).toEqual(['error a.yaml:16:5: spec.examples[0]: example "alice may": is allowed, and must not be']);
    expect(asJson(checked).objects[1]).toMatchObject({ ready: false, reason: 'ExamplesWiden: Widened' });
  });

  test('of a client whose issuer is suspended are no mistake', async () => {
    await write({ 'a.yaml': `${issuer('ci', '  suspend: true\n')}---\n${client('one', 'ci')}${examples('{allowed: false}')}` });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(0);
    expect(asJson(checked).problems.map(({ severity }) => severity)).toEqual(['warning', 'warning', 'warning']);
  });
});

describe('tenants', () => {
  const tenant = (label: string): string => `apiVersion: cambio.dev/v1alpha1
kind: TargetService
metadata: {name: deploy}
spec:
  audience: https://deploy.example.com
  allowedNamespaces: {from: Selector, selector: {matchLabels: {${label}}}}
---
${issuer('ci', '  allowedNamespaces: {from: All}\n')}---
${client('one', 'ci').replace('cambio-system', 'payments')}`;

  test('an issuer that is open to namespaces and not tied to them: a warning', async () => {
    await write({ 'a.yaml': tenant('kubernetes.io/metadata.name: payments') });
    const checked = await check(['.'], ['--output', 'json']);
    expect(checked.code).toBe(0);
    expect(problemsOf(checked)).toEqual([
      'warning a.yaml:14:3: spec.allowedNamespaces: any permitted namespace may accept any subject of this issuer; tie them together by a rule of claimValidationRules that uses client',
    ]);
  });

  test('a selector by another label than the name is undecided without a Namespace, and decided with one', async () => {
    await write({ 'a.yaml': tenant('grant.cambio.dev/deploy: "true"') });
    const undecided = await check(['.'], ['--output', 'json']);
    expect(undecided.code).toBe(0);
    expect(problemsOf(undecided)).toContain(
      'warning a.yaml:22:14: spec.targets[0].audience: undecided: TargetService deploy selects namespaces by the label grant.cambio.dev/deploy, and there is no document of the Namespace payments',
    );
    await write({ 'b.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: payments}\n' });
    const denied = await check(['.'], ['--output', 'json']);
    expect(denied.code).toBe(1);
    expect(problemsOf(denied)).toContain('error a.yaml:22:14: spec.targets[0].audience: no TargetService allows clients of the namespace payments to hand out https://deploy.example.com');
    await write({ 'b.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: payments, labels: {grant.cambio.dev/deploy: "true"}}\n' });
    expect((await check(['.'])).code).toBe(0);
  });

  test('--reserved-audiences are never handed out there', async () => {
    await write({ 'a.yaml': tenant('kubernetes.io/metadata.name: payments') });
    const checked = await check(['.'], ['--output', 'json', '--reserved-audiences', 'https://deploy.example.com']);
    expect(checked.code).toBe(1);
    expect(asJson(checked).objects).toMatchObject([{}, {}, { ready: false, reason: 'NothingLoaded: AudienceReserved' }]);
  });
});

describe('questions', () => {
  const claims = { sub: 'alice' };
  const ask = async (claims_: object, ...args: string[]): Promise<Checked> => {
    await write({ 'claims.json': JSON.stringify(claims_) });
    return check(['policy'], ['--output', 'json', '--claims', join(dir, 'claims.json'), ...args]);
  };

  test('the only client, the only issuer and the default target need not be named', async () => {
    await write({ 'policy/a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}` });
    const checked = await ask(claims, '--at', '1800000000');
    expect(checked).toMatchObject({ code: 0, err: '' });
    expect(asJson(checked).answer).toMatchObject({ outcome: 'granted', client: 'cambio-system/one', issuer: 'ci', token: { claims: { sub: 'ci:alice', aud: 'https://deploy.example.com', exp: 1_800_000_300 } } });
  });

  test.each<{ name: string; args: string[]; claims?: object; err: string }>([
    { name: 'of several clients one must be named', args: [], err: 'cambio check: --client: say which one asks: cambio-system/one, cambio-system/two\n' },
    { name: 'an issuer that the client does not refer to', args: ['--client', 'cambio-system/one', '--trusted-issuer', 'cj'], err: 'cambio check: --trusted-issuer: the client does not refer to cj, or it is off; name one of ci\n' },
  ])('$name', async ({ args, err }) => {
    await write({ 'policy/a.yaml': [issuer('ci'), client('one', 'ci'), client('two', 'ci')].join('---\n') });
    expect(await ask(claims, ...args)).toEqual({ code: 2, out: '', err });
  });

  test('of several issuers of the client one must be named, or told by iss', async () => {
    const two = client('one', 'ci').replace('subjects: [', 'subjects: [{issuerRef: {name: cj}, subject: alice}, ');
    const other = issuer('cj').replace(jwks, jwks.replace('"alg": "ES256"', '"kid": "other"'));
    await write({ 'policy/a.yaml': [issuer('ci'), other, two].join('---\n') });
    expect(await ask(claims)).toEqual({ code: 2, out: '', err: 'cambio check: --trusted-issuer: say whose claims they are: cj, ci\n' });
    expect(asJson(await ask(claims, '--trusted-issuer', 'ci')).answer).toMatchObject({ outcome: 'granted', subject: 'ci:alice' });
    expect(asJson(await ask({ ...claims, iss: 'https://cj.example.com' })).answer).toMatchObject({ outcome: 'granted', subject: 'cj:alice' });
    expect(asJson(await ask({ ...claims, iss: 'https://ck.example.com' })).answer).toMatchObject({ outcome: 'denied', check: 'subject-issuer' });
  });

  test('an expired token is refused, and the other checks are told for a good one', async () => {
    await write({ 'policy/a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}` });
    const checked = await ask({ sub: 'bob', exp: 1_700_000_000, iat: 1_699_999_000 }, '--at', '1800000000');
    expect(checked.code).toBe(1);
    const { check: denied, checks, checksIfTokenWereGood } = asJson(checked).answer as { check: string; checks: { name: string; verdict: string }[]; checksIfTokenWereGood: { name: string; verdict: string }[] };
    expect(denied).toBe('subject-token');
    expect(checks.filter(({ verdict }) => verdict === 'unknown').length).toBeGreaterThan(4);
    expect(checksIfTokenWereGood.filter(({ verdict }) => verdict === 'denies').map(({ name }) => name)).toEqual(['subject']);
  });

  test('are not answered where a file can not be read whole', async () => {
    await write({ 'policy/a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}`, 'policy/b.yaml': 'a: b: c' });
    const { code, out, err } = await ask(claims);
    expect({ code, err }).toEqual({ code: 2, err: "cambio check: the token is not asked about: policy/b.yaml can't be read whole, and what that limits can't be known\n" });
    expect(asJson({ code, out, err })).toMatchObject({ problems: [{ file: 'policy/b.yaml', line: 1, column: 4 }] });
  });

  test('a token whose issuer\'s keys stand in the manifest is verified', async () => {
    await write({ 'policy/a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}`, 'token.jwt': `${token()}\n` });
    const checked = await check(['policy'], ['--output', 'json', '--token', join(dir, 'token.jwt'), '--at', '1800000000']);
    expect(asJson(checked).answer).toMatchObject({
      outcome: 'denied',
      reason: 'subject token: ci: no key of the issuer has its kid and fits its alg',
      notes: ['the file has space or line breaks around the token: they are passed over here, and a request with them is refused'],
    });
  });

  test('a token whose keys are not here is supposed to be good', async () => {
    await write({ 'policy/a.yaml': `${issuer('ci').replace(`jwks: '${jwks}'`, 'tokenReview: {}')}---\n${client('one', 'ci')}`, 'token.jwt': token() });
    const checked = await check(['policy'], ['--output', 'json', '--token', join(dir, 'token.jwt'), '--at', '1800000000']);
    expect(asJson(checked).answer).toMatchObject({ notes: ['signature not checked: it is supposed to be that of TrustedIssuer ci (only cambio serve asks an API server)'] });
  });

  const token = (): string => mintToken({ key: 'ci-es', header: {}, claims: { sub: 'alice' }, without_header: [], without_claims: [], form: '${header}.${payload}.${signature}' });

  test('no token, and no part of one, is ever printed', async () => {
    const shown = token();
    await write({ 'policy/a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}`, 'token.jwt': shown });
    for (const output of ['text', 'json', 'github']) {
      const { out, err } = await check(['policy'], ['--output', output, '--token', join(dir, 'token.jwt'), '--at', '1800000000']);
      for (const part of shown.split('.')) expect(out + err).not.toContain(part);
    }
  });
});

describe('--output github', () => {
  test('annotations come before the text', async () => {
    await write({ 'a.yaml': issuer('ci', '  suspended: true\n') });
    const { code, out } = await check(['.'], ['--output', 'github']);
    expect(code).toBe(1);
    expect(out.split('\n').slice(0, 3)).toEqual([
      '::error file=a.yaml,line=7,col=3,title=cambio check::spec.suspended: unknown field; did you mean suspend?',
      'KIND           NAME  READY  REASON',
      'TrustedIssuer  ci    False  NotAccepted: UnknownField',
    ]);
  });

  test('a denial is one too', async () => {
    await write({ 'policy/a.yaml': `${issuer('ci')}---\n${client('one', 'ci')}`, 'claims.json': '{"sub": "bob"}' });
    const { code, out } = await check(['policy'], ['--output', 'github', '--claims', join(dir, 'claims.json')]);
    expect(code).toBe(1);
    expect(out.split('\n')[0]).toBe('::error title=cambio check::cambio-system/one is denied by subject: no entry of subjects matches bob of TrustedIssuer ci');
  });
});

test('--help teaches with examples', async () => {
  const { code, stdout } = await runMain(['check', '--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: cambio check \[OPTIONS\] PATH\.\.\.\n/);
  expect(stdout).toContain('\nExamples:\n  cambio check policy/\n');
  expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
});
