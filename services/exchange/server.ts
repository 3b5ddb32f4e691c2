/**
 * Exchange: the client ends its request by shutting down its sending side, then reads the answer.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { Log } from "../../lib/log/mod.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { PORT, receipt } from "./protocol.ts";

/**
 * Serves exchange: reads to the end, answers with the number of bytes, and closes. It keeps none of the bytes.
 *
 * @param options Where to listen, and limits; the default port is 3006.
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

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    let length = 0;
    for (let chunk; (chunk = await connection.readChunk()) !== null;) {
      length += chunk.length;
      if (log.showsMessages) log.said(connection.remote, "Server", chunk);
    }
    const answer = receipt(length);
    await connection.write(encodeText(answer));
    log.said("Server", connection.remote, answer.trimEnd());
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("exchange:server"),
    summary: "Reads to the end, then answers with the number of bytes.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveExchange" },
    messages: false,
  }, serveExchange);
}
