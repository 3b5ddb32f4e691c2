import { protocolOf } from "./_describe.ts";
import { withCodec } from "./codec.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing } from "./framing.ts";

/**
 * Messages as UTF-8 text. No character is replaced or removed, not even a byte order mark.
 *
 * @param framing Any framing of bytes.
 * @returns The framing of strings. A message that is not UTF-8 is malformed; `encode` throws a `TypeError` for a string
 * with half a surrogate pair, which UTF-8 cannot express.
 *
 * @example Text under a decimal header
 * ```ts
 * import { decimalHeader, text } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = text(decimalHeader());
 * assertEquals(framing.decoder().push(framing.encode("Zoë")), ["Zoë"]);
 * ```
 */
export function text(framing: Framing<Uint8Array, Uint8Array>): Framing<string, string> {
  return withCodec(framing, { decode: decodeText, encode: encodeText });
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Decodes UTF-8 strictly: no character is replaced or removed.
 *
 * @param bytes The UTF-8 text.
 * @returns The text.
 * @throws {MalformedMessageError} If the bytes are not UTF-8; its `offset` is where they stop being UTF-8.
 *
 * @example
 * ```ts
 * import { decodeText } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodeText(Uint8Array.of(0x5a, 0x6f, 0xc3, 0xab)), "Zoë");
 * ```
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    const offset = validLength(bytes);
    throw new MalformedMessageError("UTF-8 text", offset, bytes.subarray(offset), protocolOf(bytes) ?? "");
  }
}

/**
 * Encodes text as UTF-8 strictly: no character is replaced.
 *
 * @param value The text.
 * @returns Its UTF-8 bytes.
 * @throws {TypeError} If the text has half a surrogate pair, which UTF-8 cannot express.
 *
 * @example
 * ```ts
 * import { encodeText } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeText("Zoë"), Uint8Array.of(0x5a, 0x6f, 0xc3, 0xab));
 * ```
 */
export function encodeText(value: string): Uint8Array<ArrayBuffer> {
  if (!value.isWellFormed()) {
    throw new TypeError("Cannot encode the text: it has half a surrogate pair, which UTF-8 cannot express");
  }
  return encoder.encode(value);
}

/** Finds by bisection the length of the longest prefix that valid UTF-8 can start with. */
function validLength(bytes: Uint8Array): number {
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      valid = middle;
    } catch {
      invalid = middle;
    }
  }
  return Math.min(valid, bytes.length - 1);
}
