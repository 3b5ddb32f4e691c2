import { formatAddress, parseHostPort } from "./address.ts";

/** Where something listens, over any kind of socket. */
export type Endpoint =
  | { transport: "tcp" | "udp"; hostname: string; port: number }
  | { transport: "unix"; path: string };

/**
 * Reads an endpoint.
 *
 * @param text `tcp://HOST:PORT`, `udp://HOST:PORT` or `unix:/PATH`; an IPv6 address stands in brackets.
 * @returns The endpoint.
 * @throws {TypeError} If the text is none of these.
 *
 * @example
 * ```ts
 * import { parseEndpoint } from "./endpoint.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseEndpoint("tcp://[::1]:7"), { transport: "tcp", hostname: "::1", port: 7 });
 * ```
 */
export function parseEndpoint(text: string): Endpoint {
  const path = /^unix:(\/[^\0]*[^\0/])$/s.exec(text)?.[1];
  if (path !== undefined) return { transport: "unix", path };
  const [, transport, address = ""] = /^(tcp|udp):\/\/(.*)$/s.exec(text) ?? [];
  const { hostname, port } = parseHostPort(address);
  if (port <= 65_535) return { transport: transport as "tcp" | "udp", hostname, port };
  throw new TypeError(`expected tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH, got "${text}"`);
}

/**
 * Writes an endpoint as {@linkcode parseEndpoint} reads it.
 *
 * @param endpoint The endpoint, or an address of the runtime.
 * @returns `tcp://HOST:PORT`, `udp://HOST:PORT` or `unix:/PATH`.
 *
 * @example
 * ```ts
 * import { formatEndpoint } from "./endpoint.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatEndpoint({ transport: "udp", hostname: "::1", port: 7 }), "udp://[::1]:7");
 * ```
 */
export function formatEndpoint(endpoint: Endpoint | Deno.Addr): string {
  return "path" in endpoint ? `unix:${endpoint.path}` : `${endpoint.transport}://${formatAddress(endpoint)}`;
}
