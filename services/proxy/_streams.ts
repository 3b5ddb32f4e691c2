import { concat } from "@std/bytes/concat";
import net from "node:net";
import { toConnectionError } from "../../lib/net/errors.ts";
import { plural } from "../../lib/log/mod.ts";
import {
  after,
  type CloseReason,
  ConnectionError,
  type Endpoint,
  formatAddress,
  formatEndpoint,
  sleep,
} from "../../lib/net/mod.ts";
import { rememberFile } from "../../lib/net/unix.ts";
import { type Direction, type Fault, StreamFaults } from "./_faults.ts";
import { type Proxying, type Setting } from "./_proxy.ts";

// The sockets are node:net's, not lib/net's: Deno's own cannot be reset on purpose (there is no SO_LINGER).

/** The most that is gathered for one write, in bytes. */
const MOST_JOINED = 1024 * 1024;
/** How long to wait for the target to take a connection, in milliseconds. */
const CONNECT_TIMEOUT = 10_000;
/**
 * How long to wait before a reset, in milliseconds: it takes with it what the system still holds for a peer, which
 * nobody can ask about. A peer that reads has everything by then.
 */
const RESET_PAUSE = 100;

const NOTHING = new Uint8Array();

/** One side of a connection: what is not asked for stays with the system, so that its sender has to wait. */
class Side {
  readonly closed: Promise<void>;
  readonly #socket: net.Socket;
  readonly #isUnix: boolean;
  readonly #broke: () => void;
  #arrived = Promise.withResolvers<void>();
  #ended = false;

  /** Calls `broke` when the other end breaks the connection off. */
  constructor(socket: net.Socket, isUnix: boolean, broke: () => void) {
    this.#socket = socket;
    this.#isUnix = isUnix;
    this.#broke = broke;
    const closed = Promise.withResolvers<void>();
    this.closed = closed.promise;
    socket.on("readable", () => this.#arrived.resolve());
    socket.on("end", () => {
      this.#ended = true;
      this.#arrived.resolve();
    });
    socket.on("error", broke);
    socket.on("close", () => {
      this.#arrived.resolve();
      closed.resolve();
    });
  }

  /** Reads what has come, or waits for it: `null` at the end, `undefined` when nothing has come in time. */
  async read(timeout: number = Infinity): Promise<Uint8Array | null | undefined> {
    let late = false;
    const cancel = after(timeout, () => {
      late = true;
      this.#arrived.resolve();
    });
    try {
      for (;;) {
        this.#arrived = Promise.withResolvers();
        const chunk: Uint8Array | null = this.#socket.read();
        if (chunk !== null) return chunk;
        if (this.#ended) return null;
        if (this.#socket.destroyed) throw new Error("The socket is closed");
        if (late) return undefined;
        await this.#arrived.promise;
      }
    } finally {
      cancel();
    }
  }

  /** Writes all of it; done once the system has taken it. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.write(bytes, (error) => {
        if (!(error instanceof Error)) return resolve();
        this.#broke(); // The socket's own event comes later.
        reject(error);
      })
    );
  }

  /** Ends the sending side. */
  end(): void {
    this.#socket.end();
  }

  /** Breaks the connection off. A Unix socket knows no reset: it is closed. */
  reset(): void {
    if (this.#socket.destroyed) return;
    if (this.#isUnix) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }
}

/** How long a connection of which nothing is read lasts, in milliseconds: longer than anybody should wait for it. */
const STOPPED_AT_MOST = 600_000;
/** The same, once its other direction has ended. */
const STOPPED_AFTER_END = 2_000;

/** A client, its connection to the target, and what passes between them. */
class Passage {
  readonly #setting: Setting;
  readonly #number: number;
  readonly #peer: string;
  readonly #client: Side;
  /** Aborted, with a ConnectionError, by the first thing that breaks the connection off; both sides then are reset. */
  readonly #broken = new AbortController();
  #server: Side | undefined;
  /** Whether a reset is to come, so that nothing more is to pass. */
  #ending = false;
  /** Aborted when a direction has ended. */
  readonly #over = { up: new AbortController(), down: new AbortController() };
  readonly #bytes = { up: 0, down: 0 };
  readonly #writes = { up: 0, down: 0 };

  constructor(setting: Setting, socket: net.Socket, number: number) {
    this.#setting = setting;
    this.#number = number;
    this.#peer = peerOf(socket) ?? `unix client ${number}`;
    const isUnix = setting.listen.transport === "unix";
    this.#client = new Side(socket, isUnix, () => this.break("reset", "The client broke the connection off"));
  }

  /** Ends it with a reset of both sides. */
  break(reason: CloseReason, detail: string): void {
    if (this.#broken.signal.aborted) return;
    this.#broken.abort(new ConnectionError(reason, detail));
    this.#client.reset();
    this.#server?.reset();
  }

  /** Passes on what comes, until both sides have ended or one has broken off. */
  async run(): Promise<void> {
    const { to, log, report } = this.#setting;
    const facts = { peer: this.#peer, number: this.#number };
    try {
      const socket = await connect(to, this.#broken.signal);
      const broke = () => this.break("reset", "The target broke the connection off");
      this.#server = new Side(socket, to.transport === "unix", broke);
      if (this.#broken.signal.aborted) this.#server.reset();
      log.info("{peer} connected, connection {number}", facts);
      await Promise.all([
        this.#pump(this.#client, this.#server, "up"),
        this.#pump(this.#server, this.#client, "down"),
      ]);
    } catch (error) {
      // A socket that fails has said so itself, before whoever reads or writes it learns of it.
      const { reason, message } = toConnectionError(error);
      this.break(reason, message);
    }
    await Promise.all([this.#client.closed, this.#server?.closed]);
    const broken: ConnectionError | undefined = this.#broken.signal.reason;
    const { reason = "finished", message: detail } = broken ?? {};
    if (reason === "shutdown") report.cut++;
    else if (broken !== undefined) report.reset++;
    const { up, down } = this.#bytes;
    const { up: writesUp, down: writesDown } = this.#writes;
    log[broken === undefined || reason === "shutdown" ? "info" : "warn"](
      `{peer} closed: {reason}${detail === undefined ? "" : " ({detail})"}; ${plural(up, "byte")} up in ${
        plural(writesUp, "write")
      }, ${plural(down, "byte")} down in {writesDown}`,
      { ...facts, reason, detail, up, down, writesUp, writesDown },
    );
  }

  async #pump(from: Side, into: Side, way: Direction): Promise<void> {
    const { faults, seed, log, report } = this.#setting;
    const { signal } = this.#broken;
    const doing = new StreamFaults(faults, seed, this.#number, way);
    /** When the rate allows the next write. */
    let due = 0;
    let fitted = true;
    for (let chunk: Uint8Array | null = NOTHING; chunk !== null; chunk = await gather(from, doing.join)) {
      for (const { bytes, delay, pace, fault } of doing.steps(chunk)) {
        if (fault !== undefined) return await this.#fail(fault, way);
        if (delay > 0) await sleep(delay, signal);
        if (this.#ending) return await sleep(Infinity, signal);
        due = Math.max(due, performance.now()) + pace;
        await into.write(bytes);
        this.#writes[way]++;
        this.#bytes[way] += bytes.length;
        report[way] += bytes.length;
        if (pace > 0) await sleep(due - performance.now(), signal);
      }
      if (!doing.fits && fitted) {
        fitted = false;
        log.warn("{peer}: what goes {way} does not fit the framing, so no part of it is found", {
          peer: this.#peer,
          way,
        });
      }
    }
    if (!this.#ending) into.end();
    this.#over[way].abort();
  }

  /** Resets the connection, or stops reading for as long as it lasts. */
  async #fail({ kind, at, where }: Fault, way: Direction): Promise<void> {
    const { log, report } = this.#setting;
    const facts = { peer: this.#peer, at, way };
    if (kind === "reset") {
      report.faults.reset++;
      log.info(`{peer}: reset at byte {at} {way}${where === undefined ? "" : ` (${where})`}`, facts);
      this.#ending = true;
      await sleep(RESET_PAUSE, this.#broken.signal);
      this.break("reset", "A fault on demand");
    } else {
      report.faults.stopped++;
      log.info("{peer}: stopped reading at byte {at} {way}", facts);
      // Who does not read learns of no end, so this is one: a while after the other direction's, or after a long time.
      const other = this.#over[way === "up" ? "down" : "up"].signal;
      await sleep(STOPPED_AT_MOST, AbortSignal.any([this.#broken.signal, other]));
      await sleep(STOPPED_AFTER_END, this.#broken.signal);
      this.break("too slow", "A fault on demand: nothing was read");
    }
  }
}

/**
 * Passes connections on, TCP or Unix on either side: bytes, the end of a direction, resets, a reader's slowness.
 *
 * @param setting Where from, where to, and what to do to them.
 * @returns The running proxy.
 */
export async function proxyStreams(setting: Setting): Promise<Proxying> {
  const { listen, log, report, maxConnections } = setting;
  const open = new Map<Passage, Promise<void>>();
  let stopped = false;

  function take(socket: net.Socket): void {
    if (stopped || open.size >= maxConnections) {
      const detail = `The limit is ${plural(maxConnections, "connection")}`;
      const facts = { peer: peerOf(socket) ?? "unix client", reason: "refused", detail };
      new Side(socket, listen.transport === "unix", () => {}).reset();
      if (!stopped) log.warn("{peer} closed: {reason} ({detail})", facts);
      return;
    }
    const passage = new Passage(setting, socket, ++report.connections);
    open.set(passage, passage.run().finally(() => open.delete(passage)));
  }

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, take);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(systemError(error)));
    server.once("listening", resolve);
    if (listen.transport === "unix") server.listen(listen.path);
    else server.listen(listen.port, listen.hostname);
  });
  const isInPlace = listen.transport === "unix" ? rememberFile(listen.path) : () => true;
  // No descriptor left for a moment is no reason to stop.
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
      // To close it is to remove the file at its path. If that is another file, no client can reach it any more.
      const closed = isInPlace() ? new Promise<void>((resolve) => server.close(() => resolve())) : server.unref();
      for (const passage of open.keys()) passage.break("shutdown", "The proxy is shutting down");
      await Promise.all(open.values());
      await closed;
    },
  };
}

/** Reads; with a time to join, everything that comes within it. */
async function gather(from: Side, join: number): Promise<Uint8Array | null> {
  const first = await from.read() ?? null;
  if (join === 0 || first === null) return first;
  const chunks = [first];
  const until = performance.now() + join;
  for (let size = first.length; size < MOST_JOINED;) {
    const more = await from.read(until - performance.now()) ?? null;
    if (more === null) break;
    chunks.push(more);
    size += more.length;
  }
  return concat(chunks);
}

/** Connects to the target; what it throws says why it could not. */
async function connect(to: Endpoint, signal: AbortSignal): Promise<net.Socket> {
  const socket = to.transport === "unix"
    ? net.connect({ path: to.path, allowHalfOpen: true })
    : net.connect({ host: to.hostname, port: to.port, allowHalfOpen: true, noDelay: true });
  const done = Promise.withResolvers<void>();
  const fail = (why: string) => done.reject(new ConnectionError("reset", `Cannot reach ${formatEndpoint(to)}: ${why}`));
  const stop = () => done.reject(signal.reason);
  socket.on("connect", done.resolve);
  socket.on("error", (error) => fail(wordsOf(error)));
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

function peerOf({ remoteAddress, remotePort }: net.Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return formatAddress({ hostname: remoteAddress, port: remotePort });
}

/** What node:net says about connecting, in words. */
function wordsOf({ code, message }: Error & { code?: string }): string {
  return code === "ECONNREFUSED" || code === "ENOENT" ? "nobody listens there" : message;
}

/** What node:net says about listening, as the errors that Deno's own sockets throw. */
function systemError(error: Error & { code?: string }): Error {
  const { code, message } = error;
  if (code === "EADDRINUSE") return new Deno.errors.AddrInUse(message);
  if (code === "EADDRNOTAVAIL" || code === "EINVAL") return new Deno.errors.AddrNotAvailable(message);
  if (code === "EACCES") return new Deno.errors.PermissionDenied(message);
  return error;
}
