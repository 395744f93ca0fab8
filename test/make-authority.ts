// A throw-away certificate authority, without any tool but Node: its certificates are such as strict clients ask for (RFC 5280).
import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { der, extension, hex, integer, sequence, time } from './kubernetes/make-certificate.ts';

export type Certified = {
  /** PEM, of this certificate alone. */
  cert: string;
  /** PEM (PKCS #8). */
  key: string;
};

export type CertifyOptions = {
  /** Names and IPv4 addresses that it is for. */
  hosts?: readonly string[];
  /** As YYYYMMDDhhmmssZ. */
  notBefore?: string;
  notAfter?: string;
  /** Its key pair; EC on P-256 by default. */
  keys?: { publicKey: KeyObject; privateKey: KeyObject };
};

export type Authority = Certified & {
  /** A server's certificate. */
  certify: (options?: CertifyOptions) => Certified;
  /** An authority below this one. */
  makeIntermediate: () => Authority;
};

/** Makes an authority that nobody trusts until they are told to. */
export function makeAuthority(): Authority {
  return authority({ name: 'Cambio test authority' });
}

const makeKeys = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'P-256' });

type Parent = { name: string; keys: ReturnType<typeof makeKeys> };

function authority({ name, parent }: { name: string; parent?: Parent }): Authority {
  const keys = makeKeys();
  const own: Parent = { name, keys };
  const cert = build(parent ?? own, { name, publicKey: keys.publicKey, notBefore: always.notBefore, notAfter: always.notAfter }, [
    critical('551d13', sequence(der(0x01, Buffer.of(0xff)))), // basicConstraints: CA
    critical('551d0f', der(0x03, Buffer.of(1, 0x06))), // keyUsage: keyCertSign, cRLSign
  ]);
  return {
    cert,
    key: toPem(keys.privateKey),
    certify: ({ hosts = ['127.0.0.1', 'localhost'], notBefore = always.notBefore, notAfter = always.notAfter, keys: given = makeKeys() } = {}) => ({
      cert: build(own, { name: hosts[0] ?? 'nobody', publicKey: given.publicKey, notBefore, notAfter }, [
        critical('551d0f', der(0x03, Buffer.of(7, 0x80))), // keyUsage: digitalSignature
        extension('551d25', sequence(hex('06082b06010505070301'))), // extendedKeyUsage: serverAuth
        extension('551d11', sequence(...hosts.map(generalName))),
      ]),
      key: toPem(given.privateKey),
    }),
    makeIntermediate: () => authority({ name: `${name}, below`, parent: own }),
  };
}

const always = { notBefore: '20000101000000Z', notAfter: '21000101000000Z' };

type Subject = { name: string; publicKey: KeyObject; notBefore: string; notAfter: string };

function build(issuer: Parent, { name, publicKey, notBefore, notAfter }: Subject, extensions: readonly Buffer[]): string {
  const ecdsaWithSha256 = sequence(hex('06082a8648ce3d040302'));
  const toBeSigned = sequence(
    der(0xa0, integer(2)),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ecdsaWithSha256,
    commonName(issuer.name),
    sequence(time(notBefore), time(notAfter)),
    commonName(name),
    spki(publicKey),
    der(0xa3, sequence(...extensions, extension('551d0e', der(0x04, keyId(publicKey))), extension('551d23', sequence(der(0x80, keyId(issuer.keys.publicKey)))))),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', toBeSigned, issuer.keys.privateKey));
  return new X509Certificate(sequence(toBeSigned, ecdsaWithSha256, signature)).toString();
}

/** An extension that who does not know it must not pass over. */
const critical = (oid: string, value: Buffer): Buffer => sequence(der(0x06, hex(oid)), der(0x01, Buffer.of(0xff)), der(0x04, value));
const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });
const keyId = (key: KeyObject): Buffer => createHash('sha1').update(spki(key)).digest();
const commonName = (name: string): Buffer => sequence(der(0x31, sequence(hex('0603550403'), der(0x0c, Buffer.from(name)))));
const generalName = (host: string): Buffer => (isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)));
const toPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });
