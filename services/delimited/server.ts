/**
 * Delimited: messages that end in a newline, several in one read and one in several.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { lineBatches } from "../../lib/framing/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed, serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/mod.ts";
import { PORT } from "./protocol.ts";

const LINE_FEED = 0x0a;

/** Options of {@linkcode serveDelimited}. */
export interface ServeDelimitedOptions extends ServeTcpOptions {
  /**
   * The longest line accepted, in bytes without its newline.
   *
   * @default {1048576}
   */
  maxMessage?: number;
}

/**
 * Serves delimited: sends every line back, ended by `\n`. A last line without one counts.
 *
 * @param options Where to listen, and limits; the port is 3004 unless given.
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

  return serveTcp({ port: PORT, ...options, log }, async (connection) => {
    const messages = framed(connection, framing);
    // All the lines of one read are one block, which is sent back in one write.
    for (let blocks; (blocks = await messages.receiveBatch()).length > 0;) {
      for (const block of blocks) {
        await connection.write(block);
        if (log.showsMessages) sayLines(log, connection.remote, block);
      }
    }
  });
}

/** Logs each line of a block, and that it was sent back. */
function sayLines(log: Log, peer: string, block: Uint8Array): void {
  for (let start = 0, end; start < block.length; start = end + 1) {
    end = block.indexOf(LINE_FEED, start);
    const line = block.subarray(start, end);
    log.said(peer, "Server", line);
    if (log.said("Server", peer, line)) continue;
    return log.omit(2 * countLines(block.subarray(end + 1)));
  }
}

function countLines(block: Uint8Array): number {
  let count = 0;
  for (const byte of block) if (byte === LINE_FEED) count++;
  return count;
}

if (import.meta.main) {
  runTcpServer({
    name: "delimited",
    summary: "Sends back every line.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveDelimited" },
  }, serveDelimited);
}
