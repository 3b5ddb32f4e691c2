/**
 * Lines: a socket used as a text file. Every line read is answered with a line.
 *
 * @module
 */

import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { ANSWER, framing, PORT, STOP } from "./protocol.ts";

/** Options of {@linkcode serveLines}. */
export interface ServeLinesOptions extends ServeTcpOptions {
  /**
   * The longest line accepted, in bytes, without its newline.
   *
   * @default {1048576}
   */
  maxMessage?: number | undefined;
}

/**
 * Serves lines: answers each line with `Hello Node!`, and ends the connection after the answer to `STOP`.
 *
 * @param options Where to listen, and limits; the default port is 1060.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveLines } from "@wirebench/wirebench/lines";
 * import { lines, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveLines({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const messages = framed(connection, text(lines()));
 * await messages.send("Hello server!");
 * assertEquals(await messages.receive(), "Hello Node!");
 * ```
 */
export function serveLines(options: ServeLinesOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const protocol = framing(options.maxMessage);
  const answer = protocol.encode(ANSWER);
  // The answer repeated, as often as the longest batch so far needs it.
  let answers: Uint8Array = answer;

  return serveTcp({ ...options, port: options.port ?? PORT, log }, async (connection) => {
    const messages = framed(connection, protocol);
    // One write answers all lines of one read: one write per line is 48 times slower.
    for (let batch; (batch = await messages.receiveBatch()).length > 0;) {
      const stop = batch.indexOf(STOP);
      const answered = stop === -1 ? batch : batch.slice(0, stop + 1);
      const length = answered.length * answer.length;
      if (answers.length < length) answers = repeat(answer, answered.length);
      await connection.write(answers.subarray(0, length));
      if (log.showsMessages && !log.omit(2 * answered.length)) {
        for (const line of answered) {
          log.said(connection.remote, "Server", line);
          log.said("Server", connection.remote, ANSWER);
        }
      }
      if (stop !== -1) return;
    }
  });
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times);
  for (let at = 0; at < all.length; at += bytes.length) all.set(bytes, at);
  return all;
}

if (import.meta.main) {
  runTcpServer({
    ...task("lines:server"),
    summary: `Answers every line with "${ANSWER}"; the line ${STOP} ends the connection.`,
    port: PORT,
    workers: { module: import.meta.url, serve: "serveLines" },
  }, serveLines);
}
