import { protocolOf } from "./_describe.ts";
import { withCodec } from "./codec.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing } from "./framing.ts";

/**
 * Messages as text: UTF-8, exactly. Nothing is replaced or dropped in silence, not even a byte order mark.
 *
 * @param framing Any framing of bytes.
 * @returns A framing of strings. Bytes that are not UTF-8 are malformed; `encode` throws a `TypeError` for a
 * string with half a surrogate pair, which UTF-8 cannot express.
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

/** UTF-8 to text, or a {@linkcode MalformedMessageError} that says where it stops being UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    const offset = validLength(bytes);
    throw new MalformedMessageError("UTF-8 text", offset, bytes.subarray(offset), protocolOf(bytes) ?? "");
  }
}

/** Text to UTF-8, or a `TypeError` for what UTF-8 cannot express. */
export function encodeText(value: string): Uint8Array<ArrayBuffer> {
  if (!value.isWellFormed()) {
    throw new TypeError("Cannot encode the text: it has half a surrogate pair, which UTF-8 cannot express");
  }
  return encoder.encode(value);
}

/** The length of the longest prefix that could begin valid UTF-8, found by halving. */
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
