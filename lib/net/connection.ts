import { concat } from "@std/bytes/concat";
import type { Log } from "../log/log.ts";
import { plural } from "../log/plural.ts";
import { formatAddress } from "./address.ts";
import { type CloseReason, ConnectionError, toConnectionError, toHandshakeError } from "./errors.ts";
import { type ConnectionOptions, type Deadlines, type Limits, limitsOf } from "./limits.ts";
import { type Certificate, encryption, type Socket, type Trust } from "./_tls.ts";
import { LoopShare } from "./loop.ts";
import type { ConnectionTelemetry } from "./_telemetry.ts";
import { after } from "./timer.ts";
import { Watchdog } from "./_watchdog.ts";

/** Size of the first read buffer in bytes, all that an idle connection costs. The fastest in the echo benchmark. */
const FIRST_BUFFER = 1024;
/** Maximum size of a read buffer in bytes. Larger buffers were no faster in the echo benchmark. */
const LARGEST_BUFFER = 256 * 1024;
/** Factor by which a buffer grows when a read fills it. */
const GROWTH = 4;
/** Number of consecutive small reads after which a buffer shrinks by one step. */
const SMALL_READS = 64;

/** Time that one read or write takes, and each of its bytes, in milliseconds: an upper bound, as measured. */
const CALL_COST = 0.01;
const BYTE_COST = 1e-6;
/** Time that a write takes at least while the peer does not read, in milliseconds. */
const STALLED = 100;
const NOTHING: Uint8Array = new Uint8Array();

/**
 * What a read waits for, which decides its deadline: the first message, the next message or chunk, or the rest of a message
 * that began at a time on the clock of `performance.now()`.
 */
export type ReadWait = "first message" | "idle" | { messageBegan: number };

/** Bytes that wait to be written together. */
interface WriteQueue {
  chunks: Uint8Array[];
  length: number;
  written: PromiseWithResolvers<void>;
}

/**
 * Either side of a connection over TCP, TLS or a Unix socket. Reads and writes have deadlines, concurrent writes never
 * interleave, and the connection ends for exactly one reason.
 */
export class Connection implements Disposable, AsyncDisposable {
  /** The deadlines in force, in milliseconds. */
  readonly deadlines: Readonly<Record<keyof Deadlines, number>>;

  /** The reader on top of this connection, such as a `Framed`, if it may have read more than it has delivered. */
  reader: { readonly hasUnread: boolean } | undefined;

  #socket: Socket;
  readonly #maxQueue: number;
  #remote: string | undefined;
  readonly #log: Log | undefined;
  /** Share of the event loop. Loops that handle batches ask it before each batch. */
  readonly share: LoopShare;
  /**
   * Counts for OpenTelemetry, if it is on.
   *
   * @internal
   */
  telemetry: ConnectionTelemetry | undefined;
  readonly #watchdog = new Watchdog((what) => this.#expired(what));
  #buffer = new Uint8Array(FIRST_BUFFER);
  /** The last chunk. A view of the same bytes serves the next one too, as a new view costs 26 ns. */
  #chunk = NOTHING;
  #smallReads = 0;
  #reading = false;
  /** Number of reads that wait for their turn of the event loop. */
  #turning = 0;
  /** When the time for the first message began; `undefined` if it begins with the read. */
  #began: number | undefined;
  /** Whether the pending read waits for the rest of a message. */
  #inMessage = false;
  #readTimeout = 0;

  #writing: Promise<void> | undefined;
  #unwritten = NOTHING;
  #waiting: WriteQueue | undefined;
  #closingWrite: Promise<void> | undefined;
  /** Whether the peer has ended its side. */
  #peerEnded = false;

  #reason: CloseReason | undefined;
  #words = "";
  #cause: unknown;
  /** Why the connection ended. Created on first use, since an error captures a stack trace. */
  #error: ConnectionError | undefined;
  /** Set while lingering. Errors of the peer no longer change the reason then. */
  #finishing: CloseReason | undefined;
  #abort: AbortController | undefined;
  #endingSoon: AbortController | undefined;
  #draining = false;
  /** Number of things under way that a drain waits for. */
  #work = 1;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /**
   * Takes over a socket.
   *
   * @param socket An open socket. This object owns it from now on.
   * @param options Deadlines, and the limit of the write queue.
   * @param remote Name of the peer. Needed for clients of a Unix socket, which have no address.
   * @param log Logs each read and write at level debug.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(socket: Socket, options: ConnectionOptions | Limits = {}, remote?: string, log?: Log) {
    const limits = limitsOf(options);
    this.#socket = socket;
    this.#remote = remote;
    this.#log = log?.isEnabledFor("debug") ? log : undefined;
    this.deadlines = limits;
    this.#maxQueue = limits.maxQueue;
    if (!limits.firstFromRead) this.#began = performance.now();
    // Nagle's algorithm delays a small write until the previous one is acknowledged: up to 405 times slower.
    socket.setNoDelay?.(true);
    this.share = new LoopShare(); // Last: a constructor that throws must not leave a share open.
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

  /** Aborts when the connection ends. Its reason is the {@linkcode ConnectionError}. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#asError());
    }
    return this.#abort.signal;
  }

  /** Aborts when the connection should end: its server drains, or the connection has ended. */
  get ending(): AbortSignal {
    if (this.#endingSoon === undefined) {
      this.#endingSoon = new AbortController();
      if (this.#draining || this.#reason !== undefined) this.#endingSoon.abort();
    }
    return this.#endingSoon.signal;
  }

  /**
   * Completes the TLS handshake. Does nothing on a plain connection. Without this call the first read or write completes
   * it, under its own deadline.
   *
   * @throws {ConnectionError} If the handshake fails or takes longer than `handshakeTimeout`.
   */
  async handshake(): Promise<void> {
    if (this.#socket.handshake === undefined) return;
    const { handshakeTimeout } = this.deadlines;
    const late = `The TLS handshake did not end within ${handshakeTimeout / 1000} s`;
    const cancel = after(handshakeTimeout, () => this.close("too slow", late));
    try {
      await this.#socket.handshake();
      if (this.#began !== undefined) this.#began = performance.now();
    } catch (error) {
      if (this.#reason === undefined) this.#end(toHandshakeError(error));
      throw this.#asError();
    } finally {
      cancel();
    }
  }

  /**
   * Changes to TLS in mid-stream (STARTTLS), after both sides have agreed to in the clear. Writes what waits in the clear,
   * then completes the handshake within `handshakeTimeout`. Afterwards every read and write is encrypted.
   *
   * Bytes that somebody on the path puts behind the agreement must not pass for encrypted ones (CVE-2011-0411). If they
   * have not been read, the handshake fails. If the connection's {@linkcode Connection.reader} holds any, the connection
   * ends as malformed. Drop those in your own buffers.
   *
   * @param options The server's certificate; parsed once, if every call passes the same object. On the client: how to
   * verify the server's certificate, by default as the one of the host connected to.
   * @throws {ConnectionError} If the handshake fails, or the peer sent more in the clear. The connection has then ended.
   * @throws {RangeError} If the certificate or the key cannot be used. Nothing has been changed.
   * @throws {TypeError} If a read is pending or the connection is already encrypted. Nothing has been changed.
   *
   * @example The client's side of STARTTLS
   * ```ts ignore
   * import { connectTcp, framed } from "@wirebench/wirebench/net";
   * import { lines, text } from "@wirebench/wirebench/framing";
   *
   * await using connection = await connectTcp({ hostname: "mail.example.com", port: 4190 });
   * await framed(connection, text(lines())).request("STARTTLS");
   * await connection.upgradeTls();
   * ```
   */
  async upgradeTls(options: Certificate | Trust = {}): Promise<void> {
    const encrypt = encryption(options);
    while (this.#writeWaiting() !== undefined) await this.#writing;
    if (this.#reason !== undefined || this.#closingWrite !== undefined) throw this.#writeClosed();
    if (this.#socket.handshake !== undefined) throw new TypeError("Cannot encrypt a connection that is encrypted");
    if (this.#readPending) throw new TypeError("Cannot encrypt a connection while a read is pending");
    if (this.reader?.hasUnread) {
      this.close("malformed", "The peer sent more in the clear before it began TLS");
      throw this.#asError();
    }
    this.#socket = encrypt(this.#socket);
    await this.handshake();
  }

  /**
   * Reads at least one byte into a buffer. A read whose time runs out ends the connection.
   *
   * @param buffer The buffer.
   * @param wait What the read waits for, or the time to wait in milliseconds.
   * @returns The number of bytes read, or `null` at the end of the stream.
   * @throws {ConnectionError} If the connection ended in another way, or the time ran out.
   */
  async read(
    buffer: Uint8Array,
    wait: ReadWait | number = "idle",
  ): Promise<number | null> {
    const turn = this.share.requestRead();
    if (turn !== undefined) await this.#awaitTurn(turn);
    this.#beginRead(wait);
    try {
      return this.#took(await this.#socket.read(buffer));
    } catch (error) {
      throw this.#fail(error);
    } finally {
      this.#endRead();
    }
  }

  /**
   * Moves the deadline of the pending read. Does nothing if no read is pending.
   *
   * @param timeout Time from now in milliseconds.
   */
  expectWithin(timeout: number): void {
    if (!this.#reading) return;
    this.#readTimeout = timeout;
    this.#watchdog.reading(timeout);
  }

  /**
   * Reads a chunk into the connection's own buffer, which grows while reads fill it. This is the fastest way to read, and
   * the one that costs an idle connection least.
   *
   * @param wait What the read waits for, or the time to wait in milliseconds.
   * @returns The chunk, valid until the next read, or `null` at the end of the stream.
   * @throws {ConnectionError} If the connection ended in another way, or the time ran out.
   */
  readChunk(wait: ReadWait | number = "idle"): Promise<Uint8Array | null> {
    const turn = this.share.requestRead();
    return turn === undefined ? this.#readChunk(wait) : this.#readChunkAfter(turn, wait);
  }

  /**
   * Writes all of the bytes. Calls made while a write is under way are joined into the next write. Await each call: bytes
   * written without waiting stay in memory, up to `maxQueue`.
   *
   * @param bytes The bytes. Do not change them before the promise resolves.
   * @returns Resolves when the operating system has taken the bytes.
   * @throws {ConnectionError} If the connection ended, the peer read nothing within `writeTimeout`, or more than
   * `maxQueue` bytes would wait, which ends the connection.
   */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#reason !== undefined || this.#closingWrite !== undefined) return Promise.reject(this.#writeClosed());
    if (this.#writing === undefined && this.#waiting === undefined) return this.#writing = this.#write(bytes);
    const { promise } = this.#enqueue(bytes).written;
    this.#writeWaiting();
    return promise;
  }

  /**
   * Queues bytes without waiting: they are written together with what is written next, or at the next turn of the event
   * loop. Many small messages are sent several times faster this way than with a write each.
   *
   * @param bytes The bytes. Do not change them afterwards.
   * @throws {ConnectionError} If the connection has ended. If it ends before the bytes are written, the next read or write
   * throws.
   */
  queue(bytes: Uint8Array): void {
    if (this.#reason !== undefined || this.#closingWrite !== undefined) throw this.#writeClosed();
    const isFirst = this.#waiting === undefined;
    if (isFirst && this.#writing === undefined) setImmediate(() => this.#writeWaiting());
    const { promise } = this.#enqueue(bytes).written;
    // Nobody waits for the promise unless a write joins.
    if (isFirst) promise.catch(() => {});
  }

  /** Number of bytes that wait to be written. */
  get queued(): number {
    return this.#unwritten.length + (this.#waiting?.length ?? 0);
  }

  /**
   * Waits until nothing waits to be written.
   *
   * @returns Resolves when the operating system has taken all bytes.
   * @throws {ConnectionError} If the connection has ended.
   */
  async drained(): Promise<void> {
    while (this.#writeWaiting() !== undefined) await this.#writing;
    if (this.#reason !== undefined) throw this.#asError();
  }

  /**
   * What the peer sends, as a Web Stream. It reads only when asked, so a slow reader slows the peer down, and bytes not
   * yet read can still be read with {@linkcode Connection.readChunk}. Slower than that; deadlines are the same.
   *
   * The stream ends when the peer ends its side, and errors if the connection ends in another way. Cancelling it, as
   * leaving a loop over it does, only stops reading: what a pending read receives is dropped, the connection stays open.
   *
   * @example Lines of a connection as a stream
   * ```ts
   * import { FrameDecoderStream, lines, text } from "@wirebench/wirebench/framing";
   * import { connectTcp, serveTcp } from "@wirebench/wirebench/net";
   * import { assertEquals } from "@std/assert";
   *
   * await using server = serveTcp({ port: 0 }, (connection) => connection.readable.pipeTo(connection.writable));
   * await using connection = await connectTcp({ port: server.addr.port });
   * await new Blob(["Hey\nYou\n"]).stream().pipeTo(connection.writable); // Half-closes.
   * const messages = connection.readable.pipeThrough(new FrameDecoderStream(text(lines())));
   * assertEquals(await Array.fromAsync(messages), ["Hey", "You"]);
   * ```
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream({
      pull: async (controller) => {
        const chunk = await this.readChunk();
        if (chunk === null) controller.close();
        else controller.enqueue(chunk.slice());
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Writes to the peer, as a Web Stream. Each write ends when the operating system has taken the bytes.
   *
   * Closing the stream half-closes: the peer can still send. Aborting it closes the connection at once as `shutdown`, since
   * bytes may be missing; the reason of the abort is the error's cause. It errors when the connection ends.
   */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= new WritableStream({
      start: (controller) => {
        const { signal } = this;
        const end = () => {
          if (!controller.signal.aborted) controller.error(signal.reason);
        };
        if (signal.aborted) return end();
        signal.addEventListener("abort", end);
        // The sink's abort() would be called only after the write under way.
        const abort = () => this.close("shutdown", "The writable stream was aborted", controller.signal.reason);
        controller.signal.addEventListener("abort", abort);
      },
      write: (chunk) => this.write(chunk),
      close: () => this.closeWrite(),
    });
  }

  /** Half-closes: ends this side once everything is written. The peer can still send. The second call does nothing. */
  closeWrite(): Promise<void> {
    return this.#closingWrite ??= this.#closeWrite();
  }

  /** Begins work that a drain waits for; {@linkcode Connection.endWork} ends it. */
  beginWork(): void {
    this.#work++;
  }

  /** Ends work that was begun. A draining connection ends its side when no work is left. */
  endWork(): void {
    this.#work--;
    this.#endWhenIdle();
  }

  /** Ends this side as soon as no work is under way. */
  drain(): void {
    this.#draining = true;
    this.#endingSoon?.abort();
    this.#endWhenIdle();
  }

  /**
   * Writes everything that waits, and ends this side unless the peer has ended its own, since closing then ends both.
   *
   * @throws {ConnectionError} If not everything could be written.
   */
  async flush(): Promise<void> {
    await (this.#peerEnded ? this.drained() : this.closeWrite());
  }

  /**
   * Closes the connection without losing what was written: ends this side, drops what the peer still sends until the
   * peer ends its side, then closes, all within `lingerTimeout`. Closing a socket with unread bytes resets the
   * connection, which can destroy the last answer on its way (RFC 1122, 4.2.2.13).
   *
   * @param reason Why the connection ends.
   */
  async finish(reason: CloseReason = "finished"): Promise<void> {
    if (this.#reason !== undefined) return;
    if (this.#peerEnded && this.#writing === undefined && this.#waiting === undefined) return this.close(reason);
    const cancel = after(this.deadlines.lingerTimeout, () => this.close(reason));
    try {
      await this.closeWrite();
      this.#finishing = reason;
      // A pending read fills the connection's buffer.
      const buffer = this.#readPending ? new Uint8Array(this.#buffer.length) : undefined;
      while (await (buffer ? this.read(buffer, Infinity) : this.readChunk(Infinity)) !== null) { /* dropped */ }
    } catch {
      // The connection has ended, as intended.
    } finally {
      cancel();
      this.close(reason);
    }
  }

  /**
   * Closes the connection at once. Later calls do nothing.
   *
   * @param reason Why the connection ends.
   * @param message Message of the error that pending reads and writes throw.
   * @param cause Cause of that error.
   */
  close(reason: CloseReason = "finished", message: string = "The connection is closed", cause?: unknown): void {
    this.#end({ reason, message, cause });
  }

  /** Closes the connection at once. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Closes the connection once everything written has arrived, as {@linkcode Connection.finish} does.
   *
   * @throws {ConnectionError} If bytes that waited could not be written.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#reason === undefined) await this.drained();
    await this.finish();
  }

  // Callbacks shared by all reads and writes of the connection, instead of an async function with its state for each.

  #readChunk(wait: ReadWait | number): Promise<Uint8Array | null> {
    if (this.#reason !== undefined) return Promise.reject(this.#asError());
    this.#beginRead(wait);
    return this.#socket.read(this.#buffer).then(this.#chunkRead, this.#readFailed);
  }

  async #readChunkAfter(turn: Promise<void>, wait: ReadWait | number): Promise<Uint8Array | null> {
    await this.#awaitTurn(turn);
    return await this.#readChunk(wait);
  }

  async #awaitTurn(first: Promise<void>): Promise<void> {
    this.#turning++;
    for (let turn: Promise<void> | undefined = first; turn !== undefined; turn = this.share.request()) await turn;
    this.#turning--;
  }

  /** Whether a read waits for bytes, or for its turn. */
  get #readPending(): boolean {
    return this.#reading || this.#turning > 0;
  }

  readonly #chunkRead = (length: number | null): Uint8Array | null => {
    this.#endRead();
    if (this.#took(length) === null) return null;
    if (length !== this.#chunk.length || this.#chunk.buffer !== this.#buffer.buffer) {
      this.#chunk = this.#buffer.subarray(0, length!);
    }
    const chunk = this.#chunk;
    this.#fitBuffer(length!);
    return chunk;
  };

  readonly #readFailed = (error: unknown): never => {
    this.#endRead();
    throw this.#fail(error);
  };

  #beginRead(wait: ReadWait | number): void {
    if (this.#reason !== undefined) throw this.#asError();
    this.#reading = true;
    this.#inMessage = typeof wait === "object";
    this.#readTimeout = this.#timeoutOf(wait);
    const began = typeof wait === "object" ? wait.messageBegan : wait === "first message" ? this.#began : undefined;
    const passed = began === undefined ? 0 : performance.now() - began;
    this.#watchdog.reading(Math.max(0, this.#readTimeout - passed));
  }

  #timeoutOf(wait: ReadWait | number): number {
    if (typeof wait === "number") return wait;
    if (typeof wait === "object") return this.deadlines.messageTimeout;
    return wait === "idle" ? this.deadlines.idleTimeout : this.deadlines.firstMessageTimeout;
  }

  #endRead(): void {
    this.#reading = false;
    this.#watchdog.hasRead();
  }

  #took(length: number | null): number | null {
    this.share.work(CALL_COST + (length ?? 0) * BYTE_COST);
    this.telemetry?.read(length ?? 0);
    if (this.#log !== undefined) this.#tell(length === null ? "The end from" : "Read {size} from", length ?? 0);
    // Over TLS this side still has to send close_notify (RFC 8446, 6.1).
    if (length === null) this.#peerEnded = this.#socket.handshake === undefined;
    return length;
  }

  #tell(what: string, bytes: number): void {
    this.#log?.debug(`${what} {peer}`, { size: plural(bytes, "byte"), peer: this.remote });
  }

  /** Grows the buffer when a read has filled it, and shrinks it after many small reads. */
  #fitBuffer(length: number): void {
    const size = this.#buffer.length;
    if (length === size) {
      if (size < LARGEST_BUFFER) this.#buffer = new Uint8Array(size * GROWTH);
      this.#smallReads = 0;
    } else if (length * GROWTH >= size || size === FIRST_BUFFER) {
      this.#smallReads = 0;
    } else if (++this.#smallReads === SMALL_READS) {
      this.#buffer = new Uint8Array(size / GROWTH);
      this.#smallReads = 0;
    }
  }

  #write(bytes: Uint8Array): Promise<void> {
    this.#unwritten = bytes; // At once, so that bytes which wait for a turn of the loop count as queued.
    const turn = this.share.request();
    return turn === undefined ? this.#writeNow(bytes) : this.#writeAfter(turn, bytes);
  }

  #writeNow(bytes: Uint8Array): Promise<void> {
    this.#watchdog.writing(this.deadlines.writeTimeout);
    return this.#socket.write(bytes).then(this.#written, this.#writeFailed);
  }

  async #writeAfter(turn: Promise<void> | undefined, bytes: Uint8Array): Promise<void> {
    for (; turn !== undefined; turn = this.share.request()) await turn;
    await this.#writeNow(bytes);
  }

  readonly #written = (length: number): Promise<void> | undefined => {
    this.share.work(CALL_COST + length * BYTE_COST);
    this.telemetry?.wrote(length);
    if (this.#log !== undefined) this.#tell("Wrote {size} to", length);
    if (length < this.#unwritten.length) return this.#write(this.#unwritten.subarray(length));
    return this.#endWrite();
  };

  readonly #writeFailed = (error: unknown): never => {
    const failure = this.#fail(error);
    this.#endWrite();
    throw failure;
  };

  /** Goes on with the bytes that wait. */
  #endWrite(): undefined {
    this.#watchdog.hasWritten();
    this.#unwritten = NOTHING;
    this.#writing = undefined;
    this.#writeWaiting();
  }

  #enqueue(bytes: Uint8Array): WriteQueue {
    const waiting = this.#waiting ??= { chunks: [], length: 0, written: Promise.withResolvers() };
    waiting.length += bytes.length;
    if (waiting.length > this.#maxQueue) this.#overflow(waiting.length);
    waiting.chunks.push(bytes);
    return waiting;
  }

  #overflow(length: number): void {
    const bytes = `${plural(length, "byte")} wait to be written, more than maxQueue (${this.#maxQueue})`;
    if (this.#watchdog.stalled >= STALLED) this.close("too slow", `The peer does not read: ${bytes}`);
    else this.close("failed", `The program did not await write(): ${bytes}`);
  }

  /** Writes what waits, unless a write is under way; returns the write under way. */
  #writeWaiting(): Promise<void> | undefined {
    const next = this.#waiting;
    if (this.#writing !== undefined || next === undefined) return this.#writing;
    this.#waiting = undefined;
    this.#writing = this.#write(next.chunks.length === 1 ? next.chunks[0]! : concat(next.chunks));
    this.#writing.then(next.written.resolve, next.written.reject);
    return this.#writing;
  }

  async #closeWrite(): Promise<void> {
    try {
      while (this.#writeWaiting() !== undefined) await this.#writing;
      await this.#socket.closeWrite();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #endWhenIdle(): void {
    // If this fails the connection has ended, and its reads throw.
    if (this.#draining && this.#work === 0) this.closeWrite().catch(() => {});
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
    } else if (this.#inMessage) {
      this.close("too slow", `A message begun did not end within ${this.deadlines.messageTimeout / 1000} s`);
    } else {
      this.close("idle", `Nothing came for ${this.#readTimeout / 1000} s`);
    }
  }

  /** Ends the connection for an error of its socket. Returns why it ended, which may be an earlier reason. */
  #fail(error: unknown): ConnectionError {
    if (this.#reason === undefined) this.#end(toConnectionError(error));
    return this.#asError();
  }

  #end(end: Pick<ConnectionError, "reason" | "message" | "cause">): void {
    if (this.#reason !== undefined) return;
    if (this.#finishing !== undefined) end = { reason: this.#finishing, message: "The connection is closed" };
    this.#reason = end.reason;
    this.#words = end.message;
    this.#cause = end.cause;
    if (end instanceof ConnectionError) this.#error = end;
    this.#watchdog.stop();
    this.share.close();
    this.#socket.close();
    this.#endingSoon?.abort();
    this.#abort?.abort(this.#asError());
  }

  #asError(): ConnectionError {
    return this.#error ??= new ConnectionError(
      this.#reason!,
      this.#words,
      this.#cause === undefined ? undefined : { cause: this.#cause },
    );
  }
}
