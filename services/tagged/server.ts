/**
 * Tagged: a type byte decides the length of each message.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { decodeBytes, Log } from "../../lib/log/mod.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { framing, PORT } from "./protocol.ts";

/**
 * Serves tagged: sends every message back, type byte included. An unknown type ends the connection, because the length
 * of its message is unknown too.
 *
 * @param options Where to listen, and limits; the default port is 3005.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveTagged } from "@wirebench/wirebench/tagged";
 * import { tagged } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveTagged({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const message = { type: "A" as const, body: Uint8Array.of(1, 2, 3, 4) };
 * assertEquals(await framed(connection, tagged({ A: 4, B: 16, C: 300 })).request(message), message);
 * ```
 */
export function serveTagged(options: ServeTcpOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    const messages = framed(connection, framing);
    for (let batch; (batch = await messages.receiveBatch()).length > 0;) {
      await messages.sendAll(batch);
      if (log.showsMessages) {
        for (const { type, body } of batch) {
          const text = () => `${type}:${decodeBytes(body)}`;
          log.said(connection.remote, "Server", text);
          log.said("Server", connection.remote, text);
        }
      }
    }
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("tagged:server"),
    summary: "Sends every message back; its type byte decides its length.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveTagged" },
    messages: false,
  }, serveTagged);
}
