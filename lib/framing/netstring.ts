import { byteFraming } from "./_byte_framing.ts";
import { writeDigits, ZERO } from "./_digits.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder, type FrameReader } from "./_frame_decoder.ts";
import { allocate, copyOf } from "./_slab.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { MalformedMessageError, MessageTooLongError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * Netstrings: the payload's length in decimal digits, a colon, the payload, a comma (D. J. Bernstein, "Netstrings", 1997).
 *
 *     push  33 3a 48 65           push  79 2c
 *     gives nothing               gives "Hey"
 *
 * @param options The limit.
 * @returns The framing. A length over the limit or with a leading zero is refused at the first digit that makes it so.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example One message
 * ```ts
 * import { netstring } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = netstring().encode(new TextEncoder().encode("Hey"));
 * assertEquals(new TextDecoder().decode(bytes), "3:Hey,");
 * ```
 */
export function netstring(options: FramingOptions = {}): Framing<Uint8Array, Uint8Array> {
  const limit = maxLengthOf(options);
  function encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    checkLength(message.length, limit);
    const header = headerLength(message.length);
    const bytes = allocate(header + message.length + 1);
    complete(bytes, header);
    bytes.set(message, header);
    return bytes;
  }
  return byteFraming({
    encode,
    encodeText(text) {
      const header = headerLength(text.length);
      const bytes = encodeUtf8(text, header, 1);
      const length = bytes.length - header - 1;
      checkLength(length, limit);
      // The bytes of the text may be so many more than its characters that the header has one more digit.
      if (headerLength(length) > header) return encode(bytes.subarray(header, -1));
      complete(bytes, header);
      return bytes;
    },
    decoderTo: (convert) => new FrameDecoder(new NetstringReader(limit), convert),
  });
}

/** The length of the digits and the colon before a payload of this length. */
function headerLength(length: number): number {
  let header = 2;
  for (; length >= 10; length /= 10) header++;
  return header;
}

/** Writes the header and the comma around a payload. */
function complete(bytes: Uint8Array, header: number): void {
  bytes[writeDigits(bytes, 0, bytes.length - header - 1)] = COLON;
  bytes[bytes.length - 1] = COMMA;
}

class NetstringReader implements FrameReader {
  readonly #limit: number;
  start = 0;
  end = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    this.start = -1;
    let size = 0;
    let next = at;
    for (; next < length; next++) {
      const byte = bytes[next]!;
      if (byte === COLON && next > at) break;
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9 || (next > at && bytes[at] === ZERO)) {
        throw new MalformedMessageError("a length in digits and a colon", base + at, copyOf(bytes, at, next + 1));
      }
      size = size * 10 + digit;
      // More digits may follow, so the error states a length of one over the limit.
      if (size > this.#limit) throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", "");
    }
    if (next === length) return -1;
    this.start = next + 1;
    this.end = this.start + size;
    if (this.end >= length) return length - this.end - 1;
    if (bytes[this.end] !== COMMA) {
      const wrong = copyOf(bytes, this.end, this.end + 1);
      throw new MalformedMessageError("a comma after the payload", base + this.end, wrong, "");
    }
    return this.end + 1;
  }
}
