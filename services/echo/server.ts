/**
 * Echo: sends a byte stream back unchanged.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { PORT } from "./protocol.ts";

/**
 * Serves echo: sends every byte back until the client ends its sending side, then closes.
 *
 * @param options Where to listen, and limits; the default port is 65432.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveEcho({ port: 0 });
 * using socket = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
 * await socket.write(new TextEncoder().encode("Hey"));
 * await socket.closeWrite();
 * const answer = new Uint8Array(16);
 * assertEquals(await socket.read(answer), 3);
 * ```
 */
export function serveEcho(options: ServeTcpOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    const { showsMessages } = log;
    for (let chunk; (chunk = await connection.readChunk()) !== null;) {
      if (showsMessages) log.said(connection.remote, "Server", chunk);
      await connection.write(chunk);
      if (showsMessages) log.said("Server", connection.remote, chunk);
    }
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("echo:server"),
    summary: "Sends every byte back unchanged.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveEcho" },
    messages: false,
  }, serveEcho);
}
