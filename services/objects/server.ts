/**
 * Objects: a serialised object under a length header.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { type Format, formatOption, FORMATS, framing, PORT } from "./protocol.ts";

export type { Format };

/** Options of {@linkcode serveObjects}. */
export interface ServeObjectsOptions extends ServeTcpOptions {
  /**
   * The object's serialisation.
   *
   * @default {"pickle"}
   */
  format?: Format | undefined;
}

/**
 * Serves objects: sends every client the object `{1: 'Hey', 2: 'There'}`, then closes.
 *
 * @param options Where to listen, and limits; the default port is 1236.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveObjects } from "@wirebench/wirebench/objects";
 * import { decimalHeader, pickle } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveObjects({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const object = await framed(connection, pickle(decimalHeader())).receive();
 * assertEquals(object, new Map([[1, "Hey"], [2, "There"]]));
 * ```
 */
export function serveObjects(options: ServeObjectsOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const { payload, show } = FORMATS[options.format ?? formatOption.default];
  const shown = Array.from(show(payload)).join("");

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    await framed(connection, framing).send(payload);
    log.said("Server", connection.remote, shown);
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("objects:server"),
    summary: "Sends every client a serialised object.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveObjects" },
    messages: false,
    idleTimeout: false,
    options: { format: formatOption },
  }, serveObjects);
}
