/**
 * Exchange: a request that ends by shutting down the sending side.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/mod.ts";
import { PORT, receipt } from "./protocol.ts";

/**
 * Serves exchange: reads to the end, then answers how many bytes there were, and closes. It keeps none of them.
 *
 * @param options Where to listen, and limits; the port is 3006 unless given.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveExchange } from "@wirebench/wirebench/exchange";
 * import { connectTcp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveExchange({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * await connection.write(new Uint8Array(1000));
 * await connection.closeWrite();
 * assertEquals(new TextDecoder().decode((await connection.readChunk())!), "received 1000 bytes\n");
 * ```
 */
export function serveExchange(options: ServeTcpOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");

  return serveTcp({ port: PORT, ...options, log }, async (connection) => {
    let count = 0;
    for (let chunk; (chunk = await connection.readChunk()) !== null;) {
      count += chunk.length;
      if (log.showsMessages) log.said(connection.remote, "Server", chunk);
    }
    await connection.write(encodeText(receipt(count)));
    log.said("Server", connection.remote, receipt(count).trimEnd());
  });
}

if (import.meta.main) {
  runTcpServer({
    name: "exchange",
    summary: "Reads to the end, and answers how many bytes there were.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveExchange" },
    messages: false,
  }, serveExchange);
}
