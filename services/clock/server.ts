/**
 * Clock: the server pushes messages under a length header; the client only listens.
 *
 * @module
 */

import { seconds } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import type { Connection } from "../../lib/net/connection.ts";
import { ConnectionError } from "../../lib/net/errors.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { type Clock, sleep, systemClock } from "../../lib/net/timer.ts";
import { framing, INTERVAL, now, PORT, tick, WELCOME } from "./protocol.ts";

/** Options of {@linkcode serveClock}. */
export interface ServeClockOptions extends ServeTcpOptions {
  /**
   * Time between ticks, in milliseconds above 0.
   *
   * @default {3000}
   */
  interval?: number | undefined;
}

/**
 * Serves clock: sends every client a welcome, then a tick at every interval. A client that does not read is closed
 * after `writeTimeout`; ticks that fall due meanwhile are skipped.
 *
 * @param options Where to listen, and limits; the default port is 1235.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveClock } from "@wirebench/wirebench/clock";
 * import { decimalHeader, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 * import { assertEquals, assertMatch } from "@std/assert";
 *
 * await using server = serveClock({ port: 0, interval: 10 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const messages = framed(connection, text(decimalHeader()));
 * assertEquals(await messages.receive(), "Welcome to the server!");
 * assertMatch((await messages.receive())!, /^The time is \d+\.\d+$/);
 * ```
 */
export function serveClock(options: ServeClockOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const { interval = INTERVAL } = options;
  if (!(interval > 0)) throw new RangeError(`Cannot use interval ${interval}: expected milliseconds above 0`);

  return serveTcp(
    { ...options, port: options.port ?? PORT, log },
    (connection) => sendTicks(connection, interval, (message) => log.said("Server", connection.remote, message)),
  );
}

/**
 * Serves one client. Each message is written before the next is made, so a client that does not read holds one message
 * in memory until its connection is closed as too slow.
 *
 * @param connection The client's connection.
 * @param interval Time between ticks, in milliseconds above 0.
 * @param onSent Called with each message after it was written.
 * @param clock Measures the interval.
 */
export async function sendTicks(
  connection: Connection,
  interval: number,
  onSent: (message: string) => void = () => {},
  clock: Clock = systemClock,
): Promise<void> {
  const messages = framed(connection, framing);
  async function send(message: string): Promise<void> {
    await messages.send(message);
    onSent(message);
  }
  const started = clock.now();
  const input = discardInput(connection);
  try {
    await send(WELCOME);
    for (let due = 1;;) {
      // Tick `due` is timed from the start of the connection, so delays do not accumulate.
      await sleep(due * interval - (clock.now() - started), connection.ending, clock);
      if (connection.ending.aborted) break;
      await send(tick(now()));
      // Skips ticks whose time has passed. The maximum keeps a timer that fires early from repeating a tick.
      due = Math.max(due, Math.floor((clock.now() - started) / interval)) + 1;
    }
  } catch (error) {
    if (!input.ended || connection.reason !== "reset") throw error;
    throw new ConnectionError("finished", "The client has left");
  }
}

/** Reads and discards all input. `ended` becomes true when the client ends its sending side; it may still read. */
function discardInput(connection: Connection): { ended: boolean } {
  const input = { ended: false };
  (async () => {
    while (await connection.readChunk(Infinity) !== null) { /* discarded */ }
    // After a write has failed, a read may find the end of the stream instead of the reset.
    input.ended = connection.reason === undefined;
  })().catch(() => {}); // The next write reports the error.
  return input;
}

if (import.meta.main) {
  runTcpServer({
    ...task("clock:server"),
    summary: "Sends every client the time at every interval.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveClock" },
    messages: false,
    idleTimeout: false,
    options: { interval: seconds("Time between ticks", INTERVAL) },
  }, serveClock);
}
