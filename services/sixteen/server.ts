/**
 * Sixteen: reads exactly 16 bytes, in as many reads as it takes.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { FAREWELL, framing, PORT, readSixteen } from "./protocol.ts";

/**
 * Serves sixteen: reads exactly 16 bytes, answers with 16, and closes. The answer arrives even if the client sends more.
 *
 * @param options Where to listen, and limits; the default port is 3002.
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

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    const messages = framed(connection, framing);
    const greeting = await readSixteen(messages);
    log.said(connection.remote, "Server", greeting);
    await messages.send(farewell);
    log.said("Server", connection.remote, FAREWELL);
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("sixteen:server"),
    summary: `Reads exactly 16 bytes, then answers with the 16 bytes "${FAREWELL}".`,
    port: PORT,
    workers: { module: import.meta.url, serve: "serveSixteen" },
    messages: false,
  }, serveSixteen);
}
