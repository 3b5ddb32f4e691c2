import { byteFraming } from "./_byte_framing.ts";
import { writeDigits } from "./_digits.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder } from "./_frame_decoder.ts";
import { COLON, COMMA, NetstringReader } from "./_frame_readers.ts";
import { allocate } from "./_slab.ts";
import { checkLength } from "./_options.ts";
import type { Framing, FramingOptions } from "./framing.ts";
import { netstringLayout } from "./layout.ts";

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
  const layout = netstringLayout(options);
  const limit = layout.maxLength;
  function encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    checkLength(message.length, limit);
    const header = headerLength(message.length);
    const bytes = allocate(header + message.length + 1);
    complete(bytes, header);
    bytes.set(message, header);
    return bytes;
  }
  return byteFraming({
    layout,
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
    decoderTo: (convert) => new FrameDecoder(new NetstringReader(layout), convert),
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
