import { looksLikeOrText } from "./_describe.ts";
import { HeaderDecoder, type HeaderReader } from "./_header_decoder.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** Length of the header in bytes: the tutorial's `HEADER_LENGTH`. */
export const HEADER_LENGTH = 10;
/** Maximum payload length that ten digits can express. */
const LARGEST_LENGTH = 9_999_999_999;

const encoder = new TextEncoder();

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
  const limit = Math.min(maxLengthOf(options), LARGEST_LENGTH);
  return {
    encode(message) {
      checkLength(message.length, limit);
      const bytes = new Uint8Array(HEADER_LENGTH + message.length);
      encoder.encodeInto(String(message.length).padEnd(HEADER_LENGTH), bytes);
      bytes.set(message, HEADER_LENGTH);
      return bytes;
    },
    decoder: () => new HeaderDecoder(new DecimalReader(limit), (body) => body),
  };
}

/** Parses a header once all ten bytes have arrived, so that an error can show all of them. */
export class DecimalReader implements HeaderReader {
  readonly size = HEADER_LENGTH;
  readonly #header = new Uint8Array(HEADER_LENGTH);
  readonly #limit: number;
  #received = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): Uint8Array {
    return this.#header.subarray(0, this.#received);
  }

  begin(): number {
    this.#received = 0;
    return -1;
  }

  push(byte: number, offset: number): number {
    this.#header[this.#received++] = byte;
    if (this.#received < HEADER_LENGTH) return -1;
    const length = parseDecimal(this.#header);
    if (length === undefined) {
      const expected = "a length of digits padded with spaces to ten bytes";
      throw new MalformedMessageError(
        expected,
        offset - HEADER_LENGTH + 1,
        this.#header,
        looksLikeOrText(this.#header),
      );
    }
    checkLength(length, this.#limit);
    return length;
  }
}

/** Parses digits with spaces around them; returns `undefined` for anything else. */
function parseDecimal(bytes: Uint8Array): number | undefined {
  let at = 0;
  while (bytes[at] === 0x20) at++;
  const digits = at;
  let length = 0;
  for (let byte; (byte = bytes[at]) !== undefined && byte >= 0x30 && byte <= 0x39; at++) {
    length = length * 10 + byte - 0x30;
  }
  if (at === digits) return undefined;
  while (bytes[at] === 0x20) at++;
  return at === bytes.length ? length : undefined;
}
