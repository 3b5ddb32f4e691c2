import { BaseDecoder } from "./_decoder.ts";
import type { Decoder, Framing } from "./framing.ts";

/** Converts the bytes of a message to a value and back. */
export interface Codec<Received, Sent = Received> {
  /**
   * Decodes a value.
   *
   * @param bytes The message.
   * @returns The value.
   * @throws {FramingError} If the bytes are malformed.
   */
  decode(bytes: Uint8Array): Received;
  /**
   * Encodes a value.
   *
   * @param value The value.
   * @returns The message.
   * @throws {TypeError} If the format cannot express the value.
   */
  encode(value: Sent): Uint8Array;
}

/**
 * Combines a framing of bytes with a codec into a framing of values.
 *
 * @param framing Any framing of bytes.
 * @param codec Converts each message to a value and back.
 * @returns The framing of values.
 *
 * @example Numbers in one byte each
 * ```ts
 * import { fixed, withCodec } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const numbers = withCodec<number>(fixed(1), {
 *   decode: (bytes) => bytes[0]!,
 *   encode: (value) => Uint8Array.of(value),
 * });
 * assertEquals(numbers.decoder().push(Uint8Array.of(3, 4)), [3, 4]);
 * ```
 */
export function withCodec<Received, Sent = Received>(
  framing: Framing<Uint8Array, Uint8Array>,
  codec: Codec<Received, Sent>,
): Framing<Received, Sent> {
  return {
    encode: (value) => framing.encode(codec.encode(value)),
    decoder: () => new CodecDecoder(framing.decoder(), codec),
    layout: framing.layout,
  };
}

class CodecDecoder<Received> extends BaseDecoder<Received> {
  readonly #inner: Decoder<Uint8Array>;
  readonly #codec: Codec<Received, never>;

  constructor(inner: Decoder<Uint8Array>, codec: Codec<Received, never>) {
    super();
    this.#inner = inner;
    this.#codec = codec;
  }

  override get pending(): boolean {
    return this.#inner.pending;
  }

  protected override read(chunk: Uint8Array, values: Received[], most: number): number {
    this.#decode(this.#inner.push(chunk, most), values);
    return this.#inner.taken ?? chunk.length;
  }

  protected override finish(values: Received[]): void {
    this.#decode(this.#inner.end(), values);
  }

  #decode(messages: Uint8Array[], values: Received[]): void {
    for (const message of messages) values.push(this.#codec.decode(message));
    if (this.#inner.failure !== undefined) throw this.#inner.failure;
  }
}
