// Which addresses are not of the public Internet: whoever gets Cambio to connect to one of them reaches what only Cambio can.
import { BlockList, isIP } from 'node:net';

/** An address as a resolver gives it. */
export type Address = { address: string; family: 4 | 6 };

/** Ranges of IPv4 that are not global (RFC 6890 and its registry). */
const ranges4: readonly (readonly [string, number, string])[] = [
  ['0.0.0.0', 8, 'unspecified'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'shared (CGNAT)'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'reserved'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, '6to4'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmarking'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
];

/** Ranges of IPv6 that are not global, or that hold an IPv4 address. The first that fits gives the name. */
const ranges6: readonly (readonly [string, number, string])[] = [
  ['::', 128, 'unspecified'],
  ['::1', 128, 'loopback'],
  ['::', 96, 'IPv4-compatible'],
  ['::ffff:0:0', 96, 'IPv4-mapped'],
  ['::ffff:0:0:0', 96, 'IPv4-translated'],
  ['64:ff9b::', 96, 'NAT64'],
  ['64:ff9b:1::', 48, 'NAT64'],
  ['2001::', 32, 'Teredo'],
  ['2001::', 23, 'reserved'],
  ['2001:db8::', 32, 'documentation'],
  ['2002::', 16, '6to4'],
  ['3fff::', 20, 'documentation'],
  ['fc00::', 7, 'private (ULA)'],
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'site-local'],
  ['ff00::', 8, 'multicast'],
];

/** What a global IPv6 address begins with (RFC 4291 §2.4, IANA's registry): everything else is reserved. */
const globalUnicast = ['2000::', 3] as const;

/** Says which kind of address it is, if it is not one of the public Internet; undefined if it is. */
export type NameNonPublic = (address: string) => string | undefined;

/** Makes the question once: it holds the ranges in a form that is quick to ask. */
export function createAddressCheck(): NameNonPublic {
  const named = [
    ...ranges4.map(([network, prefix, name]) => ({ name, family: 4, list: listOf(network, prefix, 'ipv4') })),
    ...ranges6.map(([network, prefix, name]) => ({ name, family: 6, list: listOf(network, prefix, 'ipv6') })),
  ];
  const global = listOf(...globalUnicast, 'ipv6');
  return (address) => {
    const family = isIP(address);
    if (family === 0 || address.includes('%')) return 'not an address';
    const type = family === 4 ? 'ipv4' : 'ipv6';
    // Asked by family: a BlockList takes an IPv4-mapped address for the IPv4 address in it.
    const found = named.find((range) => range.family === family && range.list.check(address, type));
    if (found !== undefined) return found.name;
    return family === 6 && !global.check(address, type) ? 'reserved' : undefined;
  };
}

function listOf(network: string, prefix: number, type: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  list.addSubnet(network, prefix, type);
  return list;
}
