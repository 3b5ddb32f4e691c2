/**
 * Characters that must not reach a terminal or a log unescaped: control characters, line and paragraph separators,
 * invisible format characters (also those that change the direction of writing), lone surrogates. The two joiners that
 * emoji and several scripts need (U+200C, U+200D) stay.
 */
const UNSAFE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Escapes untrusted text for display on one line. Nothing in the result moves a cursor, starts a line or is invisible.
 *
 * @param text Any text.
 * @param keep Characters to leave unescaped.
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
 * Quotes untrusted text, so that it cannot pass for part of the sentence around it.
 *
 * @param text Any text.
 * @returns The text on one line in quotes, escaped as by {@linkcode escapeText}. Quotes inside are escaped too.
 *
 * @example A misleading name
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
 * Escapes untrusted bytes for display on one line: decodes them as UTF-8, or writes each byte above ASCII as `\xNN` if
 * they are not UTF-8, and escapes the text as {@linkcode escapeText} does.
 *
 * @param bytes Any bytes.
 * @param keep Characters to leave unescaped.
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

/** Decodes UTF-8, or ASCII with every other byte as `\xNN` if the bytes are not UTF-8. Escapes nothing. */
export function decodeBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let text = "";
    for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`;
    return text;
  }
}
