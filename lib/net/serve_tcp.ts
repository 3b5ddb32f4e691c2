import { Log } from "../log/log.ts";
import { Admission, type CountsRow } from "./_admission.ts";
import { formatAddress, type ListenAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import { LoopShare } from "./loop.ts";
import { type CloseReason, reasonOf } from "./errors.ts";
import { type ConnectionOptions, DEFAULT_BACKLOG, type Limits, limitsOf } from "./limits.ts";
import { describeError, reportError } from "./_report_error.ts";
import type { ServeOptions, Server } from "./server.ts";
import { listenFirst } from "./_shared_port.ts";
import { type ServerTelemetry, serverTelemetry } from "./_telemetry.ts";
import { after, sleep } from "./timer.ts";
import { type Certificate, encryptServer, serverContext, type Socket } from "./_tls.ts";
import { type Listener, listenUnix } from "./unix.ts";

/** Time that a handler has to return after its connection was aborted, in milliseconds. The server then ends without it. */
const GIVE_UP_AFTER = 1000;
/** Pause before the next accept when the process has no file descriptor left, in milliseconds. */
const NO_DESCRIPTOR_PAUSE = 100;
/** Upper bound of the time that accepting and closing a connection takes, in milliseconds. */
const ACCEPT_COST = 0.2;

/** Options of {@linkcode serveTcp}. */
export interface ServeTcpOptions extends ServeOptions, ConnectionOptions {
  /**
   * Path of a Unix socket to listen at, instead of a host and a port. Only the owner can use the file (mode 600), and the
   * server removes it at the end. {@linkcode removeStaleSocket} removes one that a killed server left behind.
   */
  path?: string | undefined;
  /** Certificate to encrypt every connection with TLS. Not for a Unix socket. */
  tls?: Certificate | undefined;
  /**
   * Maximum number of connections that the operating system keeps until they are accepted: 0 to 65535, on Linux at most
   * `net.core.somaxconn`. Not for a Unix socket.
   *
   * @default {511}
   */
  backlog?: number | undefined;
  /**
   * Whether several processes or workers may listen at the same port, between which Linux shares the connections out.
   * `"first"` is for the first of them: it takes 10 ms, and fails if another program listens there, shared or not.
   *
   * @default {false}
   */
  reusePort?: boolean | "first" | undefined;
  /**
   * Maximum number of open connections. The server accepts and closes one more at once: a client left in the backlog could
   * not tell a full server from a slow network, and a flood would fill the backlog for everyone.
   *
   * @default {1000}
   */
  maxConnections?: number | undefined;
  /**
   * Maximum number of open connections from one address; for IPv6, from one network of 64 bits. Loopback addresses are
   * unlimited unless this is given.
   *
   * @default {100}
   */
  maxConnectionsPerAddress?: number | undefined;
  /**
   * Counters shared by servers in several threads, so that limits hold for all of them together. Created by
   * {@linkcode serveWorkers}.
   */
  sharedCounts?: CountsRow | undefined;
  /**
   * Called with an error on this side, such as a bug in the handler, that ended a connection as `failed`. Errors of peers are
   * only counted and logged. Without this function, such an error goes to standard error unless the log is configured.
   */
  onError?: ((error: unknown, where: { connection: Connection }) => void | Promise<void>) | undefined;
  /**
   * Time that `shutdown` lets connections finish, in milliseconds.
   *
   * @default {5000}
   */
  drainTimeout?: number | undefined;
}

/** How the connections ended that were open when a server was shut down. */
export interface DrainReport {
  /** Number of connections that ended in time. */
  finished: number;
  /** Number of connections that were aborted. */
  aborted: number;
}

/** A running TCP server. */
export interface TcpServer extends Server {
  /**
   * Stops accepting, lets connections finish until `drainTimeout`, then aborts the rest.
   *
   * @returns How the connections ended. Every call returns the same report.
   */
  shutdown(): Promise<DrainReport>;
  /** Number of open connections. */
  readonly connections: number;
  /** Number of connections that have ended, by reason. */
  readonly closed: ReadonlyMap<CloseReason, number>;
}

/**
 * Serves TCP connections concurrently, in the shape of `Deno.serve`. No connection delays another.
 *
 * When the handler returns or throws, the server closes the connection gracefully, so that the last answer arrives. An
 * error ends that one connection and is logged with its reason; see `onError`.
 *
 * @param options Where to listen, and limits.
 * @param handler Serves one connection.
 * @returns The server, already listening.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 * @throws {RangeError} If an option is out of range.
 *
 * @example Half of an echo server
 * ```ts
 * import { connectTcp, serveTcp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveTcp({ port: 0 }, async (connection) => {
 *   const chunk = await connection.readChunk();
 *   if (chunk !== null) await connection.write(chunk);
 * });
 * using connection = await connectTcp({ port: server.addr.port });
 * await connection.write(new TextEncoder().encode("Hey"));
 * assertEquals(await connection.readChunk(), new TextEncoder().encode("Hey"));
 * ```
 */
export function serveTcp(
  options: ServeTcpOptions,
  handler: (connection: Connection) => void | Promise<void>,
): TcpServer {
  return new TcpService(options, handler);
}

/** Opens the listener that the options ask for. */
function listen(options: ServeTcpOptions): Listener {
  const { hostname = "127.0.0.1", port = 0, path, tls, allow, backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  if (path === undefined) {
    const at = { hostname, port, tcpBacklog: backlog };
    return reusePort === "first" ? listenFirst(at) : Deno.listen({ ...at, reusePort });
  }
  if (tls !== undefined) throw new RangeError("Cannot encrypt a Unix socket: what passes it never leaves the machine");
  if (allow !== undefined) throw new RangeError("Cannot allow addresses at a Unix socket: its clients have none");
  return listenUnix(path);
}

/** A listener's own address, in the form that connecting takes. */
function addressOf(address: Deno.Addr): ListenAddress {
  if ("hostname" in address) return { hostname: address.hostname, port: address.port };
  return { hostname: "", port: 0, ...("path" in address && address.path !== null ? { path: address.path } : {}) };
}

class TcpService implements TcpServer {
  readonly addr: ListenAddress;
  readonly finished: Promise<void>;
  readonly closed = new Map<CloseReason, number>();

  readonly #listener: Listener;
  readonly #handler: (connection: Connection) => void | Promise<void>;
  readonly #limits: Limits;
  readonly #admission: Admission;
  readonly #encrypt: (socket: Deno.Conn) => Socket;
  readonly #drainTimeout: number;
  readonly #log: Log;
  readonly #onError: ServeTcpOptions["onError"];
  readonly #telemetry: ServerTelemetry | undefined;
  readonly #open = new Map<Connection, Promise<void>>();
  /** Number of accepted clients. It names the clients of a Unix socket, which have no address. */
  #came = 0;
  readonly #stopped = new AbortController();
  /** How connections have ended since the drain began. */
  #ended: DrainReport = { finished: 0, aborted: 0 };
  readonly #givenUp = Promise.withResolvers<void>();
  #cancelGivingUp: () => void = () => {};
  #report: Promise<DrainReport> | undefined;

  constructor(options: ServeTcpOptions, handler: (connection: Connection) => void | Promise<void>) {
    const { signal } = options;
    const log = options.log ?? new Log("Server");
    this.#limits = limitsOf(options);
    this.#admission = new Admission(options);
    this.#drainTimeout = options.drainTimeout ?? 5000;
    if (!(this.#drainTimeout >= 0)) {
      throw new RangeError(`Cannot use drainTimeout ${this.#drainTimeout}: expected milliseconds, 0 or more`);
    }
    this.#handler = handler;
    this.#log = log;
    this.#onError = options.onError;
    signal?.throwIfAborted();
    const context = options.tls === undefined ? undefined : serverContext(options.tls);
    this.#encrypt = context === undefined ? (socket) => socket : (socket) => encryptServer(socket, context);
    this.#listener = listen(options);
    this.addr = addressOf(this.#listener.addr);
    this.#telemetry = serverTelemetry("tcp", this.addr);
    const abort = () => this.#abort();
    signal?.addEventListener("abort", abort);
    this.finished = this.#accept().finally(() => signal?.removeEventListener("abort", abort));
    log.info("Listening at {address}", { address: formatAddress(this.addr) });
    try {
      options.onListen?.(this.addr);
    } catch (error) {
      this.#abort();
      throw error;
    }
  }

  get connections(): number {
    return this.#open.size;
  }

  shutdown(): Promise<DrainReport> {
    return this.#report ??= this.#drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #accept(): Promise<void> {
    // A flood of new connections must not delay open ones.
    const share = new LoopShare();
    while (!this.#stopped.signal.aborted) {
      for (let turn; (turn = share.request()) !== undefined;) await turn;
      try {
        const socket = await this.#listener.accept();
        // Accepting counts as a quarter of the open connections, so that new ones do not wait behind all of them.
        share.work(ACCEPT_COST / (1 + this.#open.size / 4));
        this.#take(socket);
      } catch (error) {
        if (!this.#stopped.signal.aborted) await this.#notAccepted(error);
      }
    }
    share.close();
    // A blocked handler may never finish.
    await Promise.race([Promise.all(this.#open.values()), this.#givenUp.promise]);
    this.#cancelGivingUp();
    this.#ended.aborted += this.#open.size;
  }

  #take(socket: Deno.Conn): void {
    if (this.#stopped.signal.aborted) return socket.close(); // Accepted while the server was stopping.
    let hostname: string | undefined;
    let connection: Connection | undefined;
    try {
      hostname = "hostname" in socket.remoteAddr ? socket.remoteAddr.hostname : undefined;
      const remote = this.addr.path === undefined ? undefined : `${this.addr.path}#${++this.#came}`;
      const refusal = this.#admission.enter(hostname);
      if (refusal !== undefined) {
        this.#count(refusal.reason);
        this.#telemetry?.refused(refusal.reason);
        this.#tell(remote ?? formatAddress(socket.remoteAddr), refusal.reason, refusal.detail);
        return socket.close();
      }
      try {
        connection = new Connection(this.#encrypt(socket), this.#limits, remote, this.#log);
      } catch {
        this.#admission.leave(hostname);
      }
    } catch { /* The socket has lost its address. */ }
    if (connection === undefined) return socket.close(); // Reset before it was accepted.
    if (this.#log.isEnabledFor("info")) this.#log.info("{peer} connected", { peer: connection.remote });
    // Added before the handler runs, since the handler may stop the server at once.
    this.#open.set(connection, this.#start(connection, socket, hostname));
  }

  /** Survives clients that reset before they are accepted, and a process without file descriptors. */
  async #notAccepted(error: unknown): Promise<void> {
    const gone = error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.ConnectionAborted ||
      error instanceof Deno.errors.ConnectionReset;
    if (gone) return;
    this.#log.warn("Cannot accept a connection: {error}", { error: error instanceof Error ? error.message : error });
    await sleep(NO_DESCRIPTOR_PAUSE, this.#stopped.signal);
  }

  #start(connection: Connection, socket: Deno.Conn, hostname: string | undefined): Promise<void> {
    if (this.#telemetry === undefined) return this.#serve(connection, hostname);
    return this.#telemetry.accept(socket.remoteAddr, connection.remote, (telemetry) => {
      connection.telemetry = telemetry;
      return this.#serve(connection, hostname);
    });
  }

  async #serve(connection: Connection, hostname: string | undefined): Promise<void> {
    let reason: CloseReason = "finished";
    let detail: string | undefined;
    let failure: unknown;
    try {
      await connection.handshake();
      await this.#handler(connection);
      await connection.flush();
    } catch (error) {
      reason = reasonOf(error);
      detail = describeError(error);
      failure = error;
    }
    // Logged and counted before lingering, which the peer can delay.
    this.#count(reason);
    if (reason === "failed") this.#failed(failure, connection, detail);
    else if (reason !== "finished" || this.#log.isEnabledFor("info")) this.#tell(connection.remote, reason, detail);
    connection.telemetry?.handled();
    await connection.finish(reason);
    connection.telemetry?.ended(reason, failure);
    this.#open.delete(connection);
    this.#admission.leave(hostname);
    this.#ended[reason === "shutdown" ? "aborted" : "finished"]++;
  }

  #count(reason: CloseReason): void {
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1);
  }

  #failed(error: unknown, connection: Connection, detail: string | undefined): void {
    const facts = { peer: connection.remote, reason: "failed", detail };
    const sinks = { log: this.#log, onError: this.#onError };
    reportError(sinks, error, { connection }, "{peer} closed: {reason} ({detail})", facts);
  }

  #tell(peer: string, reason: CloseReason, detail?: string): void {
    const facts = { peer, reason, detail };
    if (detail === undefined) this.#log.info("{peer} closed: {reason}", facts);
    else if (reason === "finished") this.#log.info("{peer} closed: {reason} ({detail})", facts);
    else this.#log.warn("{peer} closed: {reason} ({detail})", facts);
  }

  async #drain(): Promise<DrainReport> {
    this.#stop();
    this.#ended = { finished: 0, aborted: 0 };
    for (const connection of this.#open.keys()) connection.drain();
    const cancel = after(this.#drainTimeout, () => this.#abort());
    await this.finished;
    cancel();
    return this.#ended;
  }

  #abort(): void {
    this.#stop();
    for (const connection of this.#open.keys()) connection.close("shutdown", "The server is shutting down");
    this.#cancelGivingUp();
    this.#cancelGivingUp = after(GIVE_UP_AFTER, this.#givenUp.resolve);
  }

  #stop(): void {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    this.#listener.close();
  }
}
