import type { Decoder, Framing } from "./framing.ts";

/**
 * Bytes to messages as a Web Stream: what `TextDecoderStream` is to text.
 *
 * @typeParam Received What the framing's decoder hands out.
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
  /** The messages. Errors with the framing's error, after every message before it has been read. */
  readonly readable: ReadableStream<Received>;
  /** Takes the bytes. */
  readonly writable: WritableStream<Uint8Array>;

  /**
   * Makes a decoder for one stream.
   *
   * @param framing How messages are told apart.
   */
  constructor(framing: Framing<Received, never>) {
    const bytes = new TransformStream<Uint8Array, Uint8Array>();
    this.writable = bytes.writable;
    this.readable = new ReadableStream(new DecoderSource(bytes.readable.getReader(), framing), { highWaterMark: 0 });
  }
}

/** Hands out one message at a time: a stream that errors throws away what still waits in its queue. */
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
 * Messages to bytes as a Web Stream: what `TextEncoderStream` is to text.
 *
 * @typeParam Sent What the framing's `encode` takes.
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
   * Makes an encoder for one stream.
   *
   * @param framing How messages are told apart. A message it refuses makes the stream error.
   */
  constructor(framing: Framing<unknown, Sent>) {
    super({ transform: (message, controller) => controller.enqueue(framing.encode(message)) });
  }
}
