// The certificate and the private key of a TLS server: read from two files, checked, and followed while they change.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import { createAlarm } from './alarm.ts';

export type CertificateFiles = { certFile: string; keyFile: string };

/** A certificate that a server can use, with its key. */
export type ServerCertificate = {
  /** PEM: the server's own certificate, then those between it and the authority that clients trust. */
  cert: string;
  /** PEM. */
  key: string;
  /** When the server's own certificate begins and ends to be good, in milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
  /** Whom it is for, as it says itself. */
  names: string;
};

/** The largest file that is read, in bytes: a chain of a dozen certificates is 30 KiB. */
export const maxCertificateFileBytes = 1024 * 1024;

/** Between two looks, in milliseconds: not every file system tells of a change. */
const pause = 2_000;

/**
 * Reads both files and checks that they belong together.
 * @throws Error with a sentence that names the file; it never holds a part of the key
 */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<ServerCertificate> {
  const [cert, key] = await Promise.all([readText(certFile, 'certificate'), readText(keyFile, 'key')]);
  const [own, ...others] = parseCertificates(cert, certFile);
  const privateKey = parseKey(key, keyFile);
  if (!own.checkPrivateKey(privateKey)) {
    const misplaced = others.some((other) => other.checkPrivateKey(privateKey));
    throw new Error(misplaced ? `the certificate ${certFile}: the server's own certificate must stand first in it` : `the key ${keyFile} is not that of the certificate ${certFile}`);
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`the certificate ${certFile} can't be used for TLS: ${(error as Error).message}`, { cause: error });
  }
  return { cert, key, notBefore: own.validFromDate.getTime(), notAfter: own.validToDate.getTime(), names: own.subjectAltName ?? own.subject };
}

export type FollowOptions = {
  files: CertificateFiles;
  /** What is in use now. */
  current: ServerCertificate;
  onChange: (certificate: ServerCertificate) => void;
  /** Why the files can't be used and the last good pair goes on; undefined if all is well. */
  onState: (trouble: string | undefined) => void;
  signal: AbortSignal;
};

/** Follows the files until `signal` is aborted. A pair that is broken leaves the one before in use. */
export async function followCertificate({ files, current, onChange, onState, signal }: FollowOptions): Promise<void> {
  let inUse = current;
  let shown: string | undefined;
  let before: string | undefined;
  const alarm = createAlarm(signal);
  // The directories, for a mounted Secret is changed by renaming a link beside the files.
  const dirs = [...new Set([dirname(files.certFile), dirname(files.keyFile)])];
  for (;;) {
    await alarm.watch(dirs);
    await alarm.next(pause);
    if (signal.aborted) return;
    const found = await readCertificate(files).catch((error: unknown) => (error as Error).message);
    const trouble = typeof found === 'string' ? found : undefined;
    // Whoever renews them writes one after the other: what is wrong counts when it is the same at the next look.
    if (trouble !== shown && (trouble === undefined || trouble === before)) {
      shown = trouble;
      onState(trouble);
    }
    before = trouble;
    if (typeof found === 'string' || (found.cert === inUse.cert && found.key === inUse.key)) continue;
    inUse = found;
    onChange(found);
  }
}

async function readText(file: string, what: string): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Error('it is not a file');
    if (found.size > maxCertificateFileBytes) throw new Error(`it is larger than ${maxCertificateFileBytes} bytes`);
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`the ${what} ${file} can't be read: ${(error as Error).message}`, { cause: error });
  }
}

function parseCertificates(text: string, file: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    const [own, ...others] = blocks.map((block) => new X509Certificate(block));
    if (own === undefined) throw new Error('there is no BEGIN CERTIFICATE in it');
    return [own, ...others];
  } catch (error) {
    throw new Error(`the certificate ${file} is not PEM: ${(error as Error).message}`, { cause: error });
  }
}

function parseKey(text: string, file: string): KeyObject {
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(text)) throw new Error(`the key ${file} is encrypted, and there is nobody to ask for its passphrase`);
  try {
    return createPrivateKey(text);
  } catch (error) {
    // Not the message of OpenSSL, which says where its decoder gave up and no more.
    throw new Error(`the key ${file} is not a private key in PEM`, { cause: error });
  }
}
