import { looksLikeOrText, protocolOf } from "./_describe.ts";
import { HeaderDecoder, type HeaderReader } from "./_header_decoder.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { MessageTooLongError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** Options of {@linkcode lengthPrefix}. */
export interface LengthPrefixOptions extends FramingOptions {
  /** Size of the length in bytes. */
  bytes: 1 | 2 | 4 | 8;
  /**
   * Byte order of the length: most significant byte first (`"big"`, network byte order) or last (`"little"`).
   *
   * @default {"big"}
   */
  endian?: "big" | "little";
}

/**
 * Messages with a binary length before the payload: an unsigned integer of 1, 2, 4 or 8 bytes, which counts the payload
 * only.
 *
 *     push  00 03 48 65           push  79                      2 bytes, big endian
 *     gives nothing               gives "Hey"
 *
 * @param options The length's size and byte order, and the limit.
 * @returns The framing. A length over the limit is refused before any of the payload is buffered.
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
  readonly #header: Uint8Array;
  #received = 0;

  constructor(size: number, endian: "big" | "little", limit: number) {
    this.size = size;
    this.#header = new Uint8Array(size);
    this.#endian = endian;
    this.#limit = limit;
  }

  get bytes(): Uint8Array {
    return this.#header.subarray(0, this.#received);
  }

  begin(): number {
    this.#received = 0;
    return -1;
  }

  push(byte: number): number {
    this.#header[this.#received++] = byte;
    if (this.#received < this.size) return -1;
    const length = this.#length(this.#endian);
    if (length > this.#limit) {
      const reversed = this.#length(this.#endian === "big" ? "little" : "big");
      const swapped = reversed <= this.#limit && protocolOf(this.#header) === undefined;
      if (swapped) checkLength(length, this.#limit, ` (${reversed} in the other byte order)`);
      throw new MessageTooLongError(this.#limit, length, "", looksLikeOrText(this.#header));
    }
    return length;
  }

  #length(endian: "big" | "little"): number {
    let length = 0;
    for (let at = 0; at < this.size; at++) {
      length = length * 256 + this.#header[endian === "big" ? at : this.size - 1 - at]!;
    }
    return length;
  }
}
