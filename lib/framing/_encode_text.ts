import { slabFor } from "./_slab.ts";

const encoder = new TextEncoder();

/** Maximum number of bytes of a UTF-16 code unit in UTF-8. */
const LONGEST_UNIT = 3;
/** Up to this many characters of ASCII a loop is faster than the encoder. */
const SHORT = 48;

/**
 * Encodes text as UTF-8 strictly, with room for a header and a trailer around it.
 *
 * @param header Length of the header in bytes.
 * @param trailer Length of the trailer in bytes.
 * @returns Zeros for the header, the text, zeros for the trailer.
 * @throws {TypeError} If the text has half a surrogate pair, which UTF-8 cannot express.
 */
export function encodeUtf8(text: string, header: number, trailer: number): Uint8Array<ArrayBuffer> {
  const most = header + LONGEST_UNIT * text.length + trailer;
  const slab = slabFor(most);
  slab?.reserve(most);
  if (slab !== undefined && text.length <= SHORT && writeAscii(text, slab.bytes, slab.used + header)) {
    return slab.take(header + text.length + trailer);
  }
  if (!text.isWellFormed()) {
    throw new TypeError("Cannot encode the text: it has half a surrogate pair, which UTF-8 cannot express");
  }
  if (slab === undefined) return encoder.encode("\0".repeat(header) + text + "\0".repeat(trailer));
  const { written } = encoder.encodeInto(text, slab.bytes.subarray(slab.used + header));
  return slab.take(header + written + trailer);
}

/** Writes text if it is ASCII; returns whether it is. */
function writeAscii(text: string, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) {
      bytes.fill(0, start, start + at);
      return false;
    }
    bytes[start + at] = code;
  }
  return true;
}
