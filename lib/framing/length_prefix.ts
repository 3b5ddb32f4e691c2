import type { Framing, FramingOptions } from "./framing.ts";
import { lengthField } from "./length_field.ts";

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
  const { bytes, endian, maxLength } = options;
  if (![1, 2, 4, 8].includes(bytes)) {
    throw new RangeError(`Cannot use a length of ${bytes} bytes: expected 1, 2, 4 or 8`);
  }
  return lengthField({ bytes, endian, maxLength });
}
