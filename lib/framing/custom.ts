import { byteFraming } from "./_byte_framing.ts";
import { CustomDecoder } from "./_custom_decoder.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import type { MalformedMessageError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** A frame that a decode function found. */
export interface DecodedFrame<Message> {
  /** The message. Without it the bytes are the beginning of one, which `state` has, and need not be buffered. */
  message?: Message | undefined;
  /** Offset in `bytes` after the last byte used, more than `start`. */
  end: number;
}

/** A frame with the position of its payload. */
export interface PayloadFrame {
  /** Offset in `bytes` of the first byte of the payload. */
  from: number;
  /** Offset in `bytes` after the last byte of the payload. */
  to: number;
  /** Offset in `bytes` after the last byte of the frame, more than `start`. */
  end: number;
}

/** Helps a decode function. All offsets but `offset` are those in the `bytes` of the call. */
export interface FrameContext<State = undefined> {
  /** What the option `state` returned for this stream; the decode function may change and replace it. */
  state: State;
  /** Offset in the stream of the first of `bytes`. */
  readonly offset: number;
  /**
   * Finds a byte. Repeated for a frame of which more has arrived, the search continues where it ended.
   *
   * @param byte The byte, from 0 to 255.
   * @param from Where to begin.
   * @returns The byte's offset, or -1.
   */
  indexOf(byte: number, from: number): number;
  /**
   * Decodes an integer of decimal digits, perhaps after a minus sign.
   *
   * @param from Offset of the first byte.
   * @param to Offset after the last byte.
   * @returns The integer, at most 2^53 - 1 in size.
   * @throws {MalformedMessageError} If the bytes are anything else.
   */
  integer(from: number, to: number): number;
  /**
   * Decodes UTF-8 strictly. A short string keeps at most 512 bytes of its chunk in memory.
   *
   * @param from Offset of the first byte.
   * @param to Offset after the last byte.
   * @returns The text.
   * @throws {MalformedMessageError} If the bytes are not UTF-8.
   */
  text(from: number, to: number): string;
  /**
   * Copies bytes, which a message needs to keep them: `bytes` is overwritten later.
   *
   * @param from Offset of the first byte.
   * @param to Offset after the last byte.
   * @returns The copy. A short one is a view of a buffer that it shares with others.
   */
  copy(from: number, to: number): Uint8Array<ArrayBuffer>;
  /**
   * Creates an error to throw, with the offset in the stream.
   *
   * @param expected What was expected, such as "a type".
   * @param from Offset of the first malformed byte.
   * @param to Offset after the last one to quote: one byte unless given. An error is the same for every split of the
   * stream if this does not depend on how many bytes have arrived.
   * @returns The error.
   */
  malformed(expected: string, from: number, to?: number): MalformedMessageError;
}

/**
 * Finds the frame that begins at `start`.
 *
 * @param bytes The bytes received, not to be kept or changed.
 * @param start Offset of the frame.
 * @param end Offset after the last byte of it that may be read, more than `start`.
 * @param context The stream's state, and helpers.
 * @returns The frame, or the number of bytes that it lacks at least, 1 or more, if `end` comes too early. The function is
 * called again when they have arrived, with the same frame at another `start`.
 * @throws {FramingError} If the bytes are malformed.
 */
export type DecodeFrame<Frame, State = undefined> = (
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  end: number,
  context: FrameContext<State>,
) => Frame | number;

/** Options of {@linkcode customFraming}. */
export interface CustomFramingOptions<Received, Sent = Received, State = undefined> {
  /** Creates the state of a new stream. */
  state?: (() => State) | undefined;
  /** Finds the next message. */
  decode: DecodeFrame<DecodedFrame<Received>, State>;
  /** Encodes one message, as {@linkcode Framing} does. */
  encode(message: Sent): Uint8Array<ArrayBuffer>;
  /**
   * Maximum length of an encoded message in bytes, with header and delimiter: an integer of 1 or more.
   *
   * @default {1048576}
   */
  maxLength?: number | undefined;
}

/**
 * A framing of one's own, from a function that finds one message in the bytes received.
 *
 * The library buffers, and calls the function again once the bytes that it lacks are there; refuses messages over the limit
 * before they are buffered; ends streams; and reports errors with their offset in the stream. Split at any byte the stream
 * gives the same messages, which `checkFraming` checks.
 *
 * @param options How to decode and encode, and the limit.
 * @returns The framing. `encode` throws a `MessageTooLongError` if the result is over the limit.
 * @throws {RangeError} If `maxLength` is out of range. A decoder throws it if `decode` returns an offset or a number that is
 * out of range.
 *
 * @example Syslog over TCP (RFC 6587): a length in digits, a space, the message
 * ```ts
 * import { checkFraming, customFraming, encodeText } from "@wirebench/wirebench/framing";
 *
 * const syslog = customFraming({
 *   maxLength: 8192,
 *   encode: (message: string) => encodeText(`${encodeText(message).length} ${message}`),
 *   decode(_bytes, start, end, { indexOf, integer, text }) {
 *     const space = indexOf(0x20, start);
 *     if (space === -1) return 1;
 *     const next = space + 1 + integer(start, space);
 *     return next <= end ? { message: text(space + 1, next), end: next } : next - end;
 *   },
 * });
 * checkFraming(syslog, ["<34>1 - host su - - -", "<13>1 - Zoë"]);
 * ```
 *
 * @example Replies of Redis (RESP 2): arrays are kept in `state` until they are complete
 * ```ts
 * import { customFraming, type DecodedFrame, decodeChunks, encodeText } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * type Reply = string | number | null | Error | Reply[];
 *
 * const resp = customFraming({
 *   state: (): { items: Reply[]; length: number }[] => [],
 *   encode: (words: string[]) => encodeText(words.join(" ") + "\r\n"),
 *   decode(bytes, start, end, { state: arrays, indexOf, integer, text, malformed }): DecodedFrame<Reply> | number {
 *     const line = indexOf(0x0d, start);
 *     if (line === -1 || line + 2 > end) return 1;
 *     let next = line + 2;
 *     let message: Reply = null;
 *     const type = String.fromCharCode(bytes[start]!);
 *     if (type === "+") message = text(start + 1, line);
 *     else if (type === "-") message = new Error(text(start + 1, line));
 *     else if (type === ":") message = integer(start + 1, line);
 *     else if (type !== "$" && type !== "*") throw malformed("a type of reply", start);
 *     else {
 *       const length = integer(start + 1, line);
 *       if (type === "*" && length > 0) {
 *         if (arrays.push({ items: [], length }) > 8) throw malformed("at most 8 levels of arrays", start);
 *         return { end: next };
 *       } else if (type === "*" && length === 0) message = [];
 *       else if (type === "$" && length >= 0) {
 *         next += length + 2;
 *         if (next > end) return next - end;
 *         message = text(line + 2, next - 2);
 *       }
 *     }
 *     for (let array; (array = arrays.at(-1)); message = arrays.pop()!.items) {
 *       if (array.items.push(message) < array.length) return { end: next };
 *     }
 *     return { message, end: next };
 *   },
 * });
 * assertEquals(decodeChunks(resp, [encodeText("+OK\r\n*2\r\n:1\r\n$3\r\nH"), encodeText("ey\r\n")]).messages, ["OK", [1, "Hey"]]);
 * ```
 */
export function customFraming<Received, Sent = Received, State = undefined>(
  options: CustomFramingOptions<Received, Sent, State>,
): Framing<Received, Sent> {
  const { decode, encode, state } = options;
  const limit = maxLengthOf(options);
  return {
    encode: (message) => checked(encode(message), limit),
    decoder: () => new CustomDecoder(decode, limit, state?.() as State),
  };
}

/** Options of {@linkcode customByteFraming}. */
export interface CustomByteFramingOptions<State = undefined>
  extends Omit<CustomFramingOptions<Uint8Array, Uint8Array, State>, "decode"> {
  /** Finds the next payload. */
  decode: DecodeFrame<PayloadFrame, State>;
}

/**
 * A framing of bytes of one's own, from a function that finds one payload in the bytes received. It does the same as
 * {@linkcode customFraming}; under `text`, `json` and `pickle` payloads are decoded without a copy of each.
 *
 * @param options How to decode and encode, and the limit.
 * @returns The framing. `encode` throws a `MessageTooLongError` if the result is over the limit.
 * @throws {RangeError} As {@linkcode customFraming} does.
 *
 * @example A length of 7, 16 or 64 bits, as in WebSocket frames
 * ```ts
 * import { checkFraming, customByteFraming, encodeText, json } from "@wirebench/wirebench/framing";
 *
 * const framing = customByteFraming({
 *   encode: (message) => message.length < 126
 *     ? Uint8Array.of(message.length, ...message)
 *     : Uint8Array.of(126, message.length >> 8, message.length, ...message),
 *   decode(bytes, start, end) {
 *     const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
 *     const short = view.getUint8(0);
 *     const header = short < 126 ? 1 : short === 126 ? 3 : 9;
 *     if (start + header > end) return start + header - end;
 *     const length = short < 126 ? short : short === 126 ? view.getUint16(1) : Number(view.getBigUint64(1));
 *     const from = start + header;
 *     const to = from + length;
 *     return to <= end ? { from, to, end: to } : to - end;
 *   },
 * });
 * checkFraming(json(framing), [["Hey"], "x".repeat(200)]);
 * ```
 */
export function customByteFraming<State = undefined>(
  options: CustomByteFramingOptions<State>,
): Framing<Uint8Array, Uint8Array> {
  const { decode, encode, state } = options;
  const limit = maxLengthOf(options);
  return byteFraming({
    encode: (message) => checked(encode(message), limit),
    encodeText: (text) => checked(encode(encodeUtf8(text, 0, 0)), limit),
    decoderTo: (convert) => new CustomDecoder(decode, limit, state?.() as State, convert),
  });
}

/** Returns an encoded message if the receiver accepts it. */
function checked(bytes: Uint8Array<ArrayBuffer>, limit: number): Uint8Array<ArrayBuffer> {
  checkLength(bytes.length, limit);
  return bytes;
}
