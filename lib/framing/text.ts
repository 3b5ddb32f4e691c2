import { protocolOf } from "./_describe.ts";
import { isByteFraming, withConversion } from "./_byte_framing.ts";
import { type Conversion, payloads } from "./_conversion.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { copyOf } from "./_slab.ts";
import { asciiSlice, continuesCharacter, isAscii, isUtf8, utf8Slice } from "./_utf8.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing } from "./framing.ts";

/**
 * Messages as UTF-8 text. No character is replaced or removed, not even a byte order mark.
 *
 * @param framing Any framing of bytes.
 * @returns The framing of strings. A message that is not UTF-8 is malformed; `encode` throws a `TypeError` for a string
 * with half a surrogate pair, which UTF-8 cannot express. A short string keeps at most 512 bytes of its chunk in memory.
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
  const framed = withConversion(framing, toText, { decode: decodeText, encode: encodeText });
  return isByteFraming(framing) ? { ...framed, encode: framing.encodeText } : framed;
}

/** Maximum length of a string that texts may be parts of: what a text of a few characters keeps alive at most. */
const SHARED = 512;

/** Makes text of payloads where they lie. They are checked together, so that each costs little more than its string. */
export const toText: Conversion<string> = (bytes, count, messages) => {
  const first = payloads[0]!;
  const last = payloads[2 * count - 1]!;
  if (isAscii(bytes, first, last)) return asciiToText(bytes, count, messages);
  // Headers and delimiters between the payloads are checked too. If they are not UTF-8, each payload is decoded alone.
  const valid = isUtf8(bytes, first, last);
  for (let at = 0; at < 2 * count; at += 2) {
    const start = payloads[at]!;
    const end = payloads[at + 1]!;
    // A part of valid UTF-8 is valid unless it begins or ends inside a character.
    const whole = valid && !continuesCharacter(bytes[start]!) && (end === last || !continuesCharacter(bytes[end]!));
    messages.push(whole ? utf8Slice(bytes, start, end) : decodeText(bytes.subarray(start, end)));
  }
};

/** Decodes consecutive short payloads as one string, of which each text is a part: a call of the runtime costs 50 ns. */
function asciiToText(bytes: Uint8Array, count: number, messages: string[]): void {
  for (let at = 0; at < 2 * count;) {
    const first = payloads[at]!;
    let next = at + 2;
    while (next < 2 * count && payloads[next + 1]! - first <= SHARED) next += 2;
    const shared = asciiSlice(bytes, first, payloads[next - 1]!);
    for (; at < next; at += 2) messages.push(shared.slice(payloads[at]! - first, payloads[at + 1]! - first));
  }
}

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
  if (isUtf8(bytes)) return utf8Slice(bytes, 0, bytes.length);
  const offset = validLength(bytes);
  throw new MalformedMessageError("UTF-8 text", offset, copyOf(bytes, offset, bytes.length), protocolOf(bytes) ?? "");
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
  return encodeUtf8(value, 0, 0);
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
