import { byteFraming } from "./_byte_framing.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder } from "./_frame_decoder.ts";
import { LengthReader } from "./_frame_readers.ts";
import { checkLength } from "./_options.ts";
import { allocate } from "./_slab.ts";
import type { Framing } from "./framing.ts";
import { type LengthFieldOptions, type LengthLayout, lengthLayout } from "./layout.ts";

export type { LengthFieldOptions };

/**
 * Messages with a binary length somewhere in a header. Each message is its frame without the first `strip` bytes.
 *
 *     push  00 00 02 07 48        push  65          3 bytes, and one that the length does not count: adjustment 1
 *     gives nothing               gives 07 48 65
 *
 * @param options Where the length is, how it is encoded and what it counts, and the limit.
 * @returns The framing. A length over the limit is refused before any of the bytes after it is buffered. `encode` writes the
 * length, and zeros for the other bytes stripped; if the length is not stripped it must be right. It throws a `RangeError`
 * for a message that the length cannot describe.
 * @throws {RangeError} If an option is out of range.
 *
 * @example Packets of MySQL: a length of three bytes, and a sequence number that it does not count
 * ```ts
 * import { checkFraming, lengthField } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const packets = lengthField({ bytes: 3, endian: "little", adjustment: 1 });
 * const ping = Uint8Array.of(0, 0x0e); // The sequence number, and COM_PING.
 * assertEquals(packets.encode(ping), Uint8Array.of(1, 0, 0, 0, 0x0e));
 * checkFraming(packets, [ping]);
 * ```
 *
 * @example Packets of MQTT: a type, a length as varint; whole, since the type is before the length
 * ```ts
 * import { checkFraming, lengthField } from "@wirebench/wirebench/framing";
 *
 * const packets = lengthField({ bytes: "varint", offset: 1, strip: 0 });
 * checkFraming(packets, [Uint8Array.of(0xc0, 0), Uint8Array.of(0x40, 2, 0, 1)]); // PINGREQ, PUBACK
 * ```
 */
export function lengthField(options: LengthFieldOptions): Framing<Uint8Array, Uint8Array> {
  const layout = lengthLayout(options);
  const reader = new LengthReader(layout);
  const { strip } = layout;
  const stripped = (length: number) => strip ?? layout.offset + varintSize(length - layout.adjustment);
  function encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    const start = stripped(message.length);
    const bytes = allocate(start + message.length);
    bytes.set(message, start);
    return complete(bytes, start, layout, reader);
  }
  return byteFraming({
    layout,
    encode,
    encodeText(text) {
      const start = stripped(text.length);
      const bytes = encodeUtf8(text, start, 0);
      // The bytes of the text may be so many more than its characters that a varint of their number is longer.
      if (stripped(bytes.length - start) > start) return encode(bytes.subarray(start));
      return complete(bytes, start, layout, reader);
    },
    decoderTo: (convert) => new FrameDecoder(new LengthReader(layout), convert),
  });
}

/** Completes a frame of which `start` bytes are to be stripped: writes the length, or checks it if it is not stripped. */
function complete(
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  layout: LengthLayout,
  reader: LengthReader,
): Uint8Array<ArrayBuffer> {
  const { bytes: size, offset, adjustment, endian, maxLength } = layout;
  if (start <= offset) {
    const end = reader.read(bytes, 0, bytes.length, 0);
    if (end === bytes.length) return bytes;
    const length = end < 0 ? bytes.length - end : end;
    throw new RangeError(
      `Cannot encode the message: its length is for ${length - start} bytes, got ${bytes.length - start}`,
    );
  }
  const header = size === "varint" ? start : offset + size;
  const length = bytes.length - header;
  checkLength(length, maxLength);
  if (length < reader.least) {
    throw new RangeError(
      `Cannot encode the message: expected at least ${reader.least - start + header} bytes, got ${
        bytes.length - start
      }`,
    );
  }
  let rest = length - adjustment;
  for (let at = offset; at < header; at++) {
    if (size === "varint") bytes[at] = rest % 128 + (at < header - 1 ? 128 : 0);
    else bytes[endian === "little" ? at : header - 1 - at + offset] = rest % 256;
    rest = Math.floor(rest / (size === "varint" ? 128 : 256));
  }
  return bytes;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest /= 128) size++;
  return size;
}
