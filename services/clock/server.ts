/**
 * Clock: length-headed messages that the server pushes.
 *
 * @module
 */

import { seconds } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import {
  type Clock,
  type Connection,
  ConnectionError,
  framed,
  serveTcp,
  type ServeTcpOptions,
  sleep,
  systemClock,
  type TcpServer,
} from "../../lib/net/mod.ts";
import { framing, INTERVAL, now, PORT, tick, WELCOME } from "./protocol.ts";

/** Options of {@linkcode serveClock}. */
export interface ServeClockOptions extends ServeTcpOptions {
  /**
   * How often the time is told, in milliseconds above 0.
   *
   * @default {3000}
   */
  interval?: number;
}

/**
 * Serves clock: welcomes every client, then tells the time again and again. A client that does not read is dropped
 * once `writeTimeout` has passed; ticks that it misses meanwhile are not made up for.
 *
 * @param options Where to listen, and limits; the port is 1235 unless given.
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
    { port: PORT, ...options, log },
    (connection) => tellTime(connection, interval, (message) => log.said("Server", connection.remote, message)),
  );
}

/**
 * Serves one client: each message is written before the next is thought of, so a client that does not read costs one
 * message of memory, until its connection is closed as too slow.
 *
 * @param connection Whom to tell.
 * @param interval How often, in milliseconds above 0.
 * @param told Called with each message that was written.
 * @param clock Measures the interval.
 */
export async function tellTime(
  connection: Connection,
  interval: number,
  told: (message: string) => void = () => {},
  clock: Clock = systemClock,
): Promise<void> {
  const messages = framed(connection, framing);
  async function say(message: string): Promise<void> {
    await messages.send(message);
    told(message);
  }
  const began = clock.now();
  const hearing = ignore(connection);
  try {
    await say(WELCOME);
    for (let due = 1;;) {
      const past = clock.now() - began;
      // Counted from the beginning, so that delays do not add up.
      await sleep(due * interval - past, connection.ending, clock);
      if (connection.ending.aborted) break;
      await say(tick(now()));
      // A tick whose time has passed is left out. A timer may go off a little early, which makes none come twice.
      due = Math.max(due, Math.floor((clock.now() - began) / interval)) + 1;
    }
  } catch (error) {
    if (!hearing.ended || connection.reason !== "reset") throw error;
    throw new ConnectionError("finished", "The client had left");
  }
}

/** Drops what a client says, which it has no reason to, and tells whether it has ended: it may still listen. */
function ignore(connection: Connection): { ended: boolean } {
  const hearing = { ended: false };
  (async () => {
    while (await connection.readChunk(Infinity) !== null) { /* dropped */ }
    hearing.ended = true;
  })().catch(() => {}); // The next tick finds out.
  return hearing;
}

if (import.meta.main) {
  await runTcpServer({
    name: "clock",
    summary: "Tells every client the time, again and again.",
    port: PORT,
    workers: { module: import.meta.url, serve: "serveClock" },
    messages: false,
    idleTimeout: false,
    options: { interval: seconds("How often to tell the time", INTERVAL) },
  }, serveClock);
}
