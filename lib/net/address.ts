/** A host and a port, as {@linkcode formatAddress} shows them. */
export interface HostPort {
  /** A name or an address, without brackets. */
  hostname: string;
  /** The port, 0 to 65535. */
  port: number;
}

/** What a listener on `::` puts before the address of an IPv4 peer (RFC 4291, 2.5.5.2). */
const MAPPED_IPV4 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

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
    const host = address.hostname.replace(MAPPED_IPV4, "");
    return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
  }
  return "path" in address ? address.path ?? "unnamed" : String(address.port);
}

/** Whether an address can only be reached from this machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(MAPPED_IPV4, "");
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
