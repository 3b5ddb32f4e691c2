import { concat } from "@std/bytes/concat";
import net from "node:net";
import { toConnectionError } from "../../lib/net/errors.ts";
import { plural } from "../../lib/log/mod.ts";
import { type CloseReason, ConnectionError, type Endpoint, formatAddress } from "../../lib/net/mod.ts";
import { after, sleep } from "../../lib/net/timer.ts";
import { formatEndpoint } from "../../lib/net/endpoint.ts";
import { rememberFile } from "../../lib/net/unix.ts";
import { type Direction, type Fault, StreamFaults } from "./_faults.ts";
import type { ProxyConfig, RunningProxy } from "./_proxy.ts";

// The sockets are node:net's: Deno's own cannot send a reset on purpose, for lack of SO_LINGER.

/** The longest joined write in bytes. */
const MAX_JOINED = 1024 * 1024;
/** The longest wait for a connection to the target, in milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/**
 * The delay before a reset, in milliseconds. A reset discards the bytes in the system's send buffer, whose level a program
 * cannot read; a peer that reads has received them all by then.
 */
const RESET_DELAY = 100;

const NOTHING = new Uint8Array();

/** A socket that reads on demand only: unread bytes stay in the system's buffer, so a slow reader slows its sender. */
class PullSocket {
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #isUnix: boolean;
  readonly #onReset: () => void;
  #arrived = Promise.withResolvers<void>();
  #ended = false;

  /** Calls `onReset` when the peer resets the connection. */
  constructor(socket: net.Socket, isUnix: boolean, onReset: () => void) {
    this.#socket = socket;
    this.#isUnix = isUnix;
    this.#onReset = onReset;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    socket.on("readable", () => this.#arrived.resolve());
    socket.on("end", () => {
      this.#ended = true;
      this.#arrived.resolve();
    });
    socket.on("error", onReset);
    socket.on("close", () => {
      this.#arrived.resolve();
      closed.resolve();
    });
  }

  /** Reads the next chunk; `null` at the end of the stream, `undefined` after the timeout. */
  async read(timeout: number = Infinity): Promise<Uint8Array | null | undefined> {
    let timedOut = false;
    const cancel = after(timeout, () => {
      timedOut = true;
      this.#arrived.resolve();
    });
    try {
      for (;;) {
        this.#arrived = Promise.withResolvers();
        const chunk: Uint8Array | null = this.#socket.read();
        if (chunk !== null) return chunk;
        if (this.#ended) return null;
        if (this.#socket.destroyed) throw new Error("The socket is closed");
        if (timedOut) return undefined;
        await this.#arrived.promise;
      }
    } finally {
      cancel();
    }
  }

  /** Writes all bytes; fulfilled once they are in the system's buffer. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.write(bytes, (error) => {
        if (!(error instanceof Error)) return resolve();
        this.#onReset(); // The socket's error event comes later.
        reject(error);
      })
    );
  }

  /** Shuts down the sending side. */
  end(): void {
    this.#socket.end();
  }

  /** Resets the connection. A Unix socket has no reset, so it is closed. */
  reset(): void {
    if (this.#socket.destroyed) return;
    if (this.#isUnix) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }
}

/** The longest a connection stays open after `stopAfter`, in milliseconds: longer than any sender should wait. */
const STOP_TIMEOUT = 600_000;
/** The same once the other direction has ended, in milliseconds. */
const STOP_LINGER = 2_000;

/** The faults that a direction has until they change. */
interface Applied {
  readonly faults: StreamFaults;
  /** Aborts when the faults change or the session ends. */
  readonly until: AbortSignal;
  readonly changed: AbortSignal;
  /** When the rate allows the next write. */
  due: number;
}

/** A client's connection and the connection to the target, forwarded to each other. */
class Session {
  readonly #config: ProxyConfig;
  readonly #number: number;
  readonly #peer: string;
  readonly #client: PullSocket;
  /** Aborted with the ConnectionError for which both sides were reset. */
  readonly #aborted = new AbortController();
  #target: PullSocket | undefined;
  /** Whether an injected reset is pending, so that nothing more is forwarded. */
  #resetting = false;
  /** Each aborted when its direction has ended. */
  readonly #ended = { up: new AbortController(), down: new AbortController() };
  readonly #bytes = { up: 0, down: 0 };
  readonly #writes = { up: 0, down: 0 };

  constructor(config: ProxyConfig, socket: net.Socket, number: number) {
    this.#config = config;
    this.#number = number;
    this.#peer = addressOf(socket) ?? `unix client ${number}`;
    const isUnix = config.listen.transport === "unix";
    this.#client = new PullSocket(socket, isUnix, () => this.abort("reset", "The client reset the connection"));
  }

  /** Resets both sides. */
  abort(reason: CloseReason, detail: string): void {
    if (this.#aborted.signal.aborted) return;
    this.#aborted.abort(new ConnectionError(reason, detail));
    this.#client.reset();
    this.#target?.reset();
  }

  /** Forwards in both directions until both have ended or the session is aborted. */
  async run(): Promise<void> {
    const { to, log, report } = this.#config;
    const facts = { peer: this.#peer, number: this.#number };
    try {
      const socket = await connect(to, this.#aborted.signal);
      const onReset = () => this.abort("reset", "The target reset the connection");
      this.#target = new PullSocket(socket, to.transport === "unix", onReset);
      if (this.#aborted.signal.aborted) this.#target.reset();
      log.info("{peer} connected, connection {number}", facts);
      await Promise.all([
        this.#forward(this.#client, this.#target, "up"),
        this.#forward(this.#target, this.#client, "down"),
      ]);
    } catch (error) {
      // For a failed socket, `onReset` has already aborted the session with a better reason.
      const { reason, message } = toConnectionError(error);
      this.abort(reason, message);
    }
    await Promise.all([this.#client.closed, this.#target?.closed]);
    const error: ConnectionError | undefined = this.#aborted.signal.reason;
    const { reason = "finished", message: detail } = error ?? {};
    if (reason === "shutdown") report.aborted++;
    else if (error !== undefined) report.reset++;
    const { up, down } = this.#bytes;
    const { up: writesUp, down: writesDown } = this.#writes;
    log[error === undefined || reason === "shutdown" ? "info" : "warn"](
      `{peer} closed: {reason}${detail === undefined ? "" : " ({detail})"}; ${plural(up, "byte")} up in ${
        plural(writesUp, "write")
      }, ${plural(down, "byte")} down in {writesDown}`,
      { ...facts, reason, detail, up, down, writesUp, writesDown },
    );
  }

  async #forward(from: PullSocket, into: PullSocket, way: Direction): Promise<void> {
    let applied = this.#apply(way);
    for (let chunk: Uint8Array | null = NOTHING; chunk !== null; chunk = await readJoined(from, applied.faults.join)) {
      let rest: Uint8Array | undefined = chunk;
      do {
        if (applied.changed.aborted) applied = this.#apply(way);
        rest = await this.#pass(rest, into, way, applied);
        if (rest === undefined) return;
      } while (rest.length > 0);
    }
    if (!this.#resetting) into.end();
    this.#ended[way].abort();
  }

  /** Begins to apply the faults in force. */
  #apply(way: Direction): Applied {
    const { faults, seed, changed: { signal: changed } } = this.#config;
    const until = AbortSignal.any([this.#aborted.signal, changed]);
    return { faults: new StreamFaults(faults, seed, this.#number, way), until, changed, due: 0 };
  }

  /** Forwards bytes until the faults change. Returns the bytes that are left, or `undefined` once a fault ended this. */
  async #pass(chunk: Uint8Array, into: PullSocket, way: Direction, applied: Applied): Promise<Uint8Array | undefined> {
    const { log, report } = this.#config;
    const { faults, until, changed } = applied;
    const { failure } = faults;
    let rest = chunk;
    for (const { bytes, delay, pace, fault } of faults.steps(chunk)) {
      if (fault !== undefined) {
        await this.#inject(fault, way, applied);
        return fault.kind === "stop" && changed.aborted ? rest : undefined;
      }
      if (delay > 0) await sleep(delay, until);
      if (this.#resetting) {
        await sleep(Infinity, this.#aborted.signal);
        return undefined;
      }
      if (changed.aborted) return rest;
      applied.due = Math.max(applied.due, performance.now()) + pace;
      await into.write(bytes);
      rest = rest.subarray(bytes.length);
      this.#writes[way]++;
      this.#bytes[way] += bytes.length;
      report[way] += bytes.length;
      if (pace > 0) await sleep(applied.due - performance.now(), until);
    }
    if (faults.failure !== failure) {
      log.warn("{peer}: the bytes {way} do not fit the framing, so --reset-in finds no more parts: {error}", {
        peer: this.#peer,
        way,
        error: faults.failure!.message,
      });
    }
    return rest;
  }

  /** Resets the connection, or stops reading until it ends or the faults change. */
  async #inject({ kind, at, where }: Fault, way: Direction, { until, changed }: Applied): Promise<void> {
    const { log, report } = this.#config;
    const facts = { peer: this.#peer, at, way };
    if (kind === "reset") {
      report.faults.reset++;
      log.info(`{peer}: reset at byte {at} {way}${where === undefined ? "" : ` (${where})`}`, facts);
      this.#resetting = true;
      await sleep(RESET_DELAY, this.#aborted.signal);
      this.abort("reset", "Injected fault");
    } else {
      report.faults.stopped++;
      log.info("{peer}: stopped reading at byte {at} {way}", facts);
      // A side that is not read cannot report its end, so the session ends soon after the other direction, or at the timeout.
      const other = this.#ended[way === "up" ? "down" : "up"].signal;
      await sleep(STOP_TIMEOUT, AbortSignal.any([until, other]));
      if (changed.aborted) return;
      await sleep(STOP_LINGER, this.#aborted.signal);
      this.abort("too slow", "Injected fault: reading stopped");
    }
  }
}

/**
 * Forwards connections, TCP or Unix on either side: bytes, half-closes, resets, and the backpressure of a slow reader.
 *
 * @param config The checked options.
 * @returns The running proxy.
 */
export async function proxyStreams(config: ProxyConfig): Promise<RunningProxy> {
  const { listen, log, report, maxConnections } = config;
  const open = new Map<Session, Promise<void>>();
  let stopped = false;

  function accept(socket: net.Socket): void {
    if (stopped || open.size >= maxConnections) {
      const detail = `The limit is ${plural(maxConnections, "connection")}`;
      const facts = { peer: addressOf(socket) ?? "unix client", reason: "refused", detail };
      new PullSocket(socket, listen.transport === "unix", () => {}).reset();
      if (!stopped) log.warn("{peer} closed: {reason} ({detail})", facts);
      return;
    }
    const session = new Session(config, socket, ++report.connections);
    open.set(session, session.run().finally(() => open.delete(session)));
  }

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(toDenoError(error)));
    server.once("listening", resolve);
    if (listen.transport === "unix") server.listen(listen.path);
    else server.listen(listen.port, listen.hostname);
  });
  const isInPlace = listen.transport === "unix" ? rememberFile(listen.path) : () => true;
  // The proxy goes on after an error such as a momentary lack of descriptors.
  server.on("error", (error) => log.warn("Cannot accept a connection: {error}", { error: error.message }));
  const address = server.address();
  return {
    addr: typeof address === "object" && address !== null
      ? { transport: "tcp", hostname: address.address, port: address.port }
      : { transport: "unix", path: String(address) },
    get connections() {
      return open.size;
    },
    async stop() {
      stopped = true;
      // close() removes the file at the socket's path, so it must not run if another file has taken its place.
      const closed = isInPlace() ? new Promise<void>((resolve) => server.close(() => resolve())) : server.unref();
      for (const session of open.keys()) session.abort("shutdown", "The proxy is shutting down");
      await Promise.all(open.values());
      await closed;
    },
  };
}

/** Reads one chunk, or with a `join` time all chunks received within it, joined. */
async function readJoined(from: PullSocket, join: number): Promise<Uint8Array | null> {
  const first = await from.read() ?? null;
  if (join === 0 || first === null) return first;
  const chunks = [first];
  const until = performance.now() + join;
  for (let size = first.length; size < MAX_JOINED;) {
    const more = await from.read(until - performance.now()) ?? null;
    if (more === null) break;
    chunks.push(more);
    size += more.length;
  }
  return concat(chunks);
}

/** Connects to the target; throws a ConnectionError that says why it cannot. */
async function connect(to: Endpoint, signal: AbortSignal): Promise<net.Socket> {
  const socket = to.transport === "unix"
    ? net.connect({ path: to.path, allowHalfOpen: true })
    : net.connect({ host: to.hostname, port: to.port, allowHalfOpen: true, noDelay: true });
  const done = Promise.withResolvers<void>();
  const fail = (cause: string) =>
    done.reject(new ConnectionError("reset", `Cannot reach ${formatEndpoint(to)}: ${cause}`));
  const stop = () => done.reject(signal.reason);
  socket.on("connect", done.resolve);
  socket.on("error", (error) => fail(explainConnectError(error)));
  signal.addEventListener("abort", stop);
  const cancel = after(CONNECT_TIMEOUT, () => fail(`no answer within ${CONNECT_TIMEOUT / 1000} s`));
  if (signal.aborted) stop();
  try {
    await done.promise;
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    cancel();
    signal.removeEventListener("abort", stop);
  }
}

function addressOf({ remoteAddress, remotePort }: net.Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return formatAddress({ hostname: remoteAddress, port: remotePort });
}

/** Explains a node:net error of connecting. */
function explainConnectError({ code, message }: Error & { code?: string }): string {
  return code === "ECONNREFUSED" || code === "ENOENT" ? "no program listens there" : message;
}

/** Converts a node:net error of listening to the error that Deno's own sockets throw. */
function toDenoError(error: Error & { code?: string }): Error {
  const { code, message } = error;
  if (code === "EADDRINUSE") return new Deno.errors.AddrInUse(message);
  if (code === "EADDRNOTAVAIL" || code === "EINVAL") return new Deno.errors.AddrNotAvailable(message);
  if (code === "EACCES") return new Deno.errors.PermissionDenied(message);
  return error;
}
