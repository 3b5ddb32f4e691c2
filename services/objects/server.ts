/**
 * Objects: a length-headed serialised object.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/mod.ts";
import { type Format, formatOption, FORMATS, PORT } from "./protocol.ts";

export type { Format };

/** Options of {@linkcode serveObjects}. */
export interface ServeObjectsOptions extends ServeTcpOptions {
  /**
   * How the object is serialised.
   *
   * @default {"pickle"}
   */
  format?: Format;
}

/**
 * Serves objects: sends every client `{1: 'Hey', 2: 'There'}`, and closes.
 *
 * @param options Where to listen, and limits; the port is 1236 unless given.
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
  const { message, words } = FORMATS[options.format ?? "pickle"];

  return serveTcp({ port: PORT, ...options, log }, async (connection) => {
    await connection.write(message);
    log.said("Server", connection.remote, words);
  });
}

if (import.meta.main) {
  runTcpServer({
    name: "objects",
    summary: "Sends every client an object.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveObjects" },
    messages: false,
    idleTimeout: false,
    options: { format: formatOption },
  }, serveObjects);
}
