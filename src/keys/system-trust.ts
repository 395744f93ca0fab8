// The certificates that fetches trust where a TrustedIssuer names none: the system's.
import { createSecureContext, getCACertificates } from 'node:tls';
import type { TrustOptions } from './guarded-connector.ts';

/**
 * Reads the system's certificates, and those of NODE_EXTRA_CA_CERTS, when they are first needed, and once: that takes
 * tens of milliseconds. Where the system has none (a container without a bundle), Node's own count.
 */
export function createSystemTrust(): () => TrustOptions {
  let trust: TrustOptions | undefined;
  return () => {
    trust ??= { secureContext: createSecureContext({ ca: certificates() }) };
    return trust;
  };
}

function certificates(): string[] {
  const system = getCACertificates('system');
  return system.length > 0 ? [...system, ...getCACertificates('extra')] : [...getCACertificates('default')];
}
