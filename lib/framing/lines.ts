import { delimitedBy, type DelimitedOptions } from "./delimited.ts";
import type { Framing } from "./framing.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Lines as bytes: written with `\n`, read with `\n` or `\r\n`. A carriage return elsewhere is part of its line.
 * Neither counts towards the limit, wherever the input is cut.
 *
 *     push  48 65 79 0d           push  0a 59 6f 75 0a
 *     gives nothing               gives "Hey" and "You"
 *
 * @param options The limit, and what a last line without its newline is.
 * @returns The framing; `encode` refuses a line with a newline in it, or with a carriage return at its end.
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
  return delimitedBy(Uint8Array.of(LINE_FEED), CARRIAGE_RETURN, options);
}
