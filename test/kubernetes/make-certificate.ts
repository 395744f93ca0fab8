// Makes a certificate for 127.0.0.1, signed by itself, without any tool but Node: just enough DER (RFC 5280).
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';

/** @returns both as PEM text */
export function makeCertificate(): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(hex('06082a8648ce3d040302'));
  const name = sequence(der(0x31, sequence(hex('0603550403'), der(0x0c, Buffer.from('test')))));
  const serverAuth = extension('551d25', sequence(hex('06082b06010505070301')));
  const subjectAltName = extension('551d11', sequence(der(0x87, Buffer.of(127, 0, 0, 1))));
  const isCa = extension('551d13', sequence(der(0x01, Buffer.of(0xff))));
  const toBeSigned = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    sequence(time('20000101000000Z'), time('21000101000000Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(isCa, subjectAltName, serverAuth)),
  );
  const signature = der(0x03, Buffer.of(0), sign('sha256', toBeSigned, privateKey));
  return {
    cert: new X509Certificate(sequence(toBeSigned, ecdsaWithSha256, signature)).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

export function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 128 ? [content.length] : content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');
export const sequence = (...contents: Buffer[]): Buffer => der(0x30, ...contents);
export const integer = (value: number): Buffer => der(0x02, Buffer.of(value));
export const time = (text: string): Buffer => der(0x18, Buffer.from(text));
export const extension = (oid: string, value: Buffer): Buffer => sequence(der(0x06, hex(oid)), der(0x04, value));
