// The ways to a key set: what the discovery document must say, and that a fetch is bounded as a whole.
import { describe, expect, test } from 'vitest';
import { createKeySetFetchers } from '../../src/keys/fetch-key-set.ts';
import type { FetchDocument } from '../../src/keys/fetch-document.ts';
import { KeyFetchError } from '../../src/policy/key-fetch.ts';
import type { Verification } from '../../src/policy/policy.ts';
import { byDiscovery, networkIssuer } from './network-issuer.ts';

const url = 'https://ci.example.com';
const fetch = { certificateAuthority: undefined, allowPrivateAddresses: false };
const keys = { keys: [] };

/** Documents by URL, and what was asked for. */
function documents(table: Readonly<Record<string, unknown>>): { fetchDocument: FetchDocument; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetchDocument: async (from) => {
      asked.push(from);
      if (!Object.hasOwn(table, from)) throw new KeyFetchError('FetchFailed', `${from}: answered with 404`);
      return { json: table[from], maxAgeSeconds: from.endsWith('/jwks') ? 600 : 60 };
    },
  };
}

async function outcome(table: Readonly<Record<string, unknown>>, verification: Verification, issuerURL = url) {
  const { fetchDocument, asked } = documents(table);
  const method = verification.method as 'discovery' | 'jwksURL';
  const fetched = await createKeySetFetchers(fetchDocument)[method](networkIssuer({ url: issuerURL, verification }), AbortSignal.timeout(15_000)).catch((error: KeyFetchError) => `${error.reason}: ${error.message}`);
  return { fetched, asked };
}

describe('discovery', () => {
  test.each([
    ['https://ci.example.com', 'https://ci.example.com/.well-known/openid-configuration'],
    ['https://ci.example.com/', 'https://ci.example.com/.well-known/openid-configuration'],
    ['https://ci.example.com/realms/a', 'https://ci.example.com/realms/a/.well-known/openid-configuration'],
    ['https://ci.example.com/realms/a/', 'https://ci.example.com/realms/a/.well-known/openid-configuration'],
  ])('of %s is at %s', async (issuer, at) => {
    const found = await outcome({ [at]: { issuer, jwks_uri: 'https://keys.example.com/jwks' }, 'https://keys.example.com/jwks': keys }, byDiscovery, issuer);
    expect(found).toEqual({ fetched: { jwks: keys, maxAgeSeconds: 600 }, asked: [at, 'https://keys.example.com/jwks'] });
  });

  test('at another URL', async () => {
    const discoveryURL = 'https://mirror.example.com/ci?v=1';
    const found = await outcome({ [discoveryURL]: { issuer: url, jwks_uri: 'https://mirror.example.com/jwks' }, 'https://mirror.example.com/jwks': keys }, { ...byDiscovery, discoveryURL });
    expect(found).toEqual({ fetched: { jwks: keys, maxAgeSeconds: 600 }, asked: [discoveryURL, 'https://mirror.example.com/jwks'] });
  });

  test.each<[string, unknown, string]>([
    ['another issuer', { issuer: 'https://evil.example.com', jwks_uri: `${url}/jwks` }, 'IssuerMismatch: the discovery document is that of "https://evil.example.com", and issuer.url is "https://ci.example.com"'],
    ['a slash too many', { issuer: `${url}/`, jwks_uri: `${url}/jwks` }, 'IssuerMismatch: the discovery document is that of "https://ci.example.com/", and issuer.url is "https://ci.example.com"'],
    ['another case', { issuer: 'https://CI.example.com', jwks_uri: `${url}/jwks` }, 'IssuerMismatch: the discovery document is that of "https://CI.example.com", and issuer.url is "https://ci.example.com"'],
    ['no issuer', { jwks_uri: `${url}/jwks` }, 'IssuerMismatch: the discovery document names no issuer, and issuer.url is "https://ci.example.com"'],
    ['a list of issuers', { issuer: [url], jwks_uri: `${url}/jwks` }, 'IssuerMismatch: the discovery document names no issuer, and issuer.url is "https://ci.example.com"'],
    ['a very long issuer', { issuer: 'x'.repeat(9000), jwks_uri: `${url}/jwks` }, `IssuerMismatch: the discovery document is that of "${'x'.repeat(512)}", and issuer.url is "https://ci.example.com"`],
    ['no jwks_uri', { issuer: url }, 'FetchFailed: the discovery document has no jwks_uri'],
    ['a jwks_uri that is no text', { issuer: url, jwks_uri: { url } }, 'FetchFailed: the discovery document has no jwks_uri'],
    ['a list', [], 'FetchFailed: the discovery document is not a JSON object'],
    ['text', 'https://ci.example.com', 'FetchFailed: the discovery document is not a JSON object'],
    ['null', null, 'FetchFailed: the discovery document is not a JSON object'],
  ])('a document with %s: its keys are not asked for', async (_name, document, message) => {
    const at = `${url}/.well-known/openid-configuration`;
    expect(await outcome({ [at]: document, [`${url}/jwks`]: keys }, byDiscovery)).toEqual({ fetched: message, asked: [at] });
  });

  test('keys that are not there', async () => {
    const at = `${url}/.well-known/openid-configuration`;
    const { fetched } = await outcome({ [at]: { issuer: url, jwks_uri: `${url}/jwks` } }, byDiscovery);
    expect(fetched).toBe('FetchFailed: https://ci.example.com/jwks: answered with 404');
  });
});

test('jwksURL: the keys, and nothing before them', async () => {
  const found = await outcome({ 'https://keys.example.com/jwks': keys }, { method: 'jwksURL', url: 'https://keys.example.com/jwks', fetch });
  expect(found).toEqual({ fetched: { jwks: keys, maxAgeSeconds: 600 }, asked: ['https://keys.example.com/jwks'] });
});

describe('the bound', () => {
  const hanging: FetchDocument = (_url, _rules, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const issuer = networkIssuer({ verification: byDiscovery });

  test('ends what takes too long', async () => {
    const fetched = createKeySetFetchers(hanging, 10).discovery(issuer, new AbortController().signal);
    await expect(fetched).rejects.toThrow(new KeyFetchError('FetchFailed', 'it did not end within 0.01 s'));
  });

  test('holds for both documents together', async () => {
    const second: FetchDocument = (from, rules, signal) =>
      from.endsWith('/jwks') ? hanging(from, rules, signal) : Promise.resolve({ json: { issuer: issuer.url, jwks_uri: `${url}/jwks` }, maxAgeSeconds: undefined });
    await expect(createKeySetFetchers(second, 10).discovery(issuer, new AbortController().signal)).rejects.toThrow('it did not end within 0.01 s');
  });

  test('what ends for another reason ends with that', async () => {
    const controller = new AbortController();
    const fetched = createKeySetFetchers(hanging, 600_000).discovery(issuer, controller.signal).catch((error: unknown) => error);
    controller.abort(new Error('forgotten'));
    expect(await fetched).toEqual(new Error('forgotten'));
  });
});
