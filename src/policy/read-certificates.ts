// Certificates in PEM, as a manifest names them for fetches.
import { X509Certificate } from 'node:crypto';

/** Most certificates of one bundle. */
export const maxCertificates = 64;

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** @returns a sentence on why a text is not a bundle of certificates; undefined if it is one */
export function mistakeInCertificates(pem: string): string | undefined {
  const blocks = [...pem.matchAll(block)];
  const foreign = blocks.find(([, label]) => label !== 'CERTIFICATE');
  if (foreign !== undefined) return `holds a ${foreign[1]}: only certificates belong here${foreign[1]?.includes('PRIVATE') ? ', and that key is known to others now' : ''}`;
  if (blocks.length === 0) return 'holds no certificate in PEM (-----BEGIN CERTIFICATE-----)';
  if (blocks.length > maxCertificates) return `holds ${blocks.length} certificates: ${maxCertificates} at most`;
  const broken = blocks.findIndex(([text]) => !isCertificate(text));
  return broken < 0 ? undefined : `certificate ${broken + 1} of ${blocks.length} can not be read`;
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}
