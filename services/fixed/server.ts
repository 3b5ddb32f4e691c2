/**
 * Fixed: messages of a fixed length, many on one connection.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { fixed } from "../../lib/framing/fixed.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { LENGTH, lengthOption, PORT } from "./protocol.ts";

/** Options of {@linkcode serveFixed}. */
export interface ServeFixedOptions extends ServeTcpOptions {
  /**
   * The length of every message in bytes: an integer of 1 or more.
   *
   * @default {5000}
   */
  length?: number | undefined;
}

/**
 * Serves fixed: sends every message back. The end of the stream inside a message is an error.
 *
 * @param options Where to listen, and limits; the default port is 3003.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveFixed } from "@wirebench/wirebench/fixed";
 * import { fixed } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveFixed({ port: 0, length: 3 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const answer = await framed(connection, fixed(3)).request(Uint8Array.of(1, 2, 3));
 * assertEquals(answer, Uint8Array.of(1, 2, 3));
 * ```
 */
export function serveFixed(options: ServeFixedOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const framing = fixed(options.length ?? LENGTH);

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    const messages = framed(connection, framing);
    for (let batch; (batch = await messages.receiveBatch()).length > 0;) {
      await messages.sendAll(batch);
      if (log.showsMessages) {
        for (const message of batch) {
          log.said(connection.remote, "Server", message);
          log.said("Server", connection.remote, message);
        }
      }
    }
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("fixed:server"),
    summary: "Sends every message of a fixed length back.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveFixed" },
    messages: false,
    options: { length: lengthOption },
  }, serveFixed);
}
