// The options of `cambio serve`: their defaults, and what follows from them together.
import { describe, expect, test } from 'vitest';
import { readOptions } from '../../src/commands/read-options.ts';
import { checkServeOptions, serveOptions } from '../../src/commands/serve-options.ts';

test('the defaults', () => {
  expect(readOptions(serveOptions, [], {})).toEqual({
    values: {
      listen: { host: '127.0.0.1', port: 8080 },
      'admin-listen': { host: '127.0.0.1', port: 9090 },
      'default-signing-algorithm': 'ES256',
      'max-lifetime': 3_600_000,
      'token-review-cache': 10_000,
      'max-key-staleness': 86_400_000,
      'max-requests-in-flight': 1000,
      'explain-denials': false,
      'log-level': 'info',
      'audit-log': 'stdout',
    },
  });
});

function check(...args: string[]): ReturnType<typeof checkServeOptions> {
  const { values, mistakes } = readOptions(serveOptions, args, {});
  if (values === undefined) throw new Error(mistakes.join('\n'));
  return checkServeOptions(values);
}

describe('the issuer URL', () => {
  test.each([
    { args: ['--issuer', 'https://cambio.example.com'], issuerURL: 'https://cambio.example.com' },
    { args: ['--issuer', 'https://cambio.example.com', '--config-dir', 'x'], issuerURL: 'https://cambio.example.com' },
    { args: ['--config-dir', 'x'], issuerURL: 'http://127.0.0.1:8080' },
    { args: ['--config-dir', 'x', '--listen', '127.0.0.1:9000'], issuerURL: 'http://127.0.0.1:9000' },
    { args: ['--config-dir', 'x', '--listen', '127.0.0.1:80'], issuerURL: 'http://127.0.0.1' },
    { args: ['--config-dir', 'x', '--listen', 'localhost:9000'], issuerURL: 'http://localhost:9000' },
    { args: ['--config-dir', 'x', '--listen', '[::1]:9000'], issuerURL: 'http://[::1]:9000' },
    { args: ['--config-dir', 'x', '--tls-cert-file', 'c', '--tls-key-file', 'k'], issuerURL: 'https://127.0.0.1:8080' },
    { args: ['--issuer', 'http://127.0.0.1:1', '--tls-cert-file', 'c', '--tls-key-file', 'k'], issuerURL: 'http://127.0.0.1:1' },
  ])('$args', ({ args, issuerURL }) => {
    expect(check(...args)).toEqual({ issuerURL, mistakes: [] });
  });
});

describe('mistakes', () => {
  const required = '--issuer: is required: the URL at which the world reaches Cambio, such as https://cambio.example.com';
  const one = '--tls-cert-file and --tls-key-file: one is of no use without the other';
  const both = '--config-dir and --kubeconfig: only one of them can be the source of the manifests';
  test.each([
    { args: [], mistakes: [required] },
    { args: ['--kubeconfig', 'x'], mistakes: [required] },
    { args: ['--config-dir', 'x', '--listen', ':8080'], mistakes: [required] },
    { args: ['--config-dir', 'x', '--listen', '192.0.2.1:8080'], mistakes: [required] },
    { args: ['--config-dir', 'x', '--listen', '127.0.0.1:0'], mistakes: [required] },
    { args: ['--config-dir', 'x', '--kubeconfig', 'y'], mistakes: [both] },
    { args: ['--config-dir', 'x', '--kubeconfig', 'y', '--listen', ':80'], mistakes: [both, required] },
    { args: ['--config-dir', 'x', '--tls-cert-file', 'c'], mistakes: [one] },
    { args: ['--config-dir', 'x', '--tls-key-file', 'k'], mistakes: [one] },
    { args: ['--kubeconfig', 'x', '--tls-key-file', 'k'], mistakes: [one, required] },
  ])('$args', ({ args, mistakes }) => {
    expect(check(...args).mistakes).toEqual(mistakes);
  });
});

describe('--jwks-uri', () => {
  test.for(['https://keys.example.com/cambio/jwks.json', 'https://keys.example.com/?v=1', 'http://127.0.0.1:8080/jwks'])('%s', (url) => {
    expect(readOptions(serveOptions, ['--jwks-uri', url], {}).values?.['jwks-uri']).toBe(url);
  });

  test.for(['http://keys.example.com/jwks', 'ftp://keys.example.com/jwks', '/jwks', 'https://a:b@keys.example.com/', 'https://keys.example.com/#x', 'https://keys.example.com/ a'])('not %s', (url) => {
    const { mistakes } = readOptions(serveOptions, ['--jwks-uri', url], {});
    expect(mistakes).toEqual([`--jwks-uri: must be an https URL (http on loopback only) without user info and fragment, and is ${JSON.stringify(url)}`]);
  });
});
