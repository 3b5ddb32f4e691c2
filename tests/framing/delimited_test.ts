import { assertThrows } from "@std/assert";
import { delimited, lines, MalformedMessageError } from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

Deno.test("lines and delimited refuse to encode a message that would decode differently", () => {
  assertThrows(() => lines().encode(bytes("a\nb")), MalformedMessageError, "at byte 1");
  assertThrows(() => lines().encode(bytes("a\r")), MalformedMessageError, "at byte 1");
  assertThrows(() => delimited("\r\n").encode(bytes("a\r\nb")), MalformedMessageError, "at byte 1");
  // A decoder would find the delimiter one byte early: the last byte of the message and its own first byte.
  assertThrows(() => delimited("aa").encode(bytes("xa")), MalformedMessageError, "at byte 1");
});
