import { concat } from "@std/bytes/concat";
import type { Decoder, Framing } from "../framing/framing.ts";
import type { Connection } from "./connection.ts";
import { ConnectionError } from "./errors.ts";

/** Most messages in the first batch of a chunk, and in any: handled and answered, that many take about a millisecond. */
const FIRST_BATCH = 64;
const LARGEST_BATCH = 512;
/** What it takes at the most to decode, handle and answer a message, and each byte of it, in milliseconds. */
const MESSAGE_COST = 5e-3;
const BYTE_COST = 5e-5;
/** Most bytes given at once to a decoder that cannot stop after a number of messages. */
const SLICE = 1024;
/** Views cost too much to be made anew for nothing. */
const NOTHING = new Uint8Array();
/** How many bytes of a stream tell what it is. */
const OPENING = 32;

/**
 * A connection that carries messages: what {@linkcode framed} returns. Iterating over it gives each message until
 * the peer ends its side.
 *
 * The first message must begin within the connection's `firstMessageTimeout`, the next ones within `idleTimeout`,
 * and one that has begun must end within `messageTimeout`.
 */
export class Framed<Received, Sent = Received> {
  /** The connection underneath. */
  readonly connection: Connection;
  readonly #framing: Framing<Received, Sent>;
  readonly #decoder: Decoder<Received>;
  /** Messages that came in one read and were not asked for yet, from `#next` on. */
  #batch: Received[] = [];
  #next = 0;
  /** What has been read and not been looked at; valid until the next read. */
  #unread: Uint8Array = NOTHING;
  #most = FIRST_BATCH;
  #first = true;
  /** How the stream begins, until there is a message. */
  #opening: Uint8Array | undefined = new Uint8Array();
  #ended = false;

  /** Use {@linkcode framed}. */
  constructor(connection: Connection, framing: Framing<Received, Sent>) {
    this.connection = connection;
    this.#framing = framing;
    this.#decoder = framing.decoder();
  }

  /**
   * Waits for the next message.
   *
   * @param timeout How long it may take to begin, in milliseconds; the connection's deadlines apply without it.
   * @returns The message, or `undefined` when the peer has ended its side.
   * @throws {FramingError} If what came cannot be understood, after every message before it has been received.
   * @throws {ConnectionError} If the connection ended in another way, or the message did not come in time.
   */
  async receive(timeout?: number): Promise<Received | undefined> {
    if (this.#next >= this.#batch.length) {
      this.#batch = await this.receiveBatch(timeout);
      this.#next = 0;
    }
    return this.#batch[this.#next++];
  }

  /**
   * Waits for messages, and gives all that have come, some thousands at the most: for those who answer many in one write.
   *
   * @param timeout As {@linkcode Framed.receive}.
   * @returns At least one message, or none when the peer has ended its side.
   * @throws As {@linkcode Framed.receive}.
   */
  async receiveBatch(timeout?: number): Promise<Received[]> {
    if (this.#next < this.#batch.length) {
      const rest = this.#batch.slice(this.#next);
      this.#next = this.#batch.length;
      return rest;
    }
    let messageBy: number | undefined;
    while (!this.#ended) {
      if (this.#decoder.failure !== undefined) throw this.#decoder.failure;
      if (this.#unread.length === 0) {
        let chunk: Uint8Array | null;
        if (this.#decoder.pending) {
          const now = performance.now();
          messageBy ??= now + this.connection.deadlines.messageTimeout;
          chunk = await this.connection.readChunk(Math.max(0, messageBy - now), "too slow");
        } else {
          const { firstMessageTimeout, idleTimeout } = this.connection.deadlines;
          // Between messages nothing is owed, so a server that drains may end here.
          this.connection.release();
          try {
            chunk = await this.connection.readChunk(timeout ?? (this.#first ? firstMessageTimeout : idleTimeout));
          } finally {
            this.connection.hold();
          }
          this.#first = false;
        }
        this.#ended = chunk === null;
        this.#unread = chunk ?? this.#unread;
        if (this.#opening !== undefined && this.#opening.length < OPENING) {
          this.#opening = concat([this.#opening, this.#unread.subarray(0, OPENING)]);
        }
      }
      const { share } = this.connection;
      for (let turn; (turn = share.request(performance.now())) !== undefined;) await turn;
      const unread = this.#unread.length;
      const messages = this.#decode();
      share.work(messages.length * MESSAGE_COST + (unread - this.#unread.length) * BYTE_COST);
      if (messages.length > 0) return messages;
    }
    if (this.#decoder.failure !== undefined) throw this.#decoder.failure;
    return [];
  }

  /**
   * Sends one message.
   *
   * @param message The message.
   * @returns When the operating system has taken it; messages sent without waiting are joined into few writes.
   * @throws {FramingError} If the framing refuses the message.
   * @throws {ConnectionError} If the connection has ended, or the peer does not read.
   */
  async send(message: Sent): Promise<void> {
    await this.connection.write(this.#framing.encode(message));
  }

  /**
   * Sends several messages in one write.
   *
   * @param messages The messages, in order.
   * @returns When the operating system has taken them.
   * @throws As {@linkcode Framed.send}.
   */
  async sendAll(messages: readonly Sent[]): Promise<void> {
    await this.connection.write(concat(messages.map((message) => this.#framing.encode(message))));
  }

  /**
   * Sends a message and waits for the one that answers it.
   *
   * @param message The message.
   * @returns The answer.
   * @throws {ConnectionError} If the peer ends without an answer, or it does not come in time.
   * @throws As {@linkcode Framed.send}, and as {@linkcode Framed.receive}.
   */
  async request(message: Sent): Promise<Received> {
    await this.send(message);
    const answer = await this.receive();
    if (answer === undefined) throw new ConnectionError("finished", "The peer ended without an answer");
    return answer;
  }

  /** Gives each message until the peer ends its side. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Received, void, void> {
    for (;;) {
      if (this.#next >= this.#batch.length) {
        this.#batch = await this.receiveBatch();
        this.#next = 0;
        if (this.#batch.length === 0) return;
      }
      yield this.#batch[this.#next++]!;
    }
  }

  #decode(): Received[] {
    try {
      const messages = this.#ended ? this.#decoder.end() : this.#push();
      if (messages.length > 0) this.#opening = undefined;
      return messages;
    } catch (error) {
      // A stranger is recognised by how it begins, of which the decoder may have needed a byte.
      if (this.#opening !== undefined) this.#decoder.failure?.addHint(this.#opening);
      throw error;
    }
  }

  #push(): Received[] {
    const decoder = this.#decoder;
    const chunk = decoder.taken === undefined ? this.#unread.subarray(0, SLICE) : this.#unread;
    const messages = decoder.push(chunk, this.#most);
    // As the first batches are small, a thousand clients that all begin to send at once do not keep others waiting.
    this.#most = messages.length < this.#most ? FIRST_BATCH : Math.min(2 * this.#most, LARGEST_BATCH);
    const taken = decoder.taken ?? chunk.length;
    this.#unread = taken === this.#unread.length ? NOTHING : this.#unread.subarray(taken);
    return messages;
  }
}

/**
 * Lays a framing over a connection.
 *
 * @param connection An open connection.
 * @param framing How messages are told apart.
 * @returns Messages in and messages out.
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
): Framed<Received, Sent> {
  return new Framed(connection, framing);
}
