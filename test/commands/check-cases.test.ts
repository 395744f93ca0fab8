// `cambio check` and `cambio serve` answer every case alike: the same verdict, the same check and reason, the same claims.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainExchange } from '../../src/exchange/explain-exchange.ts';
import { mintToken } from '../cases/mint-token.ts';
import { casesDir, readCases, type Case } from '../cases/read-cases.ts';
import { issuerURL, requestInProcess, runInProcess } from '../cases/run-case.ts';
import { runCheckWith } from './run-check.ts';

const inProcess = readCases().filter(({ over }) => over === 'both');

/** As JSON has it: without prototypes, and without members that are undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe('explained as it is answered', () => {
  test.each(inProcess)('$name', async (given) => {
    const answered = await runInProcess(given);
    const { request, effects } = requestInProcess(given);
    const { record, error, token, checks } = await explainExchange(request, effects);

    const [line] = answered.audit;
    // Both mint the token anew, and no two signatures by ECDSA are alike. Nobody sent a request that is explained.
    const audited = { ...line, requestId: '', sourceAddress: '', time: undefined, durationMs: undefined, subjectTokenSha256: record.subjectTokenSha256 };
    expect(plain(record)).toEqual(plain(audited));
    expect(error?.status ?? 200).toBe(answered.status);
    const issued = answered.body['access_token'];
    const { kid: _kid, ...header } = typeof issued === 'string' ? decodeProtectedHeader(issued) : {};
    expect(token?.header ?? {}).toEqual(header);
    expect(plain(token?.claims ?? null)).toEqual(typeof issued === 'string' ? decodeJwt(issued) : null);
    // The first check that says no is the one that the audit log names.
    expect(checks.find(({ verdict }) => verdict === 'denies')?.name).toBe(line?.['check']);
  });
});

/** The parameters of a case, where all of them can be given as options. */
function optionsOf({ request, reviews, published, subject_token }: Case): Record<string, string> | undefined {
  const { method, path, headers, without_headers, with: more, without, body, body_base64 } = request;
  const simple = method === 'POST' && path === '/token' && Object.keys(headers).length === 0 && without_headers.length === 0 && body === undefined && body_base64 === undefined && reviews.length === 0 && published === undefined;
  const known: Readonly<Record<string, string>> = { client_id: 'client', audience: 'audience', resource: 'resource', scope: 'scope', subject_token_type: 'subject-token-type', requested_token_type: 'requested-token-type' };
  const defaults: [string, string][] = [
    ['client_id', 'payments/deployer'],
    ['subject_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
    ['audience', 'https://deploy.example.com'],
  ];
  const parameters = [...defaults.filter(([name]) => !without.includes(name)), ...more];
  const names = new Set(parameters.map(([name]) => name));
  const token = mintToken(subject_token);
  const expressible =
    simple &&
    // A short name of a token type is enough here, and a token is not known before it is minted.
    parameters.every(([name, value]) => known[name] !== undefined && value !== '' && !value.includes('${') && (!name.endsWith('_type') || value.includes(':'))) &&
    names.size === parameters.length &&
    names.has('client_id') &&
    names.has('subject_token_type') &&
    !without.some((name) => ['subject_token', 'grant_type'].includes(name)) &&
    token.trim() === token &&
    token !== '';
  return expressible ? Object.fromEntries(parameters.map(([name, value]) => [known[name] ?? name, value])) : undefined;
}

describe('asked on the command line', () => {
  const asked = inProcess.flatMap((given) => {
    const options = given.expect.status < 500 ? optionsOf(given) : undefined;
    return options === undefined ? [] : [{ ...given, options }];
  });
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cambio-check-cases-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('most cases can be asked so', () => {
    expect(asked.length).toBeGreaterThan(inProcess.length / 2);
  });

  test.each(asked)('$name', async ({ options, manifests, now, settings, subject_token, expect: wanted }) => {
    const file = join(dir, 'token.jwt');
    await writeFile(file, mintToken(subject_token));
    const namespaces = [...manifests.text.matchAll(/namespace: ([a-z0-9-]+)/g)].map(([, namespace = '']) => namespace);
    const given = {
      ...options,
      output: 'json',
      issuer: issuerURL,
      at: String(now),
      token: file,
      'max-lifetime': `${settings.maxLifetimeSeconds}s`,
      'default-signing-algorithm': settings.signingAlgorithm,
      'trusted-namespaces': [...new Set(namespaces)].filter((namespace) => namespace !== 'tenant').join(','),
      'reserved-audiences': 'https://reserved.example.com',
      'cluster-audiences': 'api',
    };
    const { code, out, err } = await runCheckWith([...Object.entries(given).map(([name, value]) => `--${name}=${value}`), join(casesDir, manifests.file)]);
    expect(err).toBe('');
    const { answer } = JSON.parse(out) as { answer: { outcome: string; check?: string; reason?: string; error?: { status: number; error: string }; token?: { claims: Record<string, unknown> } } };
    expect(code).toBe(wanted.status === 200 ? 0 : 1);
    expect({ status: answer.error?.status ?? 200, error: answer.error?.error, check: answer.check, reason: answer.reason }).toEqual({
      status: wanted.status,
      error: wanted.error,
      check: wanted.check,
      reason: wanted.reason,
    });
    const { jti: _jti, ...claims } = answer.token?.claims ?? {};
    const { jti: _wanted, ...wantedClaims } = wanted.claims ?? claims;
    expect(claims).toEqual(wantedClaims);
  });
});
