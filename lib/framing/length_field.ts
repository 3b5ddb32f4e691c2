import { byteFraming } from "./_byte_framing.ts";
import { looksLikeOrText, protocolOf } from "./_describe.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder, type FrameReader } from "./_frame_decoder.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { allocate, copyOf } from "./_slab.ts";
import { MalformedMessageError, MessageTooLongError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** Options of {@linkcode lengthField}. */
export interface LengthFieldOptions extends FramingOptions {
  /**
   * Size of the length in bytes, or `"varint"`: seven bits in each byte, the least significant first, and the highest bit
   * set in all but the last (LEB128, as in MQTT and Protocol Buffers); up to eight bytes are accepted.
   */
  bytes: 1 | 2 | 3 | 4 | 8 | "varint";
  /**
   * Number of bytes before the length.
   *
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * What to add to the length to get the number of bytes after it: positive if it does not count some of them, negative if
   * it counts bytes before them, such as itself.
   *
   * @default {0}
   */
  adjustment?: number | undefined;
  /**
   * Number of bytes to remove from the beginning of each frame: an integer of 0 or more that does not divide the length. The
   * bytes up to the end of the length unless given. With a varint it is at most `offset`.
   */
  strip?: number | undefined;
  /**
   * Byte order of the length: most significant byte first (`"big"`, network byte order) or last (`"little"`).
   *
   * @default {"big"}
   */
  endian?: "big" | "little" | undefined;
  /**
   * Maximum number of bytes after the length: an integer of 0 or more.
   *
   * @default {1048576}
   */
  maxLength?: number | undefined;
}

/** Maximum size of a varint in bytes. */
const LONGEST_VARINT = 8;

/**
 * Messages with a binary length somewhere in a header. Each message is its frame without the first `strip` bytes.
 *
 *     push  00 00 02 07 48        push  65          3 bytes, and one that the length does not count: adjustment 1
 *     gives nothing               gives 07 48 65
 *
 * @param options Where the length is, how it is encoded and what it counts, and the limit.
 * @returns The framing. A length over the limit is refused before any of the bytes after it is buffered. `encode` writes the
 * length, and zeros for the other bytes stripped; if the length is not stripped it must be right. It throws a `RangeError`
 * for a message that the length cannot describe.
 * @throws {RangeError} If an option is out of range.
 *
 * @example Packets of MySQL: a length of three bytes, and a sequence number that it does not count
 * ```ts
 * import { checkFraming, lengthField } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const packets = lengthField({ bytes: 3, endian: "little", adjustment: 1 });
 * const ping = Uint8Array.of(0, 0x0e); // The sequence number, and COM_PING.
 * assertEquals(packets.encode(ping), Uint8Array.of(1, 0, 0, 0, 0x0e));
 * checkFraming(packets, [ping]);
 * ```
 *
 * @example Packets of MQTT: a type, a length as varint; whole, since the type is before the length
 * ```ts
 * import { checkFraming, lengthField } from "@wirebench/wirebench/framing";
 *
 * const packets = lengthField({ bytes: "varint", offset: 1, strip: 0 });
 * checkFraming(packets, [Uint8Array.of(0xc0, 0), Uint8Array.of(0x40, 2, 0, 1)]); // PINGREQ, PUBACK
 * ```
 */
export function lengthField(options: LengthFieldOptions): Framing<Uint8Array, Uint8Array> {
  const layout = layoutOf(options);
  const { strip } = layout;
  const stripped = (length: number) => strip ?? layout.offset + varintSize(length - layout.adjustment);
  function encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    const start = stripped(message.length);
    const bytes = allocate(start + message.length);
    bytes.set(message, start);
    return complete(bytes, start, layout);
  }
  return byteFraming({
    encode,
    encodeText(text) {
      const start = stripped(text.length);
      const bytes = encodeUtf8(text, start, 0);
      // The bytes of the text may be so many more than its characters that a varint of their number is longer.
      if (stripped(bytes.length - start) > start) return encode(bytes.subarray(start));
      return complete(bytes, start, layout);
    },
    decoderTo: (convert) => new FrameDecoder(new LengthReader(layout), convert),
  });
}

/** Where a length is, and what it counts. */
interface Layout {
  /** Size of the length in bytes, or `undefined` for a varint. */
  size: number | undefined;
  offset: number;
  adjustment: number;
  /** How many bytes to strip, or `undefined` for those up to the end of a varint. */
  strip: number | undefined;
  endian: "big" | "little";
  /** Minimum and maximum number of bytes after the length. */
  least: number;
  limit: number;
}

function layoutOf(options: LengthFieldOptions): Layout {
  const { bytes, offset = 0, adjustment = 0, endian = "big" } = options;
  if (![1, 2, 3, 4, 8, "varint"].includes(bytes)) {
    throw new RangeError(`Cannot use a length of ${bytes} bytes: expected 1, 2, 3, 4, 8 or "varint"`);
  }
  if (endian !== "big" && endian !== "little") {
    throw new RangeError(`Cannot use byte order "${endian}": expected "big" or "little"`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`Cannot use offset ${offset}: expected an integer of 0 or more`);
  }
  if (!Number.isSafeInteger(adjustment)) {
    throw new RangeError(`Cannot use adjustment ${adjustment}: expected an integer`);
  }
  const size = bytes === "varint" ? undefined : bytes;
  const header = size === undefined ? Infinity : offset + size;
  const { strip = size === undefined ? undefined : header } = options;
  if (strip !== undefined && !(Number.isSafeInteger(strip) && strip >= 0 && (strip <= offset || strip >= header))) {
    const expected = `an integer from 0 to ${offset}${size === undefined ? "" : `, or of ${header} or more`}`;
    throw new RangeError(`Cannot strip ${strip} bytes: expected ${expected}`);
  }
  const limit = Math.min(maxLengthOf(options), (size === undefined ? Infinity : 256 ** size - 1) + adjustment);
  const least = Math.max(0, adjustment, (strip ?? 0) - header);
  return { size, offset, adjustment, strip, endian, least, limit };
}

/** Completes a frame of which `start` bytes are to be stripped: writes the length, or checks it if it is not stripped. */
function complete(bytes: Uint8Array<ArrayBuffer>, start: number, layout: Layout): Uint8Array<ArrayBuffer> {
  const { size, offset, adjustment, endian, least, limit } = layout;
  if (start <= offset) {
    const end = new LengthReader(layout).read(bytes, 0, bytes.length, 0);
    if (end === bytes.length) return bytes;
    const length = end < 0 ? bytes.length - end : end;
    throw new RangeError(
      `Cannot encode the message: its length is for ${length - start} bytes, got ${bytes.length - start}`,
    );
  }
  const header = size === undefined ? start : offset + size;
  const length = bytes.length - header;
  checkLength(length, limit);
  if (length < least) {
    throw new RangeError(
      `Cannot encode the message: expected at least ${least - start + header} bytes, got ${bytes.length - start}`,
    );
  }
  let rest = length - adjustment;
  for (let at = offset; at < header; at++) {
    if (size === undefined) bytes[at] = rest % 128 + (at < header - 1 ? 128 : 0);
    else bytes[endian === "little" ? at : header - 1 - at + offset] = rest % 256;
    rest = Math.floor(rest / (size === undefined ? 128 : 256));
  }
  return bytes;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest /= 128) size++;
  return size;
}

class LengthReader implements FrameReader {
  readonly #layout: Layout;
  readonly #size: number | undefined;
  readonly #big: boolean;
  start = 0;
  end = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.#size = layout.size;
    this.#big = layout.endian === "big";
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    const { offset, adjustment, strip, least, limit } = this.#layout;
    const field = at + offset;
    const size = this.#size ?? varintSizeAt(bytes, field, length);
    this.start = -1;
    const after = field + size;
    if (after > length) return length - after;
    if (this.#size === undefined && bytes[after - 1]! >= 128) {
      const expected = `a varint of at most ${LONGEST_VARINT} bytes`;
      throw new MalformedMessageError(expected, base + field, copyOf(bytes, field, after));
    }
    const value = this.#size === undefined
      ? readVarint(bytes, field, after)
      : readLength(bytes, field, after, this.#big);
    const count = value + adjustment;
    if (count > limit) this.#refuse(copyOf(bytes, at, after), count);
    if (count < least) {
      const expected = `a length of at least ${least - adjustment}`;
      throw new MalformedMessageError(expected, base + field, copyOf(bytes, field, after));
    }
    this.start = strip === undefined ? after : at + strip;
    this.end = after + count;
    return this.end <= length ? this.end : length - this.end;
  }

  #refuse(header: Uint8Array, count: number): never {
    const { offset, adjustment, limit } = this.#layout;
    if (this.#size !== undefined) {
      const reversed = readLength(header, offset, header.length, !this.#big) + adjustment;
      const swapped = reversed <= limit && protocolOf(header) === undefined;
      if (swapped) checkLength(count, limit, ` (${reversed} in the other byte order)`);
    }
    throw new MessageTooLongError(limit, count, "", looksLikeOrText(header));
  }
}

function readLength(bytes: Uint8Array, start: number, end: number, big: boolean): number {
  let length = 0;
  if (big) {
    for (let at = start; at < end; at++) length = length * 256 + bytes[at]!;
  } else {
    for (let at = end - 1; at >= start; at--) length = length * 256 + bytes[at]!;
  }
  return length;
}

function readVarint(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 128 + bytes[at]! % 128;
  return value;
}

/** Size of the varint at an offset, at most the longest; one byte more than has arrived if it is incomplete. */
function varintSizeAt(bytes: Uint8Array, start: number, length: number): number {
  let size = 1;
  while (size < LONGEST_VARINT && start + size <= length && bytes[start + size - 1]! >= 128) size++;
  return size;
}
