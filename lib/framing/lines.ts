import { delimitedBy } from "./delimited.ts";
import type { Framing } from "./framing.ts";
import { type DelimitedOptions, linesLayout } from "./layout.ts";

/**
 * Lines of bytes: encoded with `\n`, decoded with `\n` or `\r\n`. A carriage return elsewhere is part of its line. The
 * newline does not count towards the limit, and neither does a carriage return before it.
 *
 *     push  48 65 79 0d           push  0a 59 6f 75 0a
 *     gives nothing               gives "Hey" and "You"
 *
 * @param options The limit, and how to treat a last line without a newline.
 * @returns The framing; `encode` refuses a line that contains a newline or ends in a carriage return.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example Lines of text
 * ```ts
 * import { lines, text } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = text(lines()).decoder();
 * assertEquals(decoder.push(new TextEncoder().encode("Hey\r\nYou\nthe")), ["Hey", "You"]);
 * assertEquals(decoder.end(), ["the"]);
 * ```
 */
export function lines(options: DelimitedOptions = {}): Framing<Uint8Array, Uint8Array> {
  return delimitedBy(linesLayout(options));
}
