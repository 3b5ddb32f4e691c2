import { HeaderDecoder, type HeaderReader } from "./_header_decoder.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** Options of {@linkcode lengthPrefix}. */
export interface LengthPrefixOptions extends FramingOptions {
  /** How many bytes the length has. */
  bytes: 1 | 2 | 4 | 8;
  /**
   * Which byte of the length comes first: the most significant (`"big"`, network byte order) or the least.
   *
   * @default {"big"}
   */
  endian?: "big" | "little";
}

/**
 * A binary length before each payload: an unsigned integer of 1, 2, 4 or 8 bytes that counts the payload alone.
 *
 *     push  00 03 48 65           push  79                      2 bytes, big endian
 *     gives nothing               gives "Hey"
 *
 * @param options The length's size and byte order, and the limit.
 * @returns The framing. A length over the limit is refused before any of its payload is stored.
 * @throws {RangeError} If `bytes`, `endian` or `maxLength` is out of range.
 *
 * @example Two bytes in network byte order
 * ```ts
 * import { lengthPrefix } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = lengthPrefix({ bytes: 2 });
 * assertEquals(framing.encode(Uint8Array.of(7, 8)), Uint8Array.of(0, 2, 7, 8));
 * ```
 */
export function lengthPrefix(options: LengthPrefixOptions): Framing<Uint8Array, Uint8Array> {
  const { bytes: size, endian = "big" } = options;
  if (![1, 2, 4, 8].includes(size)) {
    throw new RangeError(`Cannot use a length of ${size} bytes: expected 1, 2, 4 or 8`);
  }
  if (endian !== "big" && endian !== "little") {
    throw new RangeError(`Cannot use byte order "${endian}": expected "big" or "little"`);
  }
  const limit = Math.min(maxLengthOf(options), 256 ** size - 1);
  return {
    encode(message) {
      checkLength(message.length, limit);
      const bytes = new Uint8Array(size + message.length);
      let rest = message.length;
      for (let at = 0; at < size; at++) {
        bytes[endian === "little" ? at : size - 1 - at] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      bytes.set(message, size);
      return bytes;
    },
    decoder: () => new HeaderDecoder(new BinaryReader(size, endian, limit), (body) => body),
  };
}

class BinaryReader implements HeaderReader {
  readonly size: number;
  readonly #endian: "big" | "little";
  readonly #limit: number;
  #received = 0;
  /** The length in the byte order agreed on, and in the other one. */
  #length = 0;
  #reversed = 0;

  constructor(size: number, endian: "big" | "little", limit: number) {
    this.size = size;
    this.#endian = endian;
    this.#limit = limit;
  }

  begin(): number {
    this.#received = this.#length = this.#reversed = 0;
    return -1;
  }

  push(byte: number): number {
    const big = this.#endian === "big";
    const shifted = byte * 256 ** this.#received;
    this.#length = big ? this.#length * 256 + byte : this.#length + shifted;
    this.#reversed = big ? this.#reversed + shifted : this.#reversed * 256 + byte;
    if (++this.#received < this.size) return -1;
    const plausible = this.#reversed <= this.#limit;
    checkLength(this.#length, this.#limit, plausible ? ` (${this.#reversed} in the other byte order)` : "");
    return this.#length;
  }
}
