/** A host and a port, as {@linkcode formatAddress} shows them. */
export interface HostPort {
  /** A name or an address, without brackets. */
  hostname: string;
  /** The port, 0 to 65535. */
  port: number;
}

/** What a listener on `::` makes of an IPv4 peer's address, in its normal form (RFC 4291, 2.5.5.2). */
const MAPPED_IPV4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * Shows an address in the one form in which addresses are shown and compared here: `127.0.0.1:80`, `[::1]:80`,
 * a path for a Unix socket, and an IPv4 address as itself also when it came over an IPv6 socket.
 *
 * @param address What a socket says of itself or its peer, or a host and a port.
 * @returns The address as text.
 *
 * @example Both families
 * ```ts
 * import { formatAddress } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatAddress({ hostname: "::1", port: 80 }), "[::1]:80");
 * assertEquals(formatAddress({ hostname: "::ffff:127.0.0.1", port: 80 }), "127.0.0.1:80");
 * ```
 */
export function formatAddress(address: Deno.Addr | HostPort): string {
  if ("hostname" in address) {
    const host = normalHost(address.hostname);
    return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
  }
  return "path" in address ? address.path ?? "unnamed" : String(address.port);
}

/**
 * Brings an address into its normal form: the shortest for IPv6 (RFC 5952), and the IPv4 address for one that is mapped.
 *
 * @param hostname An address, or a name, which stays as it is.
 * @returns The normal form, without brackets.
 */
export function normalHost(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const address = URL.parse(`http://[${hostname}]`)?.hostname.slice(1, -1) ?? hostname;
  const [, high, low] = MAPPED_IPV4.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 0xff]).join(".");
}

/** Whether an address can only be reached from this machine. */
export function isLoopback(hostname: string): boolean {
  const host = normalHost(hostname);
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
