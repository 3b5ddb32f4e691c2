/**
 * Uppercase: every datagram is answered with one datagram.
 *
 * @module
 */

import { runUdpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import { formatAddress } from "../../lib/net/address.ts";
import { serveUdp, type ServeUdpOptions, type UdpServer } from "../../lib/net/serve_udp.ts";
import { PORT, upperCase } from "./protocol.ts";

/**
 * Serves uppercase: answers each datagram with the same bytes, its ASCII letters in upper case.
 *
 * @param options Where to listen, and limits; the default port is 3000.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveUppercase } from "@wirebench/wirebench/uppercase";
 * import { connectUdp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveUppercase({ port: 0 });
 * using peer = await connectUdp({ port: server.addr.port });
 * await peer.send(new TextEncoder().encode("hey"));
 * assertEquals(new TextDecoder().decode(await peer.receive()), "HEY");
 * ```
 */
export function serveUppercase(options: ServeUdpOptions = {}): UdpServer {
  const log = options.log ?? new Log("Server");
  return serveUdp({ ...options, port: options.port ?? PORT, log }, (datagram, from) => {
    const shows = log.showsMessages;
    if (shows) log.said(formatAddress(from), "Server", datagram);
    upperCase(datagram);
    if (shows) log.said("Server", formatAddress(from), datagram);
    return datagram;
  });
}

if (import.meta.main) {
  runUdpServer({
    ...task("uppercase:server"),
    summary: "Answers each datagram with its text in upper case.",
    port: PORT,
  }, serveUppercase);
}
