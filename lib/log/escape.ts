/**
 * What must not reach a terminal or a log as it is: control characters, line and paragraph separators, invisible
 * format characters (those that turn the direction of writing among them), halves of surrogate pairs. The two
 * joiners that emoji and several scripts need (U+200C, U+200D) stay.
 */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Makes text from a stranger safe to show on one line: nothing in it can move a cursor, start a line or hide.
 *
 * @param text Any text.
 * @param keep Characters left as they are although they would be escaped.
 * @returns The text with `\n`, `\xNN` or `\u{N}` in place of each unsafe character.
 *
 * @example A message that would clear the screen
 * ```ts
 * import { escapeText } from "@wirebench/wirebench/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(escapeText("\x1b[2J\nHey"), "\\x1b[2J\\nHey");
 * ```
 */
export function escapeText(text: string, keep: string = ""): string {
  return text.replace(UNSAFE, (character) => keep.includes(character) ? character : escapeCharacter(character));
}

/**
 * Puts text from a stranger in quotes, where it stands inside a sentence and could pass for part of it.
 *
 * @param text Any text.
 * @returns The text on one line, escaped as by {@linkcode escapeText}, its own quotes too.
 *
 * @example A name that would read as something else
 * ```ts
 * import { quoteText } from "@wirebench/wirebench/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(quoteText('bob" left, "eve'), '"bob\\" left, \\"eve"');
 * ```
 */
export function quoteText(text: string): string {
  return `"${escapeText(text.replace(/["\\]/g, "\\$&"))}"`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  return SHORT[character] ?? (code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Shows bytes from a stranger as text: UTF-8 where they are UTF-8, `\xNN` for each byte above ASCII where they
 * are not, escaped as by {@linkcode escapeText}.
 *
 * @param bytes Any bytes.
 * @param keep Characters left as they are although they would be escaped.
 * @returns One line of text.
 *
 * @example Bytes that are not UTF-8
 * ```ts
 * import { escapeBytes } from "@wirebench/wirebench/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(escapeBytes(Uint8Array.of(0x48, 0xff, 0x0a)), "H\\xff\\n");
 * ```
 */
export function escapeBytes(bytes: Uint8Array, keep: string = ""): string {
  return escapeText(decodeBytes(bytes), keep);
}

/** Decodes UTF-8; of bytes that are not UTF-8, decodes ASCII and writes the others as `\xNN`. Escapes nothing. */
export function decodeBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let text = "";
    for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`;
    return text;
  }
}
