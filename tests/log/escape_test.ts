import { assertEquals } from "@std/assert";
import { escapeBytes, escapeText, quoteText } from "@wirebench/wirebench/log";
import { bytes } from "../harness.ts";

Deno.test("quoteText() escapes quotes and backslashes", () => {
  assertEquals(quoteText('bob" left'), '"bob\\" left"');
  assertEquals(quoteText('bob\\" left'), '"bob\\\\\\" left"');
});

Deno.test("escapeText() and escapeBytes() keep the characters that they are given", () => {
  assertEquals(escapeText("a\tb\nc\x07", "\n\t"), "a\tb\nc\\x07");
  assertEquals(escapeBytes(bytes("a\tb\n"), "\t"), "a\tb\\n");
});
