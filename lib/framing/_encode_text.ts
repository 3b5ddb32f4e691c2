import { slab, SMALL } from "./_slab.ts";

const encoder = new TextEncoder();

/** Maximum number of bytes of a UTF-16 code unit in UTF-8. */
const LONGEST_UNIT = 3;

/**
 * Encodes text as UTF-8 strictly, with room for a header and a trailer around it.
 *
 * @param header Length of the header in bytes.
 * @param trailer Length of the trailer in bytes.
 * @returns Zeros for the header, the text, zeros for the trailer.
 * @throws {TypeError} If the text has half a surrogate pair, which UTF-8 cannot express.
 */
export function encodeUtf8(text: string, header: number, trailer: number): Uint8Array<ArrayBuffer> {
  if (!text.isWellFormed()) {
    throw new TypeError("Cannot encode the text: it has half a surrogate pair, which UTF-8 cannot express");
  }
  const most = header + LONGEST_UNIT * text.length + trailer;
  if (most >= SMALL) return encoder.encode("\0".repeat(header) + text + "\0".repeat(trailer));
  slab.reserve(most);
  const { written } = encoder.encodeInto(text, slab.bytes.subarray(slab.used + header));
  return slab.take(header + written + trailer);
}
