import type { FramingError } from "./errors.ts";
import type { FrameLayout } from "./layout.ts";

/**
 * A message format for byte streams: an encoder and a decoder, without I/O.
 *
 * @typeParam Received What a decoder returns.
 * @typeParam Sent What `encode` accepts; the same as `Received` unless stated.
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
   * Encodes one message.
   *
   * @param message The message; neither changed nor kept.
   * @returns The message's header, payload and delimiter. A short array is a view of a buffer that it shares with others.
   * @throws {FramingError} If the receiver could not decode the message.
   */
  encode(message: Sent): Uint8Array<ArrayBuffer>;
  /** Creates a decoder for one stream in one direction. */
  decoder(): Decoder<Received>;
  /** Where the parts of each message are. Framings of one's own have none. */
  readonly layout?: FrameLayout | undefined;
}

/**
 * The receiving side of a {@linkcode Framing}: chunks of the stream go in, whole messages come out.
 *
 * The same stream gives the same messages and the same error, however it is split into chunks. Messages completed before
 * an error are returned first: the call that finds the error returns them and sets `failure`, and the next call throws it.
 */
export interface Decoder<Message> {
  /** Whether the bytes taken so far end inside a message, so that the peer has yet to send the rest of it. */
  readonly pending: boolean;
  /** The error that ended decoding, or `undefined` while the decoder accepts bytes. */
  readonly failure: FramingError | undefined;
  /**
   * How many bytes of the last chunk `push` decoded or buffered; meaningless once `failure` is set. A decoder without
   * this property takes every chunk whole and ignores `most`.
   */
  readonly taken?: number;
  /**
   * Decodes the next chunk of the stream.
   *
   * A chunk may hold tens of thousands of tiny messages, enough to block the event loop. `most` bounds the work: decoding
   * stops after that many messages, and the caller pushes the rest of the chunk, from byte `taken` on, later.
   *
   * @param chunk Any number of bytes, including none; the caller may overwrite them afterwards.
   * @param most Maximum number of messages to return, 1 or more; decoders of batches document how they apply it. Without
   * it, the whole chunk is taken.
   * @returns The messages that this chunk completes, often none. They are copies, unless the framing says otherwise. Short
   * messages of bytes are views of a buffer that they share: with `message.buffer`, use `message.byteOffset`.
   * @throws {FramingError} If decoding fails before a message is complete, or has failed before.
   * @throws {TypeError} If `end` was called.
   */
  push(chunk: Uint8Array, most?: number): Message[];
  /**
   * Ends the stream.
   *
   * @returns The messages that the end completes, such as a last line without a newline.
   * @throws {FramingError} If the stream ends inside a message, or decoding has failed before.
   */
  end(): Message[];
}

/** Limits of a framing's messages. */
export interface FramingOptions {
  /**
   * Maximum payload length in bytes, without header and delimiter: an integer of 0 or more.
   *
   * @default {1048576}
   */
  maxLength?: number | undefined;
}

/** Default maximum payload length in bytes: 1 MiB. */
export const DEFAULT_MAX_LENGTH: number = 1024 * 1024;
