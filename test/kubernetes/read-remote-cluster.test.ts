import { describe, expect, test } from 'vitest';
import { maxLengths, readRemoteCluster } from '../../src/kubernetes/read-remote-cluster.ts';
import { makeCertificate } from './make-certificate.ts';

const { cert, key } = makeCertificate();
const { cert: otherCert } = makeCertificate();
const good = { server: 'https://east.example.com:6443', 'ca.crt': cert, token: 'the-token' };

const metadata = { name: 'east', uid: 'uid-1', resourceVersion: '1' };
const encoded = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Buffer.from(value).toString('base64')]));
const read = (values: Record<string, string>) => readRemoteCluster({ metadata, data: encoded(values) });

describe('readRemoteCluster', () => {
  test('reads the three keys, and no other', () => {
    expect(read({ ...good, kubeconfig: 'users: [{user: {exec: {command: sh}}}]', namespace: 'default' })).toEqual({
      server: 'https://east.example.com:6443',
      certificateAuthority: cert.trim(),
      token: 'the-token',
      identity: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    });
  });

  test.for([
    ['line breaks at an end', { server: `${good.server}\n`, token: '\nthe-token\r\n', 'ca.crt': `\n${cert}\n\n` }],
    ['a path below the host', { server: 'https://rancher.example.com/k8s/clusters/c-1' }],
    ['an address', { server: 'https://[fd00::1]:6443' }],
    ['two certificates', { 'ca.crt': cert + otherCert }],
    ['the longest token', { token: 'x'.repeat(maxLengths.token) }],
  ])('takes %s', ([, values]) => {
    expect(typeof read({ ...good, ...(values as Record<string, string>) })).toBe('object');
  });

  test.for<[string, Record<string, string>, string]>([
    ['no key', {}, 'the key server is missing'],
    ['no certificates', { server: good.server, token: 'x' }, 'the key ca.crt is missing'],
    ['no token', { server: good.server, 'ca.crt': cert }, 'the key token is missing'],
    ['an empty token', { ...good, token: '' }, 'the key token is missing'],
    ['a token of line breaks', { ...good, token: '\n\n' }, 'token is empty'],
    ['a token in two lines', { ...good, token: 'the-token\nX-Header: y' }, 'token must be one line of printable ASCII characters'],
    ['a token with a space', { ...good, token: 'the token' }, 'token must be one line of printable ASCII characters'],
    ['a token with umlauts', { ...good, token: 'töken' }, 'token must be one line of printable ASCII characters'],
    ['a long token', { ...good, token: 'x'.repeat(16_385) }, 'token is longer than 16384 characters'],
    ['a long server', { ...good, server: `https://${'x'.repeat(505)}` }, 'server is longer than 512 characters'],
    ['many certificates', { ...good, 'ca.crt': cert.repeat(65) }, 'ca.crt holds 65 certificates: 64 at most'],
    ['a long text of certificates', { ...good, 'ca.crt': cert + ' x'.repeat(32_768) }, 'ca.crt is longer than 65536 characters'],
    ['text for certificates', { ...good, 'ca.crt': 'the-ca' }, 'ca.crt holds no certificate in PEM (-----BEGIN CERTIFICATE-----)'],
    ['a key beside the certificate', { ...good, 'ca.crt': cert + key }, 'ca.crt holds a PRIVATE KEY: only certificates belong here, and that key is known to others now'],
    ['a broken certificate', { ...good, 'ca.crt': cert.replace(/MII./, 'AAAA') }, 'ca.crt certificate 1 of 1 can not be read'],
  ])('says what is wrong: %s', ([, values, mistake]) => {
    expect(read(values)).toBe(mistake);
  });

  test.for([
    'http://east.example.com',
    'east.example.com:6443',
    'https://',
    'https://:6443',
    'https://east.example.com:70000',
    'https://admin:secret@east.example.com',
    'https://east.example.com/@x',
    'https://east.example.com?token=x',
    'https://east.example.com#x',
    'https://east.example.com\\@evil.example.com',
    'HTTPS://east.example.com',
    'file:///var/run/secrets',
    'https://east.example.com\nhttps://evil.example.com',
    'https://öst.example.com',
  ])('takes no such server: %j', (server) => {
    expect(read({ ...good, server })).toBe('server must be the https URL of an API server, without user info, query or fragment');
  });

  test.for([[undefined], [null], [[]], ['x'], [{ server: 7 }], [{ server: null }], [JSON.parse('{"__proto__": {"server": "eA=="}}')]])('takes other data for nothing: %j', ([data]) => {
    expect(readRemoteCluster({ metadata, data })).toBe('the key server is missing');
  });

  test.for<[string, Record<string, string>, boolean]>([
    ['a new token', { token: 'another' }, true],
    ['a line break', { server: `${good.server}\n` }, true],
    ['another server', { server: 'https://west.example.com:6443' }, false],
    ['other certificates', { 'ca.crt': otherCert }, false],
  ])('takes it for the same cluster, or not: %s', ([, values, same]) => {
    const [before, after] = [read(good), read({ ...good, ...values })];
    if (typeof before === 'string' || typeof after === 'string') throw new Error('it was not read');
    expect(before.identity === after.identity).toBe(same);
  });
});
