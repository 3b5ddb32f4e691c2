import { HeaderDecoder } from "./_header_decoder.ts";
import type { Framing } from "./framing.ts";

/**
 * Messages of exactly `length` bytes, without header or delimiter.
 *
 *     push  48 65 79 59 6f        push  75
 *     gives "Hey"                 gives "You"
 *
 * @param length The length of every message in bytes: an integer of 1 or more.
 * @returns The framing; `encode` throws a `RangeError` for a message of any other length.
 * @throws {RangeError} If `length` is out of range.
 *
 * @example Three bytes each
 * ```ts
 * import { fixed } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = fixed(3).decoder();
 * assertEquals(decoder.push(Uint8Array.of(1, 2, 3, 4)), [Uint8Array.of(1, 2, 3)]);
 * ```
 */
export function fixed(length: number): Framing<Uint8Array, Uint8Array> {
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new RangeError(`Cannot frame messages of ${length} bytes: expected an integer of 1 or more`);
  }
  return {
    encode(message) {
      if (message.length !== length) {
        throw new RangeError(`Cannot encode the message: expected ${length} bytes, got ${message.length}`);
      }
      return new Uint8Array(message);
    },
    decoder: () => new HeaderDecoder({ size: 0, begin: () => length, push: () => length }, (body) => body),
  };
}
