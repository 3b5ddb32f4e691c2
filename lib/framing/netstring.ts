import { HeaderDecoder, type HeaderReader } from "./_header_decoder.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { MalformedMessageError, MessageTooLongError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

const COLON = 0x3a;
const COMMA = 0x2c;
const ZERO = 0x30;

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
  return {
    encode(message) {
      checkLength(message.length, limit);
      const header = new TextEncoder().encode(`${message.length}:`);
      const bytes = new Uint8Array(header.length + message.length + 1);
      bytes.set(header);
      bytes.set(message, header.length);
      bytes[bytes.length - 1] = COMMA;
      return bytes;
    },
    decoder: () => new HeaderDecoder(new NetstringReader(limit), withoutComma),
  };
}

/** Checks and removes the comma after a payload. */
function withoutComma(body: Uint8Array<ArrayBuffer>, offset: number): Uint8Array {
  const length = body.length - 1;
  if (body[length] !== COMMA) {
    throw new MalformedMessageError("a comma after the payload", offset + length, body.subarray(length), "");
  }
  return body.subarray(0, length);
}

class NetstringReader implements HeaderReader {
  readonly #limit: number;
  #digits: number[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The digits received so far, and at least one more byte. */
  get size(): number {
    return this.#digits.length + 1;
  }

  begin(): number {
    this.#digits = [];
    this.#length = 0;
    return -1;
  }

  push(byte: number, offset: number): number {
    const start = offset - this.#digits.length;
    if (byte === COLON && this.#digits.length > 0) return this.#length + 1;
    this.#digits.push(byte);
    const digit = byte - ZERO;
    if (digit < 0 || digit > 9 || (this.#digits.length > 1 && this.#digits[0] === ZERO)) {
      throw new MalformedMessageError("a length in digits and a colon", start, Uint8Array.from(this.#digits));
    }
    this.#length = this.#length * 10 + digit;
    // More digits may follow, so the error states a length of one over the limit.
    if (this.#length > this.#limit) throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", "");
    return -1;
  }
}
