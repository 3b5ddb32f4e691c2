/**
 * Sixteen: messages of 16 bytes. Reading until all of it is there.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { encodeText, TruncatedMessageError } from "../../lib/framing/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed, serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/mod.ts";
import { FAREWELL, framing, LENGTH, PORT } from "./protocol.ts";

/**
 * Serves sixteen: reads 16 bytes, answers 16, and closes. The answer arrives also when the client sent more.
 *
 * @param options Where to listen, and limits; the port is 3002 unless given.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveSixteen } from "@wirebench/wirebench/sixteen";
 * import { fixed } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveSixteen({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const answer = await framed(connection, fixed(16)).request(new TextEncoder().encode("Hi there, server"));
 * assertEquals(new TextDecoder().decode(answer), "Farewell, client");
 * ```
 */
export function serveSixteen(options: ServeTcpOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const farewell = encodeText(FAREWELL);

  return serveTcp({ port: PORT, ...options, log }, async (connection) => {
    const messages = framed(connection, framing);
    const greeting = await messages.receive();
    if (greeting === undefined) throw new TruncatedMessageError("message", LENGTH, 0);
    log.said(connection.remote, "Server", greeting);
    await messages.send(farewell);
    log.said("Server", connection.remote, FAREWELL);
  });
}

if (import.meta.main) {
  runTcpServer({
    name: "sixteen",
    summary: `Reads 16 bytes, and answers the 16 of "${FAREWELL}".`,
    port: PORT,
    workers: { module: import.meta.url, serve: "serveSixteen" },
    messages: false,
  }, serveSixteen);
}
