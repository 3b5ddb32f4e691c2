/** A host and a port, as {@linkcode formatAddress} shows them. */
export interface HostPort {
  /** A name or an address, without brackets. */
  hostname: string;
  /** The port, 0 to 65535. */
  port: number;
}

/** Address that a server listens at: a host and a port, or the path of a Unix socket (host `""`, port 0). */
export interface ListenAddress extends HostPort {
  /** Path of the Unix socket, if the server listens at one. */
  path?: string;
}

/** Normal form of the IPv4-mapped address that a listener on `::` reports for an IPv4 peer (RFC 4291, 2.5.5.2). */
const MAPPED_IPV4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * Formats an address in the form used everywhere here for display and comparison: `127.0.0.1:80`, `[::1]:80`, or the path
 * of a Unix socket. An IPv4-mapped address is formatted as IPv4.
 *
 * @param address The address of a socket, or a host and a port.
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
export function formatAddress(address: Deno.Addr | ListenAddress): string {
  if ("path" in address && address.path !== undefined) return address.path ?? "unnamed";
  if (!("hostname" in address)) return "unnamed";
  const host = normalHost(address.hostname);
  return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/**
 * Normalises an address: the shortest form for IPv6 (RFC 5952), and IPv4 for an IPv4-mapped address.
 *
 * @param hostname An address. A name is returned unchanged.
 * @returns The normal form, without brackets.
 */
export function normalHost(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const address = URL.parse(`http://[${hostname}]`)?.hostname.slice(1, -1) ?? hostname;
  const [, high, low] = MAPPED_IPV4.exec(address) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]).join(".");
}

/**
 * Returns the block of an address, for limits on each client: the IPv4 address itself, or the first 64 bits of an IPv6
 * address, since one machine owns all of the rest (RFC 6177).
 *
 * @param hostname An address in any form.
 * @returns The block, as a key.
 */
export function blockOf(hostname: string): string {
  const host = normalHost(hostname);
  if (!host.includes(":")) return host;
  const [left, right] = host.split("::").map((half) => half.split(":").filter(Boolean)) as [string[], string[]?];
  const groups = right === undefined
    ? left
    : [...left, ...Array.from({ length: 8 - left.length - right.length }, () => "0"), ...right];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** Whether an address is a loopback address, reachable from this machine only. */
export function isLoopback(hostname: string): boolean {
  const host = normalHost(hostname);
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The address to bind to for reaching some addresses of one family: loopback if all are, else all interfaces. */
export function sourceAddress(...targets: readonly HostPort[]): string {
  const loopback = targets.every(({ hostname }) => isLoopback(hostname));
  if (targets.some(({ hostname }) => hostname.includes(":"))) return loopback ? "::1" : "::";
  return loopback ? "127.0.0.1" : "0.0.0.0";
}

/** Reads `HOST:PORT`, an IPv6 address in brackets; the port is NaN if the text is anything else. */
export function parseHostPort(text: string): HostPort {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text) ?? [];
  return { hostname: bracketed ?? plain ?? "", port: Number(digits) };
}
