import { type Conversion, MOST_PAYLOADS, payloads } from "./_conversion.ts";
import { BaseDecoder } from "./_decoder.ts";
import { looksLike, protocolOf } from "./_describe.ts";
import { GrowingBuffer } from "./_growing_buffer.ts";
import { TruncatedMessageError } from "./errors.ts";

/** Finds one frame whose length follows from its header. */
export interface FrameReader {
  /** Offset of the payload of the last frame found, or -1 if its header was incomplete. */
  readonly start: number;
  /** Offset of the end of its payload. */
  readonly end: number;
  /** Offset after the bytes that determine its length, if the payload does not begin there. */
  readonly header?: number;
  /**
   * Reads the frame that begins at a byte.
   *
   * @param bytes The bytes received.
   * @param at Offset of the frame in `bytes`.
   * @param length The number of bytes received, more than `at`.
   * @param base Offset in the stream of the first of `bytes`, for errors.
   * @returns The offset after the frame, or, if the frame is incomplete, minus the number of bytes it lacks at least.
   * @throws {FramingError} If the header or what follows the payload is malformed, as soon as it can be known.
   */
  read(bytes: Uint8Array, at: number, length: number, base: number): number;
}

/** Decodes frames that consist of a header, a payload and perhaps a trailer. */
export class FrameDecoder<Message> extends BaseDecoder<Message> {
  readonly #reader: FrameReader;
  readonly #convert: Conversion<Message>;
  /** The incomplete frame. */
  readonly #buffer = new GrowingBuffer();
  /** The number of bytes that it lacks at least. */
  #missing = 0;
  /** Offset in the stream of the next byte to take. */
  #offset = 0;

  constructor(reader: FrameReader, convert: Conversion<Message>) {
    super();
    this.#reader = reader;
    this.#convert = convert;
  }

  override get pending(): boolean {
    return this.#buffer.length > 0;
  }

  protected override read(chunk: Uint8Array<ArrayBuffer>, messages: Message[], most: number): number {
    let at = 0;
    if (this.#buffer.length > 0) {
      at = this.#complete(chunk, messages);
      if (this.#buffer.length === 0) most--;
    }
    while (at < chunk.length && most > 0) {
      const room = Math.min(most, MOST_PAYLOADS);
      let next = at;
      let count = 0;
      try {
        for (; count < room && at < chunk.length; at = next) {
          next = this.#reader.read(chunk, at, chunk.length, this.#offset);
          if (next < 0) break;
          payloads[2 * count] = this.#reader.start;
          payloads[2 * count++ + 1] = this.#reader.end;
        }
      } finally {
        if (count > 0) this.#convert(chunk, count, messages, false);
      }
      most -= count;
      if (next < 0) {
        this.#missing = -next;
        this.#buffer.append(chunk, at, chunk.length, chunk.length - at - next);
        at = chunk.length;
      }
    }
    this.#offset += at;
    return at;
  }

  /** Completes the buffered frame, if the chunk has the rest of it; returns how many bytes were taken. */
  #complete(chunk: Uint8Array, messages: Message[]): number {
    const buffer = this.#buffer;
    const reader = this.#reader;
    const base = this.#offset - buffer.length;
    for (let at = 0; at < chunk.length;) {
      const end = Math.min(at + this.#missing, chunk.length);
      buffer.append(chunk, at, end, buffer.length + this.#missing);
      at = end;
      const next = reader.read(buffer.bytes, 0, buffer.length, base);
      if (next > 0) {
        payloads[0] = reader.start;
        payloads[1] = reader.end;
        this.#convert(buffer.bytes, 1, messages, buffer.owned);
        buffer.clear();
        return at;
      }
      this.#missing = -next;
    }
    return chunk.length;
  }

  protected override finish(): void {
    const { length, view } = this.#buffer;
    if (length === 0) return;
    this.#reader.read(view, 0, length, this.#offset - length);
    const { start } = this.#reader;
    const expected = length + this.#missing;
    // Only the first bytes of a stream identify it. After a valid header anything may follow, so only a certain hint is given.
    const hintFrom = start <= 0 ? looksLike : protocolOf;
    const hint = length === this.#offset ? hintFrom(view) : "";
    throw start === -1
      ? new TruncatedMessageError("header", expected, length, hint)
      : new TruncatedMessageError("message", expected - start, length - start, hint ?? "");
  }
}
