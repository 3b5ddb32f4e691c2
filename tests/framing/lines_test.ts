import { assert, assertEquals } from "@std/assert";
import { checkCuts, lines, MessageTooLongError, TruncatedMessageError } from "@wirebench/wirebench/framing";
import { bytes, textOf } from "../harness.ts";

Deno.test("lines counts neither newline towards the limit, and keeps other carriage returns", () => {
  const { messages, error } = checkCuts(lines({ maxLength: 3 }), bytes("abc\r\nabc\na\rb\n\r\n\r\r\nabc\r"));
  assertEquals(messages.map(textOf), ["abc", "abc", "a\rb", "", "\r"]);
  assert(error instanceof MessageTooLongError, "a carriage return at the end of the stream does not end a line");
});

Deno.test("lines can treat an unterminated last line as an error", () => {
  const { messages, error } = checkCuts(lines({ unterminated: "error" }), bytes("whole\nhalf"));
  assertEquals(messages.map(textOf), ["whole"]);
  assert(error instanceof TruncatedMessageError);
});
