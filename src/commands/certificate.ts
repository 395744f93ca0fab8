// The certificate of the public port: read when the process starts, exchanged while it runs.
import type { Logger } from 'pino';
import { followCertificate, readCertificate, type CertificateFiles, type ServerCertificate } from '../files/certificate-files.ts';

export type Certificate = {
  current: () => ServerCertificate;
  /** Follows the files until `signal` is aborted, and hands on each good pair. */
  follow: (use: (certificate: ServerCertificate) => void, signal: AbortSignal) => Promise<void>;
  /** What is wrong with the files or with the certificate in use; undefined if all is well. */
  trouble: () => string | undefined;
};

/** Reads the certificate. Rejects with a sentence on what is wrong with it. */
export async function openCertificate(files: CertificateFiles, now: () => number, log: Logger): Promise<Certificate> {
  let current = await readCertificate(files);
  let trouble: string | undefined;
  const notNow = (): string | undefined => {
    const { notBefore, notAfter } = current;
    if (now() >= notAfter) return `the certificate in use expired at ${new Date(notAfter).toISOString()}`;
    return now() < notBefore ? `the certificate in use is not good before ${new Date(notBefore).toISOString()}` : undefined;
  };
  const tell = (message: string): void => {
    const { names, notAfter } = current;
    const wrong = notNow();
    if (wrong === undefined) log.info({ names, notAfter: new Date(notAfter).toISOString() }, message);
    else log.error({ names }, `${message}: ${wrong}`);
  };
  tell('the certificate of the public port');
  return {
    current: () => current,
    trouble: () => trouble ?? notNow(),
    follow: (use, signal) =>
      followCertificate({
        files,
        current,
        signal,
        onChange: (certificate) => {
          current = certificate;
          use(certificate);
          tell('the certificate was exchanged: new connections get the new one');
        },
        onState: (state) => {
          trouble = state === undefined ? undefined : `${state}; the one before is still in use`;
          if (trouble === undefined) log.info('the files of the certificate are good again');
          else log.error(trouble);
        },
      }),
  };
}
