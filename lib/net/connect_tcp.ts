import { formatAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import { ConnectionError, toConnectionError } from "./errors.ts";
import type { ConnectionOptions } from "./limits.ts";
import { after } from "./timer.ts";

/** What a client checks a server's certificate against. */
export interface Trust {
  /** Certificates of certificate authorities, in PEM, that are trusted besides those that everybody trusts. */
  caCerts?: string[];
  /** The name or address that the certificate must be for; the one connected to unless given. */
  serverName?: string;
}

/** Options of {@linkcode connectTcp}. */
export interface ConnectTcpOptions extends ConnectionOptions {
  /**
   * The host to connect to.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /** The port, 1 to 65535; not for a Unix socket. */
  port?: number;
  /** The path of a Unix socket to connect to, whatever the host and the port. */
  path?: string | undefined;
  /** Encrypts the connection with TLS: `true`, or what to check the server's certificate against. */
  tls?: boolean | Trust;
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
 * Connects to a server over TCP, TLS or a Unix socket.
 *
 * @param options Where to, and the deadlines of the connection.
 * @returns The open connection, which has shaken hands if it is encrypted.
 * @throws {ConnectionError} If nobody answered in time, or the server is not to be trusted.
 * @throws {Deno.errors.ConnectionRefused} If nobody listens there.
 * @throws {Deno.errors.NotFound} If there is no Unix socket.
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
  const { signal } = options;
  const plain = await open(options);
  const socket = options.tls ? await encrypt(plain, options) : plain;
  const connection = take(socket, options);
  if (signal !== undefined) {
    const close = () => connection.close("shutdown", "Interrupted");
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

/** Connects, or gives up at the deadline or the signal. */
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

/** How a certificate begins in PEM (RFC 7468, 5.1). The runtime passes over what does not. */
const BEGIN_CERTIFICATE = "-----BEGIN CERTIFICATE-----";

async function encrypt(socket: Deno.Conn, options: ConnectTcpOptions): Promise<Deno.Conn> {
  const { caCerts = [], serverName = options.hostname ?? "127.0.0.1" } = options.tls === true ? {} : options.tls || {};
  if (!caCerts.every((pem) => pem.includes(BEGIN_CERTIFICATE))) {
    socket.close();
    throw new RangeError(`Cannot trust what is no certificate: expected PEM, which has ${BEGIN_CERTIFICATE}`);
  }
  try {
    // While it is still plain: an encrypted one does not let Nagle's algorithm be turned off.
    (socket as Deno.TcpConn).setNoDelay(true);
    return await Deno.startTls(socket as Deno.TcpConn, { hostname: serverName, caCerts });
  } catch (error) {
    closeQuietly(socket);
    const lost = toConnectionError(error);
    if (lost.reason === "reset") throw lost;
    throw new RangeError(`Cannot use what the server is checked against: ${lost.message}`, { cause: error });
  }
}

/** A connection that is reset as soon as it is made is a connection that ended, not one that could not be made. */
function take(socket: Deno.Conn, options: ConnectionOptions): Connection {
  try {
    return new Connection(socket, options);
  } catch (error) {
    socket.close();
    throw error instanceof RangeError ? error : toConnectionError(error);
  }
}

function closeQuietly(socket: Deno.Conn): void {
  try {
    socket.close();
  } catch {
    // It belongs to somebody else already, or is closed.
  }
}
