import { type ByteFraming, byteFraming } from "./_byte_framing.ts";
import { DelimitedDecoder, DelimiterSearch } from "./_delimited_decoder.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { beginSearch, findByte } from "./_find_byte.ts";
import { checkLength } from "./_options.ts";
import { allocate } from "./_slab.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing } from "./framing.ts";
import { type DelimitedLayout, delimitedLayout, type DelimitedOptions } from "./layout.ts";

export type { DelimitedOptions };

/**
 * Messages that end in a delimiter, which is not part of them. The delimiter may be split over several chunks.
 *
 *     push  48 65 79 0d           push  0a 59 6f 75 0d 0a       delimiter 0d 0a
 *     gives nothing               gives "Hey" and "You"
 *
 * @param delimiter The bytes that end each message, or their UTF-8 text; at least one byte.
 * @param options The limit, and how to treat an unterminated last message.
 * @returns The framing; `encode` refuses a message if a decoder would find the delimiter too early.
 * @throws {TypeError} If the delimiter is empty.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example Records that end in a zero byte
 * ```ts
 * import { delimited } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = delimited("\0").decoder();
 * assertEquals(decoder.push(Uint8Array.of(1, 2, 0, 3)), [Uint8Array.of(1, 2)]);
 * assertEquals(decoder.end(), [Uint8Array.of(3)]);
 * ```
 */
export function delimited(
  delimiter: string | Uint8Array,
  options: DelimitedOptions = {},
): Framing<Uint8Array, Uint8Array> {
  return delimitedBy(delimitedLayout(delimiter, options));
}

/** Implements `delimited` and `lines`. */
export function delimitedBy(layout: DelimitedLayout): ByteFraming {
  const { optional, maxLength: limit } = layout;
  const delimiter = Uint8Array.from(layout.delimiter);
  const search = new WindowSearch(layout);
  /** Writes the delimiter after a message, and checks that a decoder would find it there. */
  function terminate(bytes: Uint8Array): void {
    const length = bytes.length - delimiter.length;
    checkLength(length, limit);
    bytes.set(delimiter, length);
    search.begin();
    const end = search.find(bytes, 0);
    if (end !== bytes.length) {
      const offset = end - delimiter.length;
      throw new MalformedMessageError("a message without the delimiter", offset, bytes.subarray(offset, end));
    }
    if (optional !== undefined && bytes[length - 1] === optional) {
      const expected = "a message that does not end in part of the delimiter";
      throw new MalformedMessageError(expected, length - 1, bytes.subarray(length - 1, length));
    }
  }
  return byteFraming({
    layout,
    encode(message) {
      checkLength(message.length, limit);
      const bytes = allocate(message.length + delimiter.length);
      bytes.set(message);
      terminate(bytes);
      return bytes;
    },
    encodeText(text) {
      const bytes = encodeUtf8(text, 0, delimiter.length);
      terminate(bytes);
      return bytes;
    },
    decoderTo: (convert) => new DelimitedDecoder(layout, new WindowSearch(layout), convert),
  });
}

/** Searches chunks as strings, which is faster. */
class WindowSearch extends DelimiterSearch {
  override begin(): void {
    beginSearch();
  }

  protected override findByte(chunk: Uint8Array, byte: number, at: number): number {
    return findByte(chunk, byte, at);
  }
}
