// The kinds of value that options have.
import { isHostEntry } from '../keys/allowed-hosts.ts';
import type { ReadValue } from './read-options.ts';

export const text: ReadValue<string> = (value) => value;

export const flag: ReadValue<boolean> = (value) => {
  if (value !== 'true' && value !== 'false') throw new Error('must be true or false');
  return value === 'true';
};

export const list: ReadValue<readonly string[]> = (value) => value.split(',').map((item) => item.trim()).filter((item) => item !== '');

/** Hosts that keys may be fetched from, separated by commas. */
export const hosts: ReadValue<readonly string[]> = (value) => {
  const entries = list(value);
  const wrong = entries.find((entry) => !isHostEntry(entry));
  if (wrong !== undefined || entries.length === 0) throw new Error('must be hosts as they stand in URLs, in lower case and without a port, or *.example.com for all below one');
  return entries;
};

export function oneOf<T extends string>(...known: readonly T[]): ReadValue<T> {
  return (value) => {
    const found = known.find((item) => item === value);
    if (found === undefined) throw new Error(`must be one of ${known.join(', ')}`);
    return found;
  };
}

export function wholeNumber(least: number, most: number): ReadValue<number> {
  return (value) => {
    const number = /^[0-9]+$/.test(value) ? Number(value) : NaN;
    if (!(number >= least && number <= most)) throw new Error(`must be a whole number from ${least} to ${most}`);
    return number;
  };
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration such as 10s, 5m or 1h30m, in milliseconds. */
export function duration(least: string, most: string): ReadValue<number> {
  return (value) => {
    const milliseconds = parseDuration(value);
    if (milliseconds === undefined || milliseconds < (parseDuration(least) ?? 0) || milliseconds > (parseDuration(most) ?? Infinity)) {
      throw new Error(`must be a duration such as 90s, 10m or 1h30m, from ${least} to ${most}`);
    }
    return milliseconds;
  };
}

function parseDuration(value: string): number | undefined {
  if (!/^([0-9]+(ms|s|m|h))+$/.test(value)) return value === '0' ? 0 : undefined;
  return [...value.matchAll(/([0-9]+)(ms|s|m|h)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}

export type Address = { host: string; port: number };

/** An address to listen at: 127.0.0.1:8080, [::1]:8080, :8080 (every address). */
export const address: ReadValue<Address> = (value) => {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(value) ?? [];
  if (port === undefined || Number(port) > 65_535) throw new Error('must be HOST:PORT, such as 127.0.0.1:8080');
  return { host: bracketed ?? (plain || '::'), port: Number(port) };
};

/** Whether a host of a URL is this machine's loopback, by its name or its address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

/** Cambio's own issuer URL (RFC 8414 §2): https, or http on loopback; kept exactly as it is written. */
export const issuerURL: ReadValue<string> = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const plain = url !== undefined && url.username === '' && url.password === '' && !/[?#\s]/.test(value) && !value.endsWith('/');
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url === undefined || !plain || !secure) throw new Error('must be an https URL (http on loopback only) without user info, query, fragment or slash at its end');
  if (`${url.origin}${url.pathname}`.replace(/\/$/, '') !== value) throw new Error(`must be written in its normal form (${url.origin}${url.pathname.replace(/\/$/, '')})`);
  return value;
};

/** A URL that is published: https, or http on loopback, without user info and fragment. */
export const publicURL: ReadValue<string> = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url === undefined || !secure || url.username !== '' || url.password !== '' || /[#\s]/.test(value)) throw new Error('must be an https URL (http on loopback only) without user info and fragment');
  return value;
};
