import { looksLikeOrText } from "./_describe.ts";
import { type ByteFraming, byteFraming } from "./_byte_framing.ts";
import { writeDigits, ZERO } from "./_digits.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder, type FrameReader } from "./_frame_decoder.ts";
import { allocate, copyOf } from "./_slab.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** Length of the header in bytes: the tutorial's `HEADER_LENGTH`. */
export const HEADER_LENGTH = 10;
/** Maximum payload length that ten digits can express. */
const LARGEST_LENGTH = 9_999_999_999;

/** The byte that pads a header. */
export const SPACE = 0x20;

/**
 * Messages with the tutorial's header: the payload's length in bytes as ten ASCII characters, decimal, left-aligned and
 * padded with spaces. Spaces before the digits are accepted, as Python's `int()` does.
 *
 *     push  33 20 20 20 20 20 20 20 20 20 48 65        push  79
 *     gives nothing                                    gives "Hey"
 *
 * @param options The limit; the format itself allows 9,999,999,999 bytes.
 * @returns The framing. A length over the limit is refused before any of the payload is buffered.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example One message
 * ```ts
 * import { decimalHeader } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = decimalHeader().encode(new TextEncoder().encode("Hey"));
 * assertEquals(new TextDecoder().decode(bytes), "3         Hey");
 * ```
 */
export function decimalHeader(options: FramingOptions = {}): Framing<Uint8Array, Uint8Array> {
  return decimalFraming(options);
}

/** Implements `decimalHeader`. */
export function decimalFraming(options: FramingOptions): ByteFraming {
  const limit = Math.min(maxLengthOf(options), LARGEST_LENGTH);
  return byteFraming({
    encode(message) {
      checkLength(message.length, limit);
      const bytes = allocate(HEADER_LENGTH + message.length);
      writeHeader(bytes);
      bytes.set(message, HEADER_LENGTH);
      return bytes;
    },
    encodeText(text) {
      const bytes = encodeUtf8(text, HEADER_LENGTH, 0);
      checkLength(bytes.length - HEADER_LENGTH, limit);
      writeHeader(bytes);
      return bytes;
    },
    decoderTo: (convert) => new FrameDecoder(new DecimalReader(limit), convert),
  });
}

function writeHeader(bytes: Uint8Array): void {
  const end = writeDigits(bytes, 0, bytes.length - HEADER_LENGTH);
  bytes.fill(SPACE, end, HEADER_LENGTH);
}

/** Reads a header once all ten bytes have arrived, so that an error can show all of them. */
class DecimalReader implements FrameReader {
  readonly #limit: number;
  start = 0;
  end = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    const payload = at + HEADER_LENGTH;
    this.start = -1;
    if (payload > length) return length - payload;
    const size = parseDecimal(bytes, at, payload);
    if (size === undefined) {
      const expected = "a length of digits padded with spaces to ten bytes";
      const header = copyOf(bytes, at, payload);
      throw new MalformedMessageError(expected, base + at, header, looksLikeOrText(header));
    }
    checkLength(size, this.#limit);
    this.start = payload;
    this.end = payload + size;
    return this.end <= length ? this.end : length - this.end;
  }
}

/** Parses digits with spaces around them; returns `undefined` for anything else. */
function parseDecimal(bytes: Uint8Array, at: number, end: number): number | undefined {
  while (at < end && bytes[at] === SPACE) at++;
  const digits = at;
  let value = 0;
  for (let digit; at < end && (digit = bytes[at]! - ZERO) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  if (at === digits) return undefined;
  while (at < end && bytes[at] === SPACE) at++;
  return at === end ? value : undefined;
}
