import { type ByteFraming, byteFraming } from "./_byte_framing.ts";
import { writeDigits } from "./_digits.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder } from "./_frame_decoder.ts";
import { DecimalReader, SPACE } from "./_frame_readers.ts";
import { allocate } from "./_slab.ts";
import { checkLength } from "./_options.ts";
import type { Framing, FramingOptions } from "./framing.ts";
import { decimalLayout, HEADER_LENGTH } from "./layout.ts";

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
  const layout = decimalLayout(options);
  const limit = layout.maxLength;
  return byteFraming({
    layout,
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
    decoderTo: (convert) => new FrameDecoder(new DecimalReader(layout), convert),
  });
}

function writeHeader(bytes: Uint8Array): void {
  const end = writeDigits(bytes, 0, bytes.length - HEADER_LENGTH);
  bytes.fill(SPACE, end, HEADER_LENGTH);
}
