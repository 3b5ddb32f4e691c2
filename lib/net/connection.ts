import { concat } from "@std/bytes/concat";
import type { Log } from "../log/log.ts";
import { plural } from "../log/plural.ts";
import { formatAddress } from "./address.ts";
import { type CloseReason, ConnectionError, toConnectionError, toHandshakeError } from "./errors.ts";
import { type ConnectionOptions, type Deadlines, type Limits, limitsOf } from "./limits.ts";
import type { Socket } from "./_tls.ts";
import { LoopShare } from "./_loop.ts";
import { after } from "./timer.ts";
import { Watchdog } from "./_watchdog.ts";

/** A connection's first read buffer in bytes: all that an idle connection costs. Sizes and factor as measured. */
const FIRST_BUFFER = 1024;
/** The largest a read buffer becomes. */
const LARGEST_BUFFER = 256 * 1024;
/** By how much it grows when a read fills it. */
const GROWTH = 4;
/** After this many reads in a row that a buffer of one step less would have held, it shrinks by that step. */
const SMALL_READS = 64;

/** About what reading or writing takes, and each byte of it, in milliseconds. */
const CALL_COST = 0.01;
const BYTE_COST = 1e-6;

/** What a wait for the peer that came to nothing is called. */
export type LateReason = "idle" | "too slow";

/**
 * One connection over TCP, TLS or a Unix socket, on either side: reading and writing with deadlines, one writer at a
 * time, an end for one reason.
 */
export class Connection implements Disposable {
  /** The deadlines in force, in milliseconds. */
  readonly deadlines: Readonly<Required<Deadlines>>;

  readonly #socket: Socket;
  readonly #maxQueue: number;
  #remote: string | undefined;
  readonly #log: Log | undefined;
  /** Its share of the event loop; for the library's own loops. */
  readonly share = new LoopShare();
  readonly #watchdog = new Watchdog((what) => this.#expired(what));
  #buffer = new Uint8Array(FIRST_BUFFER);
  #smallReads = 0;
  #reading = false;
  #lateReason: LateReason = "idle";
  #lateAfter = 0;

  #writing: Promise<void> | undefined;
  #waiting: { pieces: Uint8Array[]; length: number; written: PromiseWithResolvers<void> } | undefined;
  #closingWrite: Promise<void> | undefined;
  /** Whether the peer has ended its side, so that closing is all that is left. */
  #peerEnded = false;

  #reason: CloseReason | undefined;
  #words = "";
  /** Why it ended as an error, once somebody needs it: making one costs a stack trace. */
  #error: ConnectionError | undefined;
  /** Set while closing, when all that can still go wrong is the peer's goodbye. */
  #finishing: CloseReason | undefined;
  #abort: AbortController | undefined;
  #endingSoon: AbortController | undefined;
  #draining = false;
  #holds = 1;

  /**
   * Takes over a socket.
   *
   * @param socket An open connection, which belongs to this object from now on.
   * @param options How long the peer may take, and how much may wait for it.
   * @param remote What the peer is called, where its address does not say: the client of a Unix socket has none.
   * @param log Where each read and write is told, at the level debug.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(socket: Socket, options: ConnectionOptions | Limits = {}, remote?: string, log?: Log) {
    const limits = limitsOf(options);
    this.#socket = socket;
    this.#remote = remote;
    this.#log = log?.isEnabledFor("debug") ? log : undefined;
    this.deadlines = limits;
    this.#maxQueue = limits.maxQueue;
    // Nagle's algorithm holds a small write back until the one before is acknowledged: up to 405 times slower.
    socket.setNoDelay?.(true);
  }

  /** The peer's address, as {@linkcode formatAddress} shows it. */
  get remote(): string {
    return this.#remote ??= formatAddress(this.#socket.remoteAddr);
  }

  /** This side's address. */
  get local(): string {
    return formatAddress(this.#socket.localAddr);
  }

  /** Why the connection ended, or `undefined` while it is open. */
  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  /** Aborted, with the {@linkcode ConnectionError}, when the connection ends. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#asError());
    }
    return this.#abort.signal;
  }

  /** Aborted when the connection is to come to its end: its server drains, or it has ended. */
  get ending(): AbortSignal {
    if (this.#endingSoon === undefined) {
      this.#endingSoon = new AbortController();
      if (this.#draining || this.#reason !== undefined) this.#endingSoon.abort();
    }
    return this.#endingSoon.signal;
  }

  /**
   * Shakes hands, where the connection is an encrypted one that has not yet. The first read or write would do it too,
   * but under its own deadline.
   *
   * @throws {ConnectionError} If the two sides cannot agree, or not within `handshakeTimeout`.
   */
  async handshake(): Promise<void> {
    if (this.#socket.handshake === undefined) return;
    const { handshakeTimeout } = this.deadlines;
    const late = `The TLS handshake did not end within ${handshakeTimeout / 1000} s`;
    const cancel = after(handshakeTimeout, () => this.close("too slow", late));
    try {
      await this.#socket.handshake();
    } catch (error) {
      if (this.#reason === undefined) this.#end(toHandshakeError(error));
      throw this.#asError();
    } finally {
      cancel();
    }
  }

  /**
   * Reads what has come, at least one byte.
   *
   * @param buffer Where to put it.
   * @param timeout How long to wait, in milliseconds.
   * @param late What it is called when nothing comes in that time.
   * @returns How many bytes came, or `null` at the end of the stream.
   * @throws {ConnectionError} If the connection ended in another way, or nothing came in time.
   */
  async read(
    buffer: Uint8Array,
    timeout: number = this.deadlines.idleTimeout,
    late: LateReason = "idle",
  ): Promise<number | null> {
    let now = performance.now();
    for (let turn; (turn = this.share.request(now)) !== undefined; now = performance.now()) await turn;
    this.#beginRead(now, timeout, late);
    try {
      return this.#took(await this.#socket.read(buffer));
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#endRead();
    }
  }

  /**
   * Moves the deadline of the read that is pending, if one is: the peer now owes what it did not owe before.
   *
   * @param timeout How long it may take from now, in milliseconds.
   */
  expectWithin(timeout: number): void {
    if (!this.#reading) return;
    this.#lateAfter = timeout;
    this.#watchdog.reading(performance.now(), timeout);
  }

  /**
   * Reads what has come into a buffer of the connection's own, which grows while reads fill it: the fastest way
   * to read, and the one that costs an idle connection least.
   *
   * @param timeout How long to wait, in milliseconds.
   * @param late What it is called when nothing comes in that time.
   * @returns The bytes, valid until the next read, or `null` at the end of the stream.
   * @throws {ConnectionError} If the connection ended in another way, or nothing came in time.
   */
  async readChunk(
    timeout: number = this.deadlines.idleTimeout,
    late: LateReason = "idle",
  ): Promise<Uint8Array | null> {
    // Not by way of read(): one more function that waits would cost each connection a part of what it costs at all.
    let now = performance.now();
    for (let turn; (turn = this.share.request(now)) !== undefined; now = performance.now()) await turn;
    this.#beginRead(now, timeout, late);
    const buffer = this.#buffer;
    try {
      const length = this.#took(await this.#socket.read(buffer));
      if (length === null) return null;
      this.#fitBuffer(length);
      return buffer.subarray(0, length);
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#endRead();
    }
  }

  /**
   * Writes all of the bytes. One write is under way at a time; those called for meanwhile are joined into the next.
   * Wait for each: what is written without waiting is held in memory, up to `maxQueue`.
   *
   * @param bytes What to write; not to be changed until it is written.
   * @returns When the operating system has taken the bytes.
   * @throws {ConnectionError} If the connection ended, the peer read nothing for as long as it may, or more than
   * `maxQueue` bytes would wait.
   */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#reason !== undefined || this.#closingWrite !== undefined) return Promise.reject(this.#writeClosed());
    if (this.#writing === undefined) return this.#writing = this.#writeAndGoOn(bytes);
    const waiting = this.#waiting ??= { pieces: [], length: 0, written: Promise.withResolvers() };
    waiting.length += bytes.length;
    if (waiting.length > this.#maxQueue) {
      this.close("too slow", `More than ${this.#maxQueue} bytes wait for the peer to read`);
    }
    waiting.pieces.push(bytes);
    return waiting.written.promise;
  }

  /** Ends this side once everything is written; the peer can still send. Does nothing the second time. */
  closeWrite(): Promise<void> {
    return this.#closingWrite ??= this.#closeWrite();
  }

  /** Counts one more thing under way, which a drain waits for; see {@linkcode Connection.release}. */
  hold(): void {
    this.#holds++;
  }

  /** Counts one thing less under way. A connection with nothing under way ends its side when its server drains. */
  release(): void {
    this.#holds--;
    this.#endWhenAtRest();
  }

  /** Asks the connection to end as soon as nothing is under way. */
  drain(): void {
    this.#draining = true;
    this.#endingSoon?.abort();
    this.#endWhenAtRest();
  }

  /**
   * Makes sure that everything is written, and ends this side, unless closing does: the peer has ended its own.
   *
   * @throws {ConnectionError} If not everything could be written.
   */
  async settle(): Promise<void> {
    if (!this.#peerEnded) return await this.closeWrite();
    while (this.#writing !== undefined) await this.#writing;
    if (this.#reason !== undefined) throw this.#asError();
  }

  /**
   * Closes the connection so that nothing written is lost: ends this side, reads and drops what the peer still
   * sends until it ends its own, and closes, all within `lingerTimeout`. A socket closed with bytes unread
   * resets the connection, which can destroy the last answer on its way (RFC 1122, 4.2.2.13).
   *
   * @param reason Why it ends.
   */
  async finish(reason: CloseReason = "finished"): Promise<void> {
    if (this.#reason !== undefined) return;
    if (this.#peerEnded && this.#writing === undefined) return this.close(reason);
    const cancel = after(this.deadlines.lingerTimeout, () => this.close(reason));
    try {
      await this.closeWrite();
      this.#finishing = reason;
      while (await this.readChunk(Infinity) !== null) { /* dropped */ }
    } catch {
      // The end is what was wanted, and the reason for it is known.
    } finally {
      cancel();
      this.close(reason);
    }
  }

  /**
   * Closes the connection at once. Only the first reason counts.
   *
   * @param reason Why.
   * @param message The words for it, for whoever still reads or writes.
   */
  close(reason: CloseReason = "finished", message: string = "The connection is closed"): void {
    this.#end({ reason, message });
  }

  /** Closes the connection at once. */
  [Symbol.dispose](): void {
    this.close();
  }

  #beginRead(now: number, timeout: number, late: LateReason): void {
    if (this.#reason !== undefined) throw this.#asError();
    this.#reading = true;
    this.#lateReason = late;
    this.#lateAfter = timeout;
    this.#watchdog.reading(now, timeout);
  }

  #endRead(): void {
    this.#reading = false;
    this.#watchdog.hasRead();
  }

  #took(length: number | null): number | null {
    this.share.work(CALL_COST + (length ?? 0) * BYTE_COST);
    if (this.#log !== undefined) this.#tell(length === null ? "The end from" : "Read {size} from", length ?? 0);
    // An encrypted connection says goodbye all the same (RFC 8446, 6.1).
    if (length === null) this.#peerEnded = this.#socket.handshake === undefined;
    return length;
  }

  #tell(what: string, bytes: number): void {
    this.#log?.debug(`${what} {peer}`, { size: plural(bytes, "byte"), peer: this.remote });
  }

  /** Makes the buffer larger when a read has filled it, and smaller after many that a smaller one would have held. */
  #fitBuffer(length: number): void {
    const size = this.#buffer.length;
    if (length === size) {
      if (size < LARGEST_BUFFER) this.#buffer = new Uint8Array(size * GROWTH);
      this.#smallReads = 0;
    } else if (length * GROWTH > size || size === FIRST_BUFFER) {
      this.#smallReads = 0;
    } else if (++this.#smallReads === SMALL_READS) {
      this.#buffer = new Uint8Array(size / GROWTH);
      this.#smallReads = 0;
    }
  }

  async #writeAndGoOn(bytes: Uint8Array): Promise<void> {
    try {
      for (;;) {
        let now = performance.now();
        for (let turn; (turn = this.share.request(now)) !== undefined; now = performance.now()) await turn;
        this.#watchdog.writing(now, this.deadlines.writeTimeout);
        const written = await this.#socket.write(bytes);
        this.share.work(CALL_COST + written * BYTE_COST);
        if (this.#log !== undefined) this.#tell("Wrote {size} to", written);
        if (written === bytes.length) break;
        bytes = bytes.subarray(written);
      }
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#watchdog.hasWritten();
      const next = this.#waiting;
      this.#waiting = undefined;
      this.#writing = undefined;
      if (next !== undefined) {
        this.#writing = this.#writeAndGoOn(next.pieces.length === 1 ? next.pieces[0]! : concat(next.pieces));
        this.#writing.then(next.written.resolve, next.written.reject);
      }
    }
  }

  async #closeWrite(): Promise<void> {
    try {
      while (this.#writing !== undefined) await this.#writing;
      await this.#socket.closeWrite();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #endWhenAtRest(): void {
    // A failure to end is the connection's end, which whoever reads from it is told.
    if (this.#draining && this.#holds === 0) this.closeWrite().catch(() => {});
  }

  #writeClosed(): ConnectionError {
    if (this.#reason !== undefined) return this.#asError();
    return this.#draining
      ? new ConnectionError("shutdown", "The server is shutting down")
      : new ConnectionError("failed", "This side has ended, nothing more can be written");
  }

  #expired(what: "read" | "write"): void {
    if (what === "write") {
      const seconds = this.deadlines.writeTimeout / 1000;
      this.close("too slow", `The peer read nothing for ${seconds} s while it had something to read`);
    } else if (this.#lateReason === "idle") {
      this.close("idle", `Nothing came for ${this.#lateAfter / 1000} s`);
    } else {
      this.close("too slow", `A message begun did not end within ${this.deadlines.messageTimeout / 1000} s`);
    }
  }

  /** Ends the connection for an error of its socket; returns why it ended, which may have been something else before. */
  #fail(error: unknown): ConnectionError {
    if (this.#reason === undefined) this.#end(toConnectionError(error));
    return this.#asError();
  }

  #end(end: ConnectionError | { reason: CloseReason; message: string }): void {
    if (this.#reason !== undefined) return;
    if (this.#finishing !== undefined) end = { reason: this.#finishing, message: "The connection is closed" };
    this.#reason = end.reason;
    this.#words = end.message;
    if (end instanceof ConnectionError) this.#error = end;
    this.#watchdog.stop();
    this.share.close();
    this.#socket.close();
    this.#endingSoon?.abort();
    this.#abort?.abort(this.#asError());
  }

  #asError(): ConnectionError {
    return this.#error ??= new ConnectionError(this.#reason!, this.#words);
  }
}
