import { concat } from "@std/bytes/concat";
import net from "node:net";
import { toConnectionError } from "../../lib/net/errors.ts";
import { plural } from "../../lib/log/mod.ts";
import { type CloseReason, ConnectionError, type Endpoint, formatAddress } from "../../lib/net/mod.ts";
import { after, sleep } from "../../lib/net/timer.ts";
import { formatEndpoint } from "../../lib/net/endpoint.ts";
import { LoopShare } from "../../lib/net/loop.ts";
import { rememberFile } from "../../lib/net/unix.ts";
import type { Direction } from "../../lib/record/event.ts";
import type { ProxyTap, StepUnit } from "../../lib/record/tap.ts";
import { type Fault, type Faults, StreamFaults } from "./_faults.ts";
import { Gate } from "./_gate.ts";
import { Messages } from "./_messages.ts";
import type { Controls, ProxyConfig, RunningProxy } from "./_proxy.ts";

// The sockets are node:net's: Deno's own cannot send a reset on purpose, for lack of SO_LINGER.

/** The longest joined write in bytes. */
const MAX_JOINED = 1024 * 1024;
/** The memory of chunks, in bytes, from which on nothing more is read ahead; a chunk takes more than its bytes. */
const [MAX_AHEAD, CHUNK_COST] = [64 * 1024, 64];
/** Upper bounds of the time for a read and a write, and for each of their bytes, in milliseconds. */
const [WRITE_COST, BYTE_COST] = [0.04, 1e-6];
/** The longest wait for a connection to the target, in milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/**
 * The delay before a reset, in milliseconds. A reset discards the bytes in the system's send buffer, whose level a program
 * cannot read; a peer that reads has received them all by then.
 */
const RESET_DELAY = 100;

const NOTHING = new Uint8Array();

/** What is observed of a socket, as it happens. */
interface Observer {
  received(bytes: Uint8Array): void;
  ended(): void;
}

/**
 * A socket that reads ahead a little: what arrives is observed at once, also while earlier bytes are held back. The rest
 * stays in the system's buffer, so a slow reader slows its sender.
 */
class PullSocket {
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #isUnix: boolean;
  readonly #onReset: () => void;
  readonly #chunks: Uint8Array[] = [];
  /** The memory of the chunks. */
  #size = 0;
  #arrived = Promise.withResolvers<void>();
  #ended = false;
  #observer: Observer | undefined;

  /** Calls `onReset` when the peer resets the connection. */
  constructor(socket: net.Socket, isUnix: boolean, onReset: () => void) {
    this.#socket = socket;
    this.#isUnix = isUnix;
    this.#onReset = onReset;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    socket.on("data", (chunk: Uint8Array) => {
      this.#observer?.received(chunk);
      this.#chunks.push(chunk);
      this.#size += chunk.length + CHUNK_COST;
      if (this.#size >= MAX_AHEAD) socket.pause();
      this.#arrived.resolve();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#observer?.ended();
      this.#arrived.resolve();
    });
    socket.on("error", onReset);
    socket.on("close", () => {
      this.#arrived.resolve();
      closed.resolve();
    });
  }

  /** Observes what arrives, and what has arrived already. */
  observe(observer: Observer): void {
    this.#observer = observer;
    for (const chunk of this.#chunks) observer.received(chunk);
    if (this.#ended) observer.ended();
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
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#size -= chunk.length + CHUNK_COST;
          if (this.#size < MAX_AHEAD && this.#socket.isPaused()) this.#socket.resume();
          return chunk;
        }
        if (this.#ended) return null;
        if (this.#socket.destroyed) throw new Error("The socket is closed");
        if (timedOut) return undefined;
        this.#arrived = Promise.withResolvers();
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

/** One direction of a connection. */
class Lane {
  readonly way: Direction;
  readonly gate: Gate;
  /** The faults that apply, and the options they were made from. */
  options: Faults;
  faults: StreamFaults;
  /** The messages, if there is a framing. */
  messages: Messages | undefined;
  /** When the rate allows the next write. */
  due = 0;
  /** Number of bytes that arrived. */
  received = 0;
  /** The offset of the next byte to forward. */
  at = 0;
  /** Number of bytes written, and of writes. */
  bytes = 0;
  writes = 0;
  /** Whether the receiver was told that the stream has ended. */
  isEnded = false;
  /** Aborts when the direction has ended. */
  readonly done = new AbortController();

  constructor(config: ProxyConfig, connection: number, way: Direction) {
    this.way = way;
    this.gate = new Gate(config);
    this.options = config.faults;
    this.faults = new StreamFaults(config.faults, config.seed, connection, way);
    const { framing } = config.faults;
    this.messages = framing && new Messages(framing, 0);
  }
}

/** A client's connection and the connection to the target, forwarded to each other. */
class Session implements Controls {
  readonly #config: ProxyConfig;
  readonly #number: number;
  readonly #peer: string;
  readonly #client: PullSocket;
  /** Aborted with the ConnectionError for which both sides were reset. */
  readonly #aborted = new AbortController();
  #target: PullSocket | undefined;
  /** Whether an injected reset is pending, so that nothing more is forwarded. */
  #resetting = false;
  readonly #share = new LoopShare();
  readonly #up: Lane;
  readonly #down: Lane;

  constructor(config: ProxyConfig, socket: net.Socket, number: number) {
    this.#config = config;
    this.#number = number;
    this.#peer = addressOf(socket) ?? `unix client ${number}`;
    const isUnix = config.listen.transport === "unix";
    this.#client = new PullSocket(socket, isUnix, () => this.abort("reset", "The client reset the connection"));
    this.#up = new Lane(config, number, "up");
    this.#down = new Lane(config, number, "down");
  }

  /** Resets both sides. */
  abort(reason: CloseReason, detail: string): void {
    if (this.#aborted.signal.aborted) return;
    this.#aborted.abort(new ConnectionError(reason, detail));
    this.wake();
    this.#client.reset();
    this.#target?.reset();
  }

  wake(): void {
    this.#up.gate.wake();
    this.#down.gate.wake();
  }

  step(way: Direction, unit: StepUnit): void {
    const lane = this.#lane(way);
    if (unit === "message" && this.#config.faults.framing === undefined) {
      throw new RangeError("Cannot step by a message: expected a framing");
    }
    this.#config.tap?.stepped?.(this.#number, way, lane.at, unit);
    lane.gate.step = unit;
    lane.gate.wake();
  }

  endSide(way: Direction): void {
    const lane = this.#lane(way);
    const target = this.#connected();
    const into = way === "up" ? target : this.#client;
    if (lane.isEnded) return;
    const { log, tap } = this.#config;
    log.info("{peer}: ended at byte {at} {way}", { peer: this.#peer, at: lane.at, way });
    tap?.fault?.(this.#number, way, lane.at, "end");
    lane.isEnded = true;
    into.end();
    lane.gate.wake();
  }

  reset(): void {
    const { log, tap, report } = this.#config;
    this.#connected();
    if (this.#resetting) return;
    report.faults.reset++;
    log.info("{peer}: reset at byte {up} up, {down} down", { peer: this.#peer, up: this.#up.at, down: this.#down.at });
    tap?.fault?.(this.#number, "up", this.#up.at, "reset");
    void this.#resetLater();
  }

  /** The target's side. */
  #connected(): PullSocket {
    if (this.#target === undefined) {
      throw new RangeError(`Connection ${this.#number} has no connection to the target yet`);
    }
    return this.#target;
  }

  /** Forwards in both directions until both have ended or the session is aborted. */
  async run(): Promise<void> {
    const { to, log, tap, report } = this.#config;
    const facts = { peer: this.#peer, number: this.#number };
    let source: string | undefined;
    try {
      const socket = await connect(to, this.#aborted.signal);
      source = localAddressOf(socket);
      const onReset = () => this.abort("reset", "The target reset the connection");
      this.#target = new PullSocket(socket, to.transport === "unix", onReset);
      if (this.#aborted.signal.aborted) this.#target.reset();
    } catch (error) {
      this.#fail(error);
    }
    if (tap !== undefined) {
      tap.opened?.(this.#number, this.#peer, source);
      this.#client.observe(this.#observer(tap, this.#up));
      this.#target?.observe(this.#observer(tap, this.#down));
    }
    if (this.#target !== undefined) {
      log.info("{peer} connected, connection {number}", facts);
      await Promise.all([
        this.#forward(this.#client, this.#target, this.#up),
        this.#forward(this.#target, this.#client, this.#down),
      ]).catch((error) => this.#fail(error));
    }
    await Promise.all([this.#client.closed, this.#target?.closed]);
    const error: ConnectionError | undefined = this.#aborted.signal.reason;
    const { reason = "finished", message: detail } = error ?? {};
    if (reason === "shutdown") report.aborted++;
    else if (error !== undefined) report.reset++;
    this.#share.close();
    tap?.closed?.(this.#number, reason);
    const { bytes: up, writes: writesUp } = this.#up;
    const { bytes: down, writes: writesDown } = this.#down;
    log[error === undefined || reason === "shutdown" ? "info" : "warn"](
      `{peer} closed: {reason}${detail === undefined ? "" : " ({detail})"}; ${plural(up, "byte")} up in ${
        plural(writesUp, "write")
      }, ${plural(down, "byte")} down in {writesDown}`,
      { ...facts, reason, detail, up, down, writesUp, writesDown },
    );
  }

  /** Aborts the session; for a failed socket, `onReset` has already done so with a better reason. */
  #fail(error: unknown): void {
    const { reason, message } = toConnectionError(error);
    this.abort(reason, message);
  }

  #lane(way: Direction): Lane {
    return way === "up" ? this.#up : this.#down;
  }

  #observer(tap: ProxyTap, lane: Lane): Observer {
    return {
      received: (bytes) => {
        tap.received?.(this.#number, lane.way, lane.received, bytes);
        lane.received += bytes.length;
      },
      ended: () => tap.ended?.(this.#number, lane.way, lane.received),
    };
  }

  async #forward(from: PullSocket, into: PullSocket, lane: Lane): Promise<void> {
    for (let chunk: Uint8Array | null = NOTHING; chunk !== null; chunk = await this.#read(from, lane)) {
      let rest: Uint8Array | undefined = chunk;
      do {
        this.#applyFaults(lane);
        rest = await this.#pass(rest, into, lane);
        if (rest === undefined) return;
      } while (rest.length > 0);
    }
    while (lane.gate.isClosed && !lane.isEnded) {
      this.#applyFaults(lane);
      await this.#hold(lane);
    }
    lane.gate.step = undefined;
    if (!this.#resetting && !lane.isEnded) into.end();
    lane.isEnded = true;
    lane.done.abort();
  }

  /** Reads one chunk, or with a `join` time all chunks received within it, joined. */
  async #read(from: PullSocket, lane: Lane): Promise<Uint8Array | null> {
    const first = await from.read() ?? null;
    if (first === null) return null;
    this.#applyFaults(lane);
    const { join } = lane.faults;
    if (join === 0) return first;
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

  /** Begins to apply the faults in force, if they have changed. */
  #applyFaults(lane: Lane): void {
    const { faults, seed, tap } = this.#config;
    if (lane.options === faults) return;
    lane.options = faults;
    const { framing } = faults;
    if (framing !== lane.messages?.framing) lane.messages = framing && new Messages(framing, lane.at);
    lane.faults = new StreamFaults(faults, seed, this.#number, lane.way, lane.at, lane.messages?.begun);
    lane.due = 0;
    tap?.applied?.(this.#number, lane.way, lane.at);
  }

  /** Whether what was planned for a direction no longer holds. */
  #isOver(lane: Lane): boolean {
    return this.#aborted.signal.aborted || lane.isEnded || lane.options !== this.#config.faults;
  }

  /** Waits while the proxy is paused. */
  async #hold(lane: Lane): Promise<void> {
    await lane.gate.opening(() => this.#isOver(lane));
    if (this.#resetting) await sleep(Infinity, this.#aborted.signal);
    this.#aborted.signal.throwIfAborted();
  }

  /**
   * Forwards bytes until the faults change. Returns the bytes that are left, or `undefined` once a fault ended this. Drops
   * the bytes of a direction that was ended.
   */
  async #pass(chunk: Uint8Array, into: PullSocket, lane: Lane): Promise<Uint8Array | undefined> {
    const { report, tap } = this.#config;
    const { faults, way, gate } = lane;
    let rest = chunk;
    if (lane.isEnded) return NOTHING;
    for (const { bytes, delay, pace, fault } of faults.steps(chunk)) {
      if (fault !== undefined) return await this.#inject(fault, lane) ? rest : undefined;
      if (delay > 0) await gate.delay(delay, () => this.#isOver(lane));
      lane.due = Math.max(lane.due, performance.now()) + pace;
      for (let left = bytes; left.length > 0;) {
        for (let turn; (turn = this.#share.request()) !== undefined;) await turn;
        if (gate.isClosed || this.#resetting) await this.#hold(lane);
        if (lane.isEnded) return NOTHING;
        if (lane.options !== this.#config.faults) return rest;
        const piece = this.#nextPiece(left, lane);
        if (piece.length === 0) break; // A reset comes first.
        this.#share.work(WRITE_COST + piece.length * BYTE_COST);
        tap?.forwarded?.(this.#number, way, lane.at, piece.length);
        lane.at += piece.length;
        await into.write(piece);
        left = left.subarray(piece.length);
        rest = rest.subarray(piece.length);
        lane.writes++;
        lane.bytes += piece.length;
        report[way] += piece.length;
      }
      if (pace > 0) await gate.delay(lane.due - performance.now(), () => this.#isOver(lane));
    }
    return rest;
  }

  /** The bytes that may pass at once: all, those of a step, or those before a reset. */
  #nextPiece(bytes: Uint8Array, { way, at, gate, messages, faults }: Lane): Uint8Array {
    if (faults.resetAt <= at) return NOTHING;
    let piece = gate.step === "byte" ? bytes.subarray(0, 1) : bytes;
    let isMessage = gate.step === "message";
    if (messages !== undefined) {
      const { failure } = messages;
      piece = piece.subarray(0, messages.take(piece, isMessage, (part) => faults.placeReset(part)));
      if (messages.failure !== failure) {
        this.#config.log.warn("{peer}: the bytes {way} do not fit the framing: {error}", {
          peer: this.#peer,
          way,
          error: messages.failure!.message,
        });
      }
      isMessage &&= !messages.isBetween;
    }
    if (!isMessage) gate.step = undefined;
    return piece.subarray(0, Math.max(0, faults.resetAt - at));
  }

  /** Resets the connection, or stops reading. Returns true if the faults have changed and forwarding goes on. */
  async #inject({ kind, at, where }: Fault, lane: Lane): Promise<boolean> {
    const { log, report, tap } = this.#config;
    const { way } = lane;
    const facts = { peer: this.#peer, at, way };
    tap?.fault?.(this.#number, way, at, kind, where);
    if (kind === "reset") {
      report.faults.reset++;
      log.info(`{peer}: reset at byte {at} {way}${where === undefined ? "" : ` (${where})`}`, facts);
      await this.#resetLater();
      return false;
    }
    report.faults.stopped++;
    log.info("{peer}: stopped reading at byte {at} {way}", facts);
    // A side that is not read cannot report its end, so the session ends soon after the other direction, or at the timeout.
    const other = this.#lane(way === "up" ? "down" : "up").done.signal;
    const until = performance.now() + STOP_TIMEOUT;
    while (!other.aborted && performance.now() < until) {
      await sleep(until - performance.now(), AbortSignal.any([lane.gate.signal, other]));
      if (this.#aborted.signal.aborted) return false;
      if (lane.isEnded || lane.options !== this.#config.faults) return true;
    }
    await sleep(STOP_LINGER, this.#aborted.signal);
    this.abort("too slow", "Injected fault: reading stopped");
    return false;
  }

  async #resetLater(): Promise<void> {
    this.#resetting = true;
    await sleep(RESET_DELAY, this.#aborted.signal);
    this.abort("reset", "Injected fault");
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
  const open = new Map<number, Session>();
  const running = new Set<Promise<void>>();
  let stopped = false;

  function accept(socket: net.Socket): void {
    if (stopped || open.size >= maxConnections) {
      const detail = `The limit is ${plural(maxConnections, "connection")}`;
      const facts = { peer: addressOf(socket) ?? "unix client", reason: "refused", detail };
      new PullSocket(socket, listen.transport === "unix", () => {}).reset();
      if (!stopped) log.warn("{peer} closed: {reason} ({detail})", facts);
      return;
    }
    const number = ++report.connections;
    const session = new Session(config, socket, number);
    open.set(number, session);
    const ended: Promise<void> = session.run().finally(() => {
      open.delete(number);
      running.delete(ended);
    });
    running.add(ended);
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
    open,
    async stop() {
      stopped = true;
      // close() removes the file at the socket's path, so it must not run if another file has taken its place.
      const closed = isInPlace() ? new Promise<void>((resolve) => server.close(() => resolve())) : server.unref();
      for (const session of open.values()) session.abort("shutdown", "The proxy is shutting down");
      await Promise.all(running);
      await closed;
    },
  };
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

function localAddressOf({ localAddress, localPort }: net.Socket): string | undefined {
  if (localAddress === undefined || localPort === undefined) return undefined;
  return formatAddress({ hostname: localAddress, port: localPort });
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
