import { formatAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, toConnectionError } from "./errors.ts";
import type { Deadlines } from "./limits.ts";
import { after } from "./timer.ts";

/** Options of {@linkcode connectTcp}. */
export interface ConnectTcpOptions extends Deadlines {
  /**
   * The host to connect to.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /** The port, 1 to 65535. */
  port: number;
  /**
   * How long connecting may take, in milliseconds.
   *
   * @default {10000}
   */
  connectTimeout?: number;
  /** Gives up connecting, and closes the connection, when it is aborted. */
  signal?: AbortSignal;
}

/**
 * Connects to a TCP server.
 *
 * @param options Where to, and the deadlines of the connection.
 * @returns The open connection.
 * @throws {ConnectionError} If nobody answered in time.
 * @throws {Deno.errors.ConnectionRefused} If nobody listens there.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 * @throws The signal's reason, if it was aborted.
 *
 * @example
 * ```ts
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { connectTcp } from "@wirebench/wirebench/net";
 *
 * await using server = serveEcho({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port, connectTimeout: 1000 });
 * ```
 */
export async function connectTcp(options: ConnectTcpOptions): Promise<Connection> {
  const { hostname = "127.0.0.1", port, connectTimeout = 10_000, signal } = options;
  signal?.throwIfAborted();
  const attempt = new AbortController();
  const giveUp = () => attempt.abort();
  const cancel = after(connectTimeout, giveUp);
  signal?.addEventListener("abort", giveUp);
  let socket;
  try {
    socket = await Deno.connect({ hostname, port, signal: attempt.signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!attempt.signal.aborted) throw error;
    const address = formatAddress({ hostname, port });
    throw new ConnectionError("idle", `No answer from ${address} within ${connectTimeout / 1000} s`, { cause: error });
  } finally {
    cancel();
    signal?.removeEventListener("abort", giveUp);
  }
  if (signal?.aborted) {
    socket.close();
    throw signal.reason;
  }
  const connection = take(socket, options);
  if (signal !== undefined) {
    const close = () => connection.close("shutdown", "Interrupted");
    signal.addEventListener("abort", close);
    connection.signal.addEventListener("abort", () => signal.removeEventListener("abort", close));
  }
  return connection;
}

/** A connection that is reset as soon as it is made is a connection that ended, not one that could not be made. */
function take(socket: Deno.Conn, deadlines: Deadlines): Connection {
  try {
    return new Connection(socket, deadlines);
  } catch (error) {
    socket.close();
    throw error instanceof RangeError ? error : toConnectionError(error);
  }
}
