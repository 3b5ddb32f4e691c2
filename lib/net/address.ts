/** A host and a port, as {@linkcode formatAddress} shows them. */
export interface HostPort {
  /** A name or an address, without brackets. */
  hostname: string;
  /** The port, 0 to 65535. */
  port: number;
}

/** Where a server listens: at a host and a port, or at the path of a Unix socket, which has neither (`""` and 0). */
export interface ListenAddress extends HostPort {
  /** The path of the Unix socket, if it is one. */
  path?: string;
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
export function formatAddress(address: Deno.Addr | ListenAddress): string {
  if ("path" in address && address.path !== undefined) return address.path ?? "unnamed";
  if (!("hostname" in address)) return "unnamed";
  const host = normalHost(address.hostname);
  return host.includes(":") ? `[${host}]:${address.port}` : `${host}:${address.port}`;
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

/**
 * Names whoever an address belongs to, for limits that hold for each: an IPv4 address as it is, an IPv6 address by its
 * first 64 bits, since one machine has all of the rest to itself (RFC 6177).
 *
 * @param hostname An address in any form.
 * @returns A key to count by.
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

/** Whether an address can only be reached from this machine. */
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
