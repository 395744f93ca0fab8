// The proxy as the environment names it, and what it asks for.
import { describe, expect, test } from 'vitest';
import { readProxy } from '../../src/commands/proxy.ts';
import { readOptions } from '../../src/commands/read-options.ts';
import { checkServeOptions, serveOptions } from '../../src/commands/serve-options.ts';
import { runMain } from './run-main.ts';

test.each([
  [{}, undefined],
  [{ HTTPS_PROXY: '' }, undefined],
  [{ HTTP_PROXY: 'http://proxy:3128' }, undefined],
  [{ HTTPS_PROXY: 'http://proxy:3128' }, { url: 'http://proxy:3128/', except: '' }],
  [{ https_proxy: 'http://proxy:3128', no_proxy: 'a,.b' }, { url: 'http://proxy:3128/', except: 'a,.b' }],
  [{ HTTPS_PROXY: 'proxy:3128', NO_PROXY: 'a' }, { url: 'http://proxy:3128/', except: 'a' }],
  [{ HTTPS_PROXY: 'https://user:password@proxy' }, { url: 'https://user:password@proxy/', except: '' }],
  [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: ' * ' }, undefined],
])('%j', (env, proxy) => {
  expect(readProxy(env)).toEqual({ proxy });
});

test.each(['socks5://proxy:1080', 'http://', 'file:///x'])('%s is none', (url) => {
  expect(readProxy({ HTTPS_PROXY: url })).toEqual({ mistake: 'HTTPS_PROXY: must be an http or https URL, such as http://proxy.example.com:3128' });
});

describe('with a proxy --allowed-issuer-hosts is required', () => {
  const proxy = { url: 'http://proxy:3128/', except: '' };
  const mistakes = (args: string[]): string[] => {
    const { values } = readOptions(serveOptions, ['--config-dir', 'x', ...args], {});
    return values === undefined ? ['the options can not be read'] : checkServeOptions(values, proxy).mistakes;
  };

  test('as an option', () => {
    expect(mistakes([])).toEqual(['--allowed-issuer-hosts: is required where HTTPS_PROXY is set: the address that a proxy connects to can not be checked']);
    expect(mistakes(['--allowed-issuer-hosts', 'ci.example.com'])).toEqual([]);
  });

  test('when the process starts', async () => {
    const ended = await runMain(['serve', '--config-dir', '.'], { HTTPS_PROXY: 'http://127.0.0.1:1' });
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('--allowed-issuer-hosts: is required where HTTPS_PROXY is set')]);
    expect(await runMain(['serve', '--config-dir', '.'], { HTTPS_PROXY: 'socks5://127.0.0.1:1' })).toMatchObject({ code: 2, stderr: expect.stringContaining('HTTPS_PROXY: must be') });
  });
});
