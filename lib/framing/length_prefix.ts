import { looksLikeOrText, protocolOf } from "./_describe.ts";
import { byteFraming } from "./_byte_framing.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { FrameDecoder, type FrameReader } from "./_frame_decoder.ts";
import { allocate, copyOf } from "./_slab.ts";
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
  endian?: "big" | "little" | undefined;
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
  return byteFraming({
    encode(message) {
      checkLength(message.length, limit);
      const bytes = allocate(size + message.length);
      writeLength(bytes, size, endian);
      bytes.set(message, size);
      return bytes;
    },
    encodeText(text) {
      const bytes = encodeUtf8(text, size, 0);
      checkLength(bytes.length - size, limit);
      writeLength(bytes, size, endian);
      return bytes;
    },
    decoderTo: (convert) => new FrameDecoder(new LengthReader(size, endian, limit), convert),
  });
}

function writeLength(bytes: Uint8Array, size: number, endian: "big" | "little"): void {
  let rest = bytes.length - size;
  for (let at = 0; at < size; at++) {
    bytes[endian === "little" ? at : size - 1 - at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

class LengthReader implements FrameReader {
  readonly #size: number;
  readonly #endian: "big" | "little";
  readonly #limit: number;
  start = 0;
  end = 0;

  constructor(size: number, endian: "big" | "little", limit: number) {
    this.#size = size;
    this.#endian = endian;
    this.#limit = limit;
  }

  read(bytes: Uint8Array, at: number, length: number): number {
    const payload = at + this.#size;
    this.start = -1;
    if (payload > length) return length - payload;
    const size = readLength(bytes, at, this.#size, this.#endian);
    if (size > this.#limit) this.#refuse(copyOf(bytes, at, payload), size);
    this.start = payload;
    this.end = payload + size;
    return this.end <= length ? this.end : length - this.end;
  }

  #refuse(header: Uint8Array, length: number): never {
    const reversed = readLength(header, 0, this.#size, this.#endian === "big" ? "little" : "big");
    const swapped = reversed <= this.#limit && protocolOf(header) === undefined;
    if (swapped) checkLength(length, this.#limit, ` (${reversed} in the other byte order)`);
    throw new MessageTooLongError(this.#limit, length, "", looksLikeOrText(header));
  }
}

function readLength(bytes: Uint8Array, at: number, size: number, endian: "big" | "little"): number {
  let length = 0;
  if (endian === "big") {
    for (let next = at; next < at + size; next++) length = length * 256 + bytes[next]!;
  } else {
    for (let next = at + size - 1; next >= at; next--) length = length * 256 + bytes[next]!;
  }
  return length;
}
