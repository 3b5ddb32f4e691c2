import { normalHost } from "./address.ts";

/** The expected form, for error messages. */
const EXPECTED = 'an address or a range like "192.168.0.0/16" or "2001:db8::/32"';

/**
 * Creates a predicate for addresses from ranges in CIDR notation (RFC 4632, RFC 4291).
 *
 * @param ranges Addresses or ranges, `10.0.0.0/8` or `::1`; an IPv4 range also holds for clients of an IPv6 listener.
 * @returns A function that tells whether an address is in one of the ranges.
 * @throws {RangeError} If one of the texts is neither an address nor a range.
 */
export function allowList(ranges: readonly string[]): (hostname: string) => boolean {
  // Loaded on demand: loading takes 13 ms, as long as everything else before the first answer of a server.
  const { BlockList, isIP } = process.getBuiltinModule("node:net");
  const list = new BlockList();
  for (const range of ranges) {
    const [, address = "", digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
    const version = isIP(address);
    const bits = version === 6 ? 128 : 32;
    const prefix = digits === undefined ? bits : Number(digits);
    if (version === 0 || prefix > bits) throw new RangeError(`Cannot allow "${range}": expected ${EXPECTED}`);
    list.addSubnet(address, prefix, version === 6 ? "ipv6" : "ipv4");
  }
  return (hostname) => {
    // A zone names the interface of a link-local address and is not part of the address (RFC 4007).
    const host = normalHost(hostname.replace(/%.*$/, ""));
    return list.check(host, host.includes(":") ? "ipv6" : "ipv4");
  };
}
