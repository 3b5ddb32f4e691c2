import type { Log } from "../log/log.ts";
import { formatAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, toConnectionError } from "./errors.ts";
import { clientLimitsOf, type ConnectionOptions } from "./limits.ts";
import { encryptClient, hosts, type Socket, type Trust } from "./_tls.ts";
import { after } from "./timer.ts";

/** Options of {@linkcode connectTcp}. */
export interface ConnectTcpOptions extends ConnectionOptions {
  /**
   * The host to connect to.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** Port, 1 to 65535. Not for a Unix socket. */
  port?: number | undefined;
  /** Path of a Unix socket. Takes precedence over host and port. */
  path?: string | undefined;
  /** Encrypts the connection with TLS. An object says how to verify the server's certificate. */
  tls?: boolean | Trust | undefined;
  /**
   * Time that connecting may take, in milliseconds.
   *
   * @default {10000}
   */
  connectTimeout?: number | undefined;
  /** Aborts connecting, or closes the connection. The signal's reason is then the error's cause. */
  signal?: AbortSignal | undefined;
  /** Logs the local address at level info, and each read and write at debug. */
  log?: Log | undefined;
}

/**
 * Connects to a server over TCP, TLS or a Unix socket.
 *
 * @param options The server, and the deadlines of the connection.
 * @returns The open connection, after the TLS handshake if there is one.
 * @throws {ConnectionError} If the server did not answer in time, or its certificate is not trusted.
 * @throws {Deno.errors.ConnectionRefused} If no server listens there.
 * @throws {Deno.errors.NotFound} If there is no Unix socket at the path.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 * @throws {RangeError} If an option is out of range.
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
  const { signal, tls } = options;
  const encrypt = tls ? encryptClient(typeof tls === "object" ? tls : {}) : (socket: Socket) => socket;
  const connection = take(await open(options), encrypt, options);
  options.log?.info("Connected to {peer} from {local}", { peer: connection.remote, local: connection.local });
  if (signal !== undefined) {
    const close = () => connection.close("shutdown", "Interrupted", signal.reason);
    if (signal.aborted) close();
    signal.addEventListener("abort", close);
    connection.signal.addEventListener("abort", () => signal.removeEventListener("abort", close));
  }
  try {
    await connection.handshake();
  } catch (error) {
    connection.close();
    signal?.throwIfAborted();
    throw error;
  }
  signal?.throwIfAborted();
  return connection;
}

/** Connects until the deadline or the signal. */
async function open(options: ConnectTcpOptions): Promise<Deno.Conn> {
  const { hostname = "127.0.0.1", port, path, connectTimeout = 10_000, signal, tls } = options;
  if (port === undefined && path === undefined) throw new RangeError("Cannot connect: expected a port or a path");
  if (path !== undefined && tls) throw new RangeError("Cannot encrypt a Unix socket: expected a host and a port");
  signal?.throwIfAborted();
  const attempt = new AbortController();
  const giveUp = () => attempt.abort();
  const cancel = after(connectTimeout, giveUp);
  signal?.addEventListener("abort", giveUp);
  try {
    if (path !== undefined) return await Deno.connect({ transport: "unix", path });
    return await Deno.connect({ hostname, port: port!, signal: attempt.signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!attempt.signal.aborted) throw error;
    const address = formatAddress({ hostname, port: port ?? 0 });
    throw new ConnectionError("idle", `No answer from ${address} within ${connectTimeout / 1000} s`, { cause: error });
  } finally {
    cancel();
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Wraps the socket. A connection that is reset immediately counts as ended, not as refused. */
function take(socket: Deno.Conn, encrypt: (socket: Socket) => Socket, options: ConnectTcpOptions): Connection {
  try {
    hosts.set(socket, options.hostname ?? "127.0.0.1");
    return new Connection(encrypt(socket), clientLimitsOf(options), undefined, options.log);
  } catch (error) {
    socket.close();
    throw error instanceof RangeError ? error : toConnectionError(error);
  }
}
