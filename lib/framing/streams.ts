import type { Decoder, Framing } from "./framing.ts";

/**
 * Decodes a Web Stream of bytes into messages, as `TextDecoderStream` decodes text.
 *
 * @typeParam Received What the framing's decoder returns.
 *
 * @example Messages of a readable stream
 * ```ts
 * import { FrameDecoderStream, lines, text } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const readable = new Blob(["Hey\nYou\n"]).stream();
 * const messages = readable.pipeThrough(new FrameDecoderStream(text(lines())));
 * assertEquals(await Array.fromAsync(messages), ["Hey", "You"]);
 * ```
 */
export class FrameDecoderStream<Received> implements ReadableWritablePair<Received, Uint8Array> {
  /** The messages. Errors with the framing's error once all messages before the error have been read. */
  readonly readable: ReadableStream<Received>;
  /** Accepts the bytes. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Creates a decoder for one stream.
   *
   * @param framing The framing of the messages.
   */
  constructor(framing: Framing<Received, never>) {
    const bytes = new TransformStream<Uint8Array, Uint8Array>();
    this.writable = bytes.writable;
    this.readable = new ReadableStream(new DecoderSource(bytes.readable.getReader(), framing), { highWaterMark: 0 });
  }
}

/** Enqueues one message at a time, because a stream that errors discards its queue. */
class DecoderSource<Received> implements UnderlyingDefaultSource<Received> {
  readonly #bytes: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder: Decoder<Received>;
  #messages: Iterator<Received> = [].values();
  #ended = false;

  constructor(bytes: ReadableStreamDefaultReader<Uint8Array>, framing: Framing<Received, never>) {
    this.#bytes = bytes;
    this.#decoder = framing.decoder();
  }

  async pull(controller: ReadableStreamDefaultController<Received>): Promise<void> {
    try {
      for (;;) {
        const { value, done } = this.#messages.next();
        if (!done) return controller.enqueue(value);
        if (this.#decoder.failure !== undefined) throw this.#decoder.failure;
        if (this.#ended) return controller.close();
        this.#messages = (await this.#read()).values();
      }
    } catch (error) {
      await this.#bytes.cancel(error).catch(() => {});
      throw error;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    await this.#bytes.cancel(reason);
  }

  async #read(): Promise<Received[]> {
    const { value, done } = await this.#bytes.read();
    this.#ended = done;
    return done ? this.#decoder.end() : this.#decoder.push(value);
  }
}

/**
 * Encodes a Web Stream of messages into bytes, as `TextEncoderStream` encodes text.
 *
 * @typeParam Sent What the framing's `encode` accepts.
 *
 * @example Messages into bytes
 * ```ts
 * import { FrameEncoderStream, netstring, text } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = ReadableStream.from(["Hey", "You"]).pipeThrough(new FrameEncoderStream(text(netstring())));
 * assertEquals(await new Response(bytes).text(), "3:Hey,3:You,");
 * ```
 */
export class FrameEncoderStream<Sent> extends TransformStream<Sent, Uint8Array<ArrayBuffer>> {
  /**
   * Creates an encoder for one stream.
   *
   * @param framing The framing of the messages. The stream errors if the framing refuses a message.
   */
  constructor(framing: Framing<unknown, Sent>) {
    super({ transform: (message, controller) => controller.enqueue(framing.encode(message)) });
  }
}
