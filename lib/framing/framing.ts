import type { FramingError } from "./errors.ts";

/**
 * How messages are told apart in a stream of bytes: a plain value with two sides and no I/O.
 *
 * @typeParam Received What a decoder hands out.
 * @typeParam Sent What `encode` takes; the same as `Received` unless stated.
 *
 * @example Messages to bytes and back
 * ```ts
 * import { decimalHeader, text } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = text(decimalHeader());
 * const decoder = framing.decoder();
 * const bytes = framing.encode("Hey");
 * assertEquals(decoder.push(bytes.subarray(0, 11)), []);
 * assertEquals(decoder.push(bytes.subarray(11)), ["Hey"]);
 * ```
 */
export interface Framing<Received, Sent = Received> {
  /**
   * Turns one message into the bytes that carry it.
   *
   * @param message The message; it is not changed and not kept.
   * @returns A new array: header, payload and delimiter together.
   * @throws {FramingError} If the other side could not read the message back.
   */
  encode(message: Sent): Uint8Array<ArrayBuffer>;
  /** Starts reading a new stream. A decoder belongs to one stream and one direction. */
  decoder(): Decoder<Received>;
}

/**
 * The receiving side of a {@linkcode Framing}: bytes go in as they come, whole messages come out.
 *
 * The same messages and the same error come out however the bytes are cut. What was complete before
 * an error is returned first; the error is then thrown by the next call and stands in `failure` at once.
 */
export interface Decoder<Message> {
  /** Whether a message has begun and not ended: the peer owes the rest of it. */
  readonly pending: boolean;
  /** Why this decoder will give nothing more, or `undefined` while it can. */
  readonly failure: FramingError | undefined;
  /**
   * How many bytes of the last chunk were taken. A decoder without it takes all of them, however many messages come.
   */
  readonly taken?: number;
  /**
   * Takes the next bytes of the stream.
   *
   * @param chunk Any number of bytes, none included; the caller may overwrite them afterwards.
   * @param most After how many messages to stop, 1 or more: a stranger's messages may be of one byte or none, and a chunk
   * may hold enough of them to keep the program busy for a second. The bytes after the first `taken` are then to be
   * pushed again. A decoder that makes batches may give a few more. Unless given, all of the chunk is taken.
   * @returns The messages that this chunk completes, often none. They are the caller's own.
   * @throws {FramingError} If no message precedes the first byte that cannot be understood.
   * @throws {TypeError} If the stream was said to have ended.
   */
  push(chunk: Uint8Array, most?: number): Message[];
  /**
   * Says that the stream has ended.
   *
   * @returns What the end completes: a last line without a newline, for instance.
   * @throws {FramingError} If the stream ended inside a message, or was malformed before.
   */
  end(): Message[];
}

/** What limits a framing's messages. */
export interface FramingOptions {
  /**
   * The longest payload in bytes, header and delimiter not counted: an integer of 0 or more.
   *
   * @default {1048576}
   */
  maxLength?: number | undefined;
}

/** The longest payload in bytes unless an option says otherwise: 1 MiB, far above any of the tutorials' messages. */
export const DEFAULT_MAX_LENGTH: number = 1024 * 1024;
