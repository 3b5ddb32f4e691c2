import { connectTcp, type ConnectTcpOptions } from "./connect_tcp.ts";
import type { Connection } from "./connection.ts";
import { ConnectionError, reasonOf } from "./errors.ts";
import { type Clock, sleep, systemClock } from "./timer.ts";

/**
 * What a client that reconnects is doing. `tried` numbers the tries since a connection last held; the first is 1.
 *
 * - `connecting`: connecting to the server.
 * - `connected`: running on this connection.
 * - `waiting`: waiting `delay` milliseconds before this try, because of `error`, if there was one.
 * - `ended`: the signal was aborted, or `error` ended the client.
 */
export type ReconnectingState =
  | { state: "connecting"; tried: number }
  | { state: "connected"; connection: Connection }
  | { state: "waiting"; delay: number; tried: number; error: unknown }
  | { state: "ended"; error: unknown };

/** Options of {@linkcode reconnecting}. */
export interface ReconnectingOptions extends ConnectTcpOptions {
  /**
   * Maximum delay before the second try, in milliseconds, more than 0. It doubles with each try.
   *
   * @default {200}
   */
  firstDelay?: number | undefined;
  /**
   * Maximum delay before any try, in milliseconds, at least `firstDelay`.
   *
   * @default {30000}
   */
  maxDelay?: number | undefined;
  /**
   * Time in milliseconds that a connection must hold for the tries to be counted from 1 again. A server that closes
   * connections at once is therefore tried less and less often.
   *
   * @default {10000}
   */
  holdTime?: number | undefined;
  /**
   * Maximum number of tries in a row: an integer of 1 or more, or `Infinity`.
   *
   * @default {Infinity}
   */
  tries?: number | undefined;
  /**
   * Returns random numbers from 0 to less than 1. A seeded generator repeats the delays.
   *
   * @default {Math.random}
   */
  random?: (() => number) | undefined;
  /** Called with each new state. */
  onState?: ((state: ReconnectingState) => void) | undefined;
  /**
   * Measures the delays and how long connections hold.
   *
   * @default {systemClock}
   */
  clock?: Clock | undefined;
}

/**
 * Keeps a client connected: connects, runs a function on the connection, and connects again when it returns or the
 * connection fails, until the signal is aborted.
 *
 * Before each try but the first it waits for a random time of up to `firstDelay`, twice that before the next try, and so
 * on up to `maxDelay` (exponential backoff with full jitter), so that clients of a restarted server return spread out.
 *
 * @param options The server, the delays, and the signal that ends the client.
 * @param run Called with each connection, which is closed when it returns: without losing what was written, or at once if
 * it throws. An error of the connection or of a framing leads to the next try; any other error ends the client.
 * @returns Resolves when the signal has been aborted.
 * @throws The last error, when all tries have failed; a `ConnectionError` if the connections ended without one.
 * @throws Any error of `run` that is not one of the connection or of a framing.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow connecting.
 * @throws {RangeError} If an option is out of range.
 *
 * @example
 * ```ts
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { reconnecting } from "@wirebench/wirebench/net";
 *
 * await using server = serveEcho({ port: 0 });
 * const stop = new AbortController();
 * await reconnecting({ port: server.addr.port, signal: stop.signal }, async (connection) => {
 *   await connection.write(new TextEncoder().encode("Hey"));
 *   await connection.readChunk();
 *   stop.abort();
 * });
 * ```
 */
export async function reconnecting(
  options: ReconnectingOptions,
  run: (connection: Connection) => Promise<void> | void,
): Promise<void> {
  const { firstDelay = 200, maxDelay = 30_000, holdTime = 10_000, tries = Infinity } = options;
  const { signal = new AbortController().signal, random = Math.random, clock = systemClock, onState = () => {} } =
    options;
  if (!(firstDelay > 0) || !(maxDelay >= firstDelay)) {
    throw new RangeError(
      `Cannot wait ${firstDelay} to ${maxDelay} ms: expected firstDelay > 0 and maxDelay >= firstDelay`,
    );
  }
  if (!(holdTime >= 0)) throw new RangeError(`Cannot use holdTime ${holdTime}: expected 0 or more`);
  if (!(tries >= 1) || !(tries === Infinity || Number.isInteger(tries))) {
    throw new RangeError(`Cannot try ${tries} times: expected an integer of 1 or more, or Infinity`);
  }
  let ending: unknown;
  try {
    for (let tried = 1; !signal.aborted; tried++) {
      onState({ state: "connecting", tried });
      let connectedAt: number | undefined;
      let error: unknown;
      try {
        const connection = await connectTcp(options);
        connectedAt = clock.now();
        onState({ state: "connected", connection });
        await runOn(connection, run);
      } catch (thrown) {
        error = thrown;
        if (!(signal.aborted && error === signal.reason) && !isOfNetwork(error, connectedAt !== undefined)) throw error;
      }
      if (signal.aborted) return;
      if (connectedAt !== undefined && clock.now() - connectedAt >= holdTime) tried = 0;
      else if (tried >= tries) {
        throw error ?? new ConnectionError("finished", `The server ended ${tried} connections early`);
      }
      const delay = random() * Math.min(maxDelay, firstDelay * 2 ** Math.max(0, tried - 1));
      onState({ state: "waiting", delay, tried: tried + 1, error });
      await sleep(delay, signal, clock);
    }
  } catch (error) {
    ending = error;
    throw error;
  } finally {
    onState({ state: "ended", error: ending });
  }
}

/** Runs the function, then closes the connection. */
async function runOn(connection: Connection, run: (connection: Connection) => Promise<void> | void): Promise<void> {
  try {
    await run(connection);
    await connection.finish();
  } finally {
    connection.close();
  }
}

/** Whether an error comes from the peer or the network, not from the program, so that another try may succeed. */
function isOfNetwork(error: unknown, connected: boolean): boolean {
  if (connected) return error instanceof ConnectionError || reasonOf(error) !== "failed";
  return ![RangeError, TypeError, Deno.errors.NotCapable].some((own) => error instanceof own);
}
