import { byteFraming } from "./_byte_framing.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder } from "./_frame_decoder.ts";
import { FixedReader } from "./_frame_readers.ts";
import { allocate } from "./_slab.ts";
import type { Framing } from "./framing.ts";
import { fixedLayout } from "./layout.ts";

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
  const layout = fixedLayout(length);
  function check(received: number): void {
    if (received === length) return;
    throw new RangeError(`Cannot encode the message: expected ${length} bytes, got ${received}`);
  }
  return byteFraming({
    layout,
    encode(message) {
      check(message.length);
      const bytes = allocate(length);
      bytes.set(message);
      return bytes;
    },
    encodeText(text) {
      const bytes = encodeUtf8(text, 0, 0);
      check(bytes.length);
      return bytes;
    },
    decoderTo: (convert) => new FrameDecoder(new FixedReader(layout), convert),
  });
}
