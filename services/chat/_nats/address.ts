import { type HostPort, parseHostPort } from "../../../lib/net/address.ts";

const DEFAULT_PORT = 4222;

/** Where NATS is. */
export interface NatsAddress {
  /** Its servers. */
  readonly servers: readonly HostPort[];
  /** Whether the servers must encrypt. */
  readonly tls: boolean;
  /** `USER:PASSWORD` or a token. */
  readonly credentials: string | undefined;
}

/**
 * Parses `nats://HOST:PORT`, with more servers after commas. The client library ignores credentials in an address, takes
 * the digits of a password for the port, and connects in the clear to `tls://`.
 *
 * @param text The address.
 * @returns Its parts.
 * @throws {TypeError} If it is malformed. The message does not contain the credentials.
 */
export function parseNatsAddress(text: string): NatsAddress {
  const servers: HostPort[] = [];
  const schemes = new Set<string>();
  const credentials = new Set<string>();
  for (const part of text.split(",")) {
    const [, scheme = "nats", user, host = ""] = /^(?:(nats|tls):\/\/)?(?:(.+)@)?([^@/]+)\/?$/.exec(part) ?? [];
    const server = parseHostPort(/:\d+$/.test(host) ? host : `${host}:${DEFAULT_PORT}`);
    if (!(server.port >= 1 && server.port <= 65_535)) {
      throw new TypeError(`expected nats://HOST:PORT or tls://HOST:PORT, got "${part.replace(/\/\/.*@/, "//...@")}"`);
    }
    servers.push(server);
    if (part.includes("://")) schemes.add(scheme);
    if (user !== undefined) credentials.add(user);
  }
  if (schemes.size > 1) throw new TypeError("expected nats:// or tls:// for all servers, got both");
  if (credentials.size > 1) throw new TypeError("expected the same user and password for all servers");
  const [given] = credentials;
  return { servers, tls: schemes.has("tls"), credentials: given === undefined ? undefined : decode(given) };
}

/** Decodes what an address must escape, such as an @ in a password. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError("expected a % in the user or password to be written as %25");
  }
}
