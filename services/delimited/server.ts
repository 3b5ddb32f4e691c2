/**
 * Delimited: messages that end in a newline. One read may hold several messages, and one message may take several reads.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { lineBatches } from "../../lib/framing/line_batches.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { countByte } from "./_count_byte.ts";
import { PORT } from "./protocol.ts";

const LINE_FEED = 0x0a;

/** Options of {@linkcode serveDelimited}. */
export interface ServeDelimitedOptions extends ServeTcpOptions {
  /**
   * The longest line accepted, in bytes, without its newline.
   *
   * @default {1048576}
   */
  maxMessage?: number | undefined;
}

/**
 * Serves delimited: sends every line back, ended by `\n`, even a last line that has none.
 *
 * @param options Where to listen, and limits; the default port is 3004.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveDelimited } from "@wirebench/wirebench/delimited";
 * import { lines, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveDelimited({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * assertEquals(await framed(connection, text(lines())).request("Hey"), "Hey");
 * ```
 */
export function serveDelimited(options: ServeDelimitedOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const framing = lineBatches({ maxLength: options.maxMessage });

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    const messages = framed(connection, framing);
    // The lines of one read form one batch, sent back in one write.
    for (let batches; (batches = await messages.receiveBatch()).length > 0;) {
      for (const batch of batches) {
        await connection.write(batch);
        if (log.showsMessages) logLines(log, connection.remote, batch);
      }
    }
  });
}

/** Logs each line as received and as sent back. */
function logLines(log: Log, peer: string, batch: Uint8Array): void {
  if (log.omit(2 * countByte(batch, LINE_FEED))) return;
  for (let start = 0, end; start < batch.length; start = end + 1) {
    end = batch.indexOf(LINE_FEED, start);
    const line = batch.subarray(start, end);
    log.said(peer, "Server", line);
    log.said("Server", peer, line);
  }
}

if (import.meta.main) {
  runTcpServer({
    ...task("delimited:server"),
    summary: "Sends every line back.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveDelimited" },
  }, serveDelimited);
}
