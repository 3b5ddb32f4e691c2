import { byteFraming } from "./_byte_framing.ts";
import { payloads } from "./_conversion.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder } from "./_frame_decoder.ts";
import { TypeReader } from "./_frame_readers.ts";
import { decimalHeader } from "./decimal_header.ts";
import { delimitedBy } from "./delimited.ts";
import { fixed } from "./fixed.ts";
import type { Framing, FramingOptions } from "./framing.ts";
import type { FrameLayout, TaggedLayout } from "./layout.ts";
import { FRAMING_NAMES, layoutOf } from "./layout_of.ts";
import { lengthField } from "./length_field.ts";
import { netstring } from "./netstring.ts";
import { tagged } from "./tagged.ts";

export { FRAMING_NAMES };

/** A framing with the name that {@linkcode parseFraming} accepts. */
export interface NamedFraming extends Framing<Uint8Array, Uint8Array> {
  /** The name, such as `header` or `fixed:24`. */
  readonly name: string;
  /** Where the parts of each message are. */
  readonly layout: FrameLayout;
}

/**
 * Parses the name of a framing, as a command line or a recording has it.
 *
 * - `header`, `lines`, `netstring`;
 * - `length1`, `length2`, `length4`, `length8`, with `le` for the least significant byte first: `length4le`;
 * - `field:bytes=3,endian=little,adjustment=1`: the options of {@linkcode lengthField};
 * - `fixed:LENGTH`;
 * - `tagged:TYPE=LENGTH,...`: a message is the type's byte and the body;
 * - `delimited:TEXT`.
 *
 * In TYPE and TEXT `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` stand for a byte.
 *
 * @param name The name.
 * @param options The limit, for framings that have one.
 * @returns The framing.
 * @throws {TypeError} If there is no such framing.
 * @throws {RangeError} If a number is out of range.
 *
 * @example
 * ```ts
 * import { parseFraming } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = parseFraming("delimited:\\r\\n");
 * assertEquals(framing.encode(Uint8Array.of(7)), Uint8Array.of(7, 0x0d, 0x0a));
 * ```
 */
export function parseFraming(name: string, options: FramingOptions = {}): NamedFraming {
  const layout = layoutOf(name, options);
  return { ...framingOf(layout), name, layout };
}

function framingOf(layout: FrameLayout): Framing<Uint8Array, Uint8Array> {
  switch (layout.kind) {
    case "decimal":
      return decimalHeader(layout);
    case "length":
      return lengthField(layout);
    case "netstring":
      return netstring(layout);
    case "fixed":
      return fixed(layout.length);
    case "tagged":
      return taggedBytes(layout);
    case "delimited":
      return delimitedBy(layout);
  }
}

/** The framing of `tagged`, of bytes: each message is its type and its body. */
function taggedBytes(layout: TaggedLayout): Framing<Uint8Array, Uint8Array> {
  const framing = tagged(layout.lengths);
  const encode = (message: Uint8Array) =>
    framing.encode({ type: String.fromCharCode(...message.subarray(0, 1)), body: message.subarray(1) });
  return byteFraming({
    layout,
    encode,
    encodeText: (text) => encode(encodeUtf8(text, 0, 0)),
    decoderTo: (convert) =>
      new FrameDecoder(new TypeReader(layout), (bytes, count, messages, owned) => {
        for (let at = 0; at < 2 * count; at += 2) payloads[at]!--;
        convert(bytes, count, messages, owned);
      }),
  });
}
