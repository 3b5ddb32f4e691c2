import { concat } from "@std/bytes/concat";
import type { Decoder, Framing } from "../framing/framing.ts";
import type { Connection } from "./connection.ts";
import { ConnectionError, reasonOf, TimedOut } from "./errors.ts";
import { after } from "./timer.ts";

/** Number of messages in the first batch of a chunk, and in any batch. Handling that many takes about a millisecond. */
const FIRST_BATCH = 64;
const LARGEST_BATCH = 512;
/** Time that decoding, handling and answering a message takes, and each of its bytes, in milliseconds: an upper bound. */
const MESSAGE_COST = 5e-3;
const BYTE_COST = 5e-5;
/** Number of bytes that answers may wait with, while more messages wait to be answered. */
const LONGEST_QUEUE = 64 * 1024;
const QUEUED: Promise<void> = Promise.resolve();
/** Number of bytes pushed at once into a decoder that cannot stop after a number of messages. */
const SLICE = 1024;
/** Shared, since creating a view costs 26 ns. */
const NOTHING = new Uint8Array();
/** Number of bytes at the beginning of a stream from which another protocol is recognised. */
const OPENING = 32;
const SWITCHED = "The connection was switched to another framing: use what switchTo() returned";

/** When a call gives up waiting. Giving up leaves the connection usable and loses no message. */
export interface WaitOptions {
  /**
   * Time to wait in milliseconds, after which the call throws {@linkcode TimedOut}. The connection's deadlines apply too.
   *
   * @default {Infinity}
   */
  timeout?: number | undefined;
  /** Gives up when it aborts; the call throws its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * What to do with pushes: messages that answer no request.
 *
 * @example A server that sends news between its answers
 * ```ts
 * import { lines, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed, serveTcp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveTcp({ port: 0 }, async (connection) => {
 *   const messages = framed(connection, text(lines()));
 *   for await (const line of messages) await messages.sendAll(["> news", line.toUpperCase()]);
 * });
 * using connection = await connectTcp({ port: server.addr.port });
 * const news: string[] = [];
 * const messages = framed(connection, text(lines()), {
 *   isPush: (line) => line.startsWith(">"),
 *   onPush: (line) => void news.push(line),
 * });
 * assertEquals(await Promise.all([messages.request("a"), messages.request("b")]), ["A", "B"]);
 * assertEquals(news, ["> news", "> news"]);
 * ```
 */
export interface PushOptions<Received> {
  /**
   * Tells pushes from answers.
   *
   * @param message A message that has arrived.
   * @returns Whether it is a push.
   */
  isPush: (message: Received) => boolean;
  /**
   * Takes each push, in order, also while no call waits. Nothing more is read until the promise that it returns has
   * resolved, so it must not await an answer on the same connection. An error closes the connection as `failed`.
   *
   * @param message The push.
   */
  onPush: (message: Received) => void | Promise<void>;
}

/** A call that waits for its turn to take what has arrived. */
interface Waiter {
  /** Takes what has arrived; a call that has given up drops it. */
  serve: () => void;
  fail: (error: unknown) => void;
  gaveUp: boolean;
}

/** The unfinished input that {@linkcode Framed.switchTo} hands over. */
interface Rest {
  bytes: Uint8Array;
  /** The read under way. */
  read: Promise<Uint8Array | null> | undefined;
  ended: boolean;
}

/**
 * A connection that carries messages; {@linkcode framed} creates it. Iterating over it yields each message until the peer
 * ends its side. Concurrent calls are served in the order in which they were made.
 *
 * The first message must begin within the connection's `firstMessageTimeout`, later ones within `idleTimeout`, and every
 * message must end within `messageTimeout` of its first byte. These deadlines also apply to a read that goes on after its
 * call has given up.
 *
 * | event                                      | a waiting call                                        | the connection                             |
 * | ------------------------------------------ | ----------------------------------------------------- | ------------------------------------------ |
 * | `timeout` of the call                      | throws `TimedOut`                                     | stays usable; no message is lost           |
 * | `signal` of the call aborts                | throws the signal's reason                            | stays usable; no message is lost           |
 * | the framing refuses a message to send      | throws a `FramingError`; nothing is sent              | stays usable                               |
 * | the peer ends its side                     | returns `undefined`; `request()` throws               | can still send                             |
 * | the peer breaks the framing                | throws a `FramingError`, after the messages before it | can still send; closed if pushes are taken |
 * | a deadline of the connection passes        | throws a `ConnectionError`                            | is closed                                  |
 * | `onPush` or `isPush` throws                | throws that error                                     | is closed                                  |
 * | it is reset, or `connection.close()`       | throws a `ConnectionError`                            | is closed                                  |
 */
export class Framed<Received, Sent = Received> implements AsyncDisposable {
  /** The connection underneath. */
  readonly connection: Connection;
  readonly #framing: Framing<Received, Sent>;
  readonly #decoder: Decoder<Received>;
  readonly #pushes: PushOptions<Received> | undefined;
  /** Decoded messages. Those from `#next` on have not been received yet. */
  #batch: Received[] = [];
  #next = 0;
  /** Calls that wait. While there are any, no decoded message is left. */
  readonly #waiting: Waiter[] = [];
  /** Whether messages are being read for the calls that wait. */
  #reading = false;
  /** The pending read of the connection. */
  #read: Promise<Uint8Array | null> | undefined;
  /** Whether the pending read counts as idle. */
  #idle = false;
  /** Bytes that have been read and not decoded. Valid until the next read. */
  #unread: Uint8Array = NOTHING;
  /**
   * The bytes from which the batch was decoded, without its first `#begun` messages, which began before them. Undefined if
   * the last message received ended before them.
   */
  #source: Uint8Array | undefined = NOTHING;
  #begun = 0;
  #most = FIRST_BATCH;
  #first = true;
  /** The first bytes of the stream, kept until the first message. */
  #opening: Uint8Array | undefined = new Uint8Array();
  #ended = false;
  #switched = false;

  /** Use {@linkcode framed}. */
  constructor(
    connection: Connection,
    framing: Framing<Received, Sent>,
    pushes?: PushOptions<Received>,
    rest?: Rest,
  ) {
    this.connection = connection;
    this.#framing = framing;
    this.#decoder = framing.decoder();
    this.#pushes = pushes;
    connection.reader = this;
    if (rest !== undefined) {
      this.#unread = this.#source = rest.bytes;
      this.#opening = rest.bytes.slice(0, OPENING);
      this.#read = rest.read;
      this.#ended = rest.ended;
      this.#first = false;
    }
    if (pushes !== undefined) this.#readOn();
  }

  /** Whether anything was read that has not been received. `Connection.upgradeTls` then refuses. */
  get hasUnread(): boolean {
    return this.#next < this.#batch.length || this.#unread.length > 0 || this.#decoder.pending;
  }

  /**
   * Waits for the next message.
   *
   * @param options When to give up.
   * @returns The message, or `undefined` when the peer has ended its side.
   * @throws {FramingError} If the stream is malformed. Messages before the error are received first.
   * @throws {TimedOut} If no message came within `timeout`. The next call gets it when it comes.
   * @throws {ConnectionError} If the connection ended in another way, or a deadline of it passed.
   *
   * @example Do something else while nothing comes
   * ```ts
   * import { lines, text } from "@wirebench/wirebench/framing";
   * import { connectTcp, framed, serveTcp, TimedOut } from "@wirebench/wirebench/net";
   * import { assertEquals, assertRejects } from "@std/assert";
   *
   * await using server = serveTcp({ port: 0 }, async (connection) => {
   *   const messages = framed(connection, text(lines()));
   *   for await (const line of messages) await messages.send(line);
   * });
   * using connection = await connectTcp({ port: server.addr.port });
   * const messages = framed(connection, text(lines()));
   * await assertRejects(() => messages.receive({ timeout: 10 }), TimedOut);
   * assertEquals(await messages.request("Hello"), "Hello");
   * ```
   */
  receive(options?: WaitOptions): Promise<Received | undefined> {
    return this.#wait(this.#take, options);
  }

  /**
   * Waits for messages and returns those that have arrived, at most 512, so that a server can answer them in one write.
   *
   * @param options As for {@linkcode Framed.receive}.
   * @returns At least one message, or none when the peer has ended its side.
   * @throws As {@linkcode Framed.receive}.
   */
  receiveBatch(options?: WaitOptions): Promise<Received[]> {
    return this.#wait(this.#takeAll, options);
  }

  /**
   * Sends one message. While messages that have arrived wait to be received, as in a loop that answers each, the message
   * is only queued: it is written with the last answer, or at the next turn of the event loop.
   *
   * @param message The message.
   * @returns Resolves when the operating system has taken the message, or when it is queued. Messages sent without waiting
   * are joined into few writes.
   * @throws {FramingError} If the framing refuses the message.
   * @throws {ConnectionError} If the connection has ended, or the peer does not read.
   */
  send(message: Sent): Promise<void> {
    try {
      return this.#send(this.#encode(message));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends several messages in one write.
   *
   * @param messages The messages, in order.
   * @returns Resolves when the operating system has taken them.
   * @throws As {@linkcode Framed.send}.
   */
  async sendAll(messages: readonly Sent[]): Promise<void> {
    await this.connection.write(concat(messages.map((message) => this.#encode(message))));
  }

  /**
   * Sends a message and waits for its answer. Requests need not wait for each other: the answers are matched to them in
   * order. A request that gave up keeps its place: its answer is dropped when it comes, so that the answers to later
   * requests do not shift.
   *
   * The answer is the next message, whatever it is; if the peer also sends messages unasked, see {@linkcode PushOptions}.
   *
   * @param message The message.
   * @param options When to give up.
   * @returns The answer.
   * @throws {TimedOut} If no answer came within `timeout`.
   * @throws {ConnectionError} If the peer ends without an answer.
   * @throws As {@linkcode Framed.send}, and as {@linkcode Framed.receive}.
   */
  async request(message: Sent, options?: WaitOptions): Promise<Received> {
    options?.signal?.throwIfAborted();
    const bytes = this.#encode(message);
    // A drain waits for the answer.
    this.connection.beginWork();
    try {
      const answer = await this.#wait(this.#take, options, this.#send(bytes));
      if (answer === undefined) throw new ConnectionError("finished", "The peer ended without an answer");
      return answer;
    } finally {
      this.connection.endWork();
    }
  }

  /**
   * Changes the protocol in mid-stream: the bytes after the last message received, read or not, belong to the new
   * framing. This object then receives and sends nothing more. A framing of batches cannot be switched, since a batch
   * ends where a read did.
   *
   * After `connection.upgradeTls()` call {@linkcode framed} instead: bytes that came before the handshake must be dropped.
   *
   * @param framing How messages are framed from now on.
   * @param pushes What to do with pushes from now on.
   * @returns The messages that follow.
   * @throws {TypeError} If a call still waits, even if it has given up its request; if a push is being handled; if a
   * message has begun; or if the decoder has no `taken`, and more than the messages received was decoded.
   *
   * @example Lines, then messages of four bytes
   * ```ts
   * import { fixed, lines, text } from "@wirebench/wirebench/framing";
   * import { connectTcp, framed, serveTcp } from "@wirebench/wirebench/net";
   * import { assertEquals } from "@std/assert";
   *
   * await using server = serveTcp({ port: 0 }, async (connection) => {
   *   await connection.write(new TextEncoder().encode("upgrade\n\x01\x02\x03\x04"));
   * });
   * using connection = await connectTcp({ port: server.addr.port });
   * const greeting = framed(connection, text(lines()));
   * assertEquals(await greeting.receive(), "upgrade");
   * assertEquals(await greeting.switchTo(fixed(4)).receive(), Uint8Array.of(1, 2, 3, 4));
   * ```
   */
  switchTo<Next, Out>(framing: Framing<Next, Out>, pushes?: PushOptions<Next>): Framed<Next, Out> {
    if (this.#switched) throw new TypeError(SWITCHED);
    const { length } = this.#waiting;
    if (length > 0) throw new TypeError(`Cannot switch: expected no waiting call, got ${length}`);
    const rest = { bytes: this.#ended ? NOTHING : this.#afterReceived(), read: this.#read, ended: this.#ended };
    this.#switched = true;
    this.#batch = [];
    return new Framed(this.connection, framing, pushes, rest);
  }

  /** Yields each message until the peer ends its side. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Received, void, void> {
    // An async generator would add about 0.3 µs to each message.
    return {
      next: () => this.#wait(this.#takeResult),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Finishes the connection, so that nothing that was sent is lost. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.connection.finish();
  }

  #encode(message: Sent): Uint8Array {
    if (this.#switched) throw new TypeError(SWITCHED);
    const bytes = this.#framing.encode(message);
    this.connection.telemetry?.sent(1);
    return bytes;
  }

  #send(bytes: Uint8Array): Promise<void> {
    if (this.#next >= this.#batch.length || this.connection.queued > LONGEST_QUEUE) {
      return this.connection.write(bytes);
    }
    this.connection.queue(bytes);
    return QUEUED;
  }

  /** Takes what has arrived, or waits for it after the calls that already wait. */
  #wait<Result>(take: () => Result, options?: WaitOptions, sent?: Promise<void>): Promise<Result> {
    this.connection.telemetry?.handled();
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.#next < this.#batch.length) {
      const result = take();
      if (this.#pushes !== undefined) this.#readOn();
      return sent === undefined ? Promise.resolve(result) : sent.then(() => result);
    }
    if (this.#switched) return Promise.reject(new TypeError(SWITCHED));
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const waiter: Waiter = { serve: () => resolve(take()), fail: reject, gaveUp: false };
    this.#waiting.push(waiter);
    if (!this.#reading) this.#start();
    else this.#updateIdle();
    sent?.catch((error) => this.#giveUp(waiter, error, false));
    return options === undefined ? promise : this.#waitWithin(promise, waiter, options, sent !== undefined);
  }

  async #waitWithin<Result>(
    promise: Promise<Result>,
    waiter: Waiter,
    { timeout = Infinity, signal }: WaitOptions,
    request: boolean,
  ): Promise<Result> {
    const late = `No ${request ? "answer" : "message"} within ${timeout / 1000} s`;
    const cancel = after(timeout, () => this.#giveUp(waiter, new TimedOut(late), request));
    const abort = () => this.#giveUp(waiter, signal?.reason, request);
    signal?.addEventListener("abort", abort);
    try {
      return await promise;
    } finally {
      cancel();
      signal?.removeEventListener("abort", abort);
    }
  }

  #giveUp(waiter: Waiter, error: unknown, keepPlace: boolean): void {
    waiter.fail(error);
    waiter.gaveUp = true;
    const at = keepPlace ? -1 : this.#waiting.indexOf(waiter);
    if (at !== -1) this.#waiting.splice(at, 1);
    this.#updateIdle();
  }

  /** Reads messages for the calls that wait, and pushes. */
  #start(): void {
    this.#reading = true;
    this.#readBatch().then(this.#arrived, this.#failed);
  }

  readonly #arrived = (batch: Received[]): void => {
    this.#reading = false;
    if (this.#switched) return;
    this.#batch = batch;
    this.#next = 0;
    const ended = batch.length === 0;
    let served = 0;
    while (served < this.#waiting.length && (ended || this.#next < batch.length)) this.#waiting[served++]!.serve();
    this.#waiting.splice(0, served);
    if (this.#waiting.length > 0) this.#start();
    else if (!ended && this.#pushes !== undefined) this.#readOn();
  };

  readonly #failed = (error: unknown): void => {
    this.#reading = false;
    if (this.#switched) return;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(error);
    // Perhaps no call waits that would tell.
    if (this.#pushes !== undefined) this.connection.close(reasonOf(error), error instanceof Error ? error.message : "");
  };

  /**
   * Reads on for pushes, at the next turn of the event loop: the receiver of the last message may switch before, and a push
   * must find that the call that created this object has returned.
   */
  #readOn(): void {
    setImmediate(() => {
      if (!this.#reading && !this.#switched && this.#next >= this.#batch.length) this.#start();
    });
  }

  readonly #take = (): Received | undefined => {
    if (this.#next >= this.#batch.length) return undefined;
    this.connection.telemetry?.received(1);
    return this.#batch[this.#next++];
  };

  readonly #takeAll = (): Received[] => {
    const all = this.#next === 0 ? this.#batch : this.#batch.slice(this.#next);
    this.#next = this.#batch.length;
    this.#batch = []; // The caller may change it.
    this.connection.telemetry?.received(all.length);
    return all;
  };

  readonly #takeResult = (): IteratorResult<Received, void> => {
    if (this.#next >= this.#batch.length) return { done: true, value: undefined };
    this.connection.telemetry?.received(1);
    return { done: false, value: this.#batch[this.#next++]! };
  };

  /** Reads and decodes until there is a message; returns none at the end of the stream. */
  async #readBatch(): Promise<Received[]> {
    let messageBegan: number | undefined;
    while (!this.#ended) {
      if (this.#decoder.failure !== undefined) throw this.#decoder.failure;
      this.#batch = [];
      this.#next = 0;
      this.#begun = 0;
      const { pending } = this.#decoder;
      this.#source = pending ? undefined : this.#unread;
      if (this.#unread.length === 0) {
        this.#read ??= this.connection.readChunk(
          pending ? { messageBegan: messageBegan ??= performance.now() } : this.#first ? "first message" : "idle",
        );
        this.#updateIdle();
        let chunk: Uint8Array | null;
        try {
          chunk = await this.#read;
        } finally {
          this.#read = undefined;
          this.#updateIdle();
        }
        if (this.#switched) return [];
        this.#first = false;
        this.#ended = chunk === null;
        this.#unread = chunk ?? this.#unread;
        if (!pending) this.#source = this.#unread;
        if (this.#opening !== undefined && this.#opening.length < OPENING) {
          this.#opening = concat([this.#opening, this.#unread.subarray(0, OPENING)]);
        }
      }
      const { share } = this.connection;
      for (let turn; (turn = share.request()) !== undefined;) await turn;
      if (this.#switched) return [];
      const unread = this.#unread.length;
      const messages = this.#decode();
      share.work(messages.length * MESSAGE_COST + (unread - this.#unread.length) * BYTE_COST);
      if (messages.length === 0) continue;
      if (this.#pushes === undefined) return messages;
      messageBegan = undefined;
      const source = this.#source;
      this.#source = undefined;
      const answers = await this.#passOn(messages, this.#pushes);
      this.#source = source;
      if (answers.length > 0) return answers;
    }
    if (this.#decoder.failure !== undefined) throw this.#decoder.failure;
    return [];
  }

  /** Passes pushes on; returns the other messages. */
  async #passOn(messages: Received[], { isPush, onPush }: PushOptions<Received>): Promise<Received[]> {
    const answers: Received[] = [];
    for (const [index, message] of messages.entries()) {
      if (!isPush(message)) {
        answers.push(message);
        continue;
      }
      if (index < this.#begun) this.#begun--;
      const taken = onPush(message);
      if (taken !== undefined) await taken;
    }
    return answers;
  }

  /** A pending read counts as idle while a call waits for it, so a draining server may end the connection then. */
  #updateIdle(): void {
    const idle = this.#read !== undefined && !this.#decoder.pending && this.#waiting.some(({ gaveUp }) => !gaveUp);
    if (idle === this.#idle) return;
    this.#idle = idle;
    if (idle) this.connection.endWork();
    else this.connection.beginWork();
  }

  #decode(): Received[] {
    try {
      const messages = this.#ended ? this.#decoder.end() : this.#push();
      if (messages.length > 0) this.#opening = undefined;
      return messages;
    } catch (error) {
      // The decoder may have dropped bytes of the opening by which another protocol is recognised.
      if (this.#opening !== undefined) this.#decoder.failure?.addHint(this.#opening);
      throw error;
    }
  }

  #push(): Received[] {
    const begun = this.#decoder.pending;
    // The message that began in an earlier chunk is decoded alone, so that it is known where it ends.
    const messages = this.#pushUnread(begun ? 1 : this.#most);
    if (begun && messages.length > 0 && this.#decoder.failure === undefined) {
      this.#source = this.#unread;
      this.#begun = messages.length;
      try {
        if (this.#unread.length > 0) messages.push(...this.#pushUnread(this.#most));
      } catch (error) {
        if (error !== this.#decoder.failure) throw error; // The decoder throws it again.
      }
    }
    if (this.#decoder.taken === undefined) this.#source = undefined;
    // Batches start small, so that a thousand clients that start sending at once do not delay others.
    this.#most = messages.length < this.#most ? FIRST_BATCH : Math.min(2 * this.#most, LARGEST_BATCH);
    return messages;
  }

  #pushUnread(most: number): Received[] {
    const decoder = this.#decoder;
    const chunk = decoder.taken === undefined ? this.#unread.subarray(0, SLICE) : this.#unread;
    const messages = decoder.push(chunk, most);
    const taken = decoder.taken ?? chunk.length;
    this.#unread = taken === this.#unread.length ? NOTHING : this.#unread.subarray(taken);
    return messages;
  }

  /**
   * Returns the bytes after the last message received. A batch is decoded at once, but not all of it may have been
   * received, so its messages are decoded again, one at a time, to find where that one ends.
   */
  #afterReceived(): Uint8Array {
    const again = this.#next - this.#begun;
    let bytes = this.#source;
    if (bytes === undefined || again < 0) {
      const why = this.#decoder.taken === undefined ? "the decoder has no `taken`" : "a message has begun";
      throw new TypeError(`Cannot switch: ${why}`);
    }
    const decoder = this.#framing.decoder();
    for (let count = 0; count < again;) {
      const messages = decoder.push(bytes, 1);
      if (messages.length !== 1 || decoder.pending) {
        throw new TypeError("Cannot switch: the decoder does not stop after each message");
      }
      bytes = bytes.subarray(decoder.taken);
      if (this.#pushes?.isPush(messages[0]!) !== true) count++;
    }
    return bytes;
  }
}

/**
 * Sends and receives messages over a connection.
 *
 * @param connection An open connection.
 * @param framing How messages are framed.
 * @param pushes What to do with pushes. Messages are then read all the time, not only while a call waits; other messages
 * are kept until they are received, and nothing more is read until then.
 * @returns The messages of the connection.
 *
 * @example A server that counts the characters of lines
 * ```ts
 * import { lines, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed, serveTcp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveTcp({ port: 0 }, async (connection) => {
 *   const messages = framed(connection, text(lines()));
 *   for await (const line of messages) await messages.send(String(line.length));
 * });
 * using connection = await connectTcp({ port: server.addr.port });
 * const messages = framed(connection, text(lines()));
 * await messages.send("Hello");
 * assertEquals(await messages.receive(), "5");
 * ```
 */
export function framed<Received, Sent>(
  connection: Connection,
  framing: Framing<Received, Sent>,
  pushes?: PushOptions<Received>,
): Framed<Received, Sent> {
  return new Framed(connection, framing, pushes);
}
