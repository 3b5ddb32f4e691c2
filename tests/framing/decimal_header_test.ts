import { assert, assertEquals } from "@std/assert";
import { checkCuts, decimalHeader, MalformedMessageError, MessageTooLongError } from "@wirebench/wirebench/framing";
import { bytes, textOf } from "../harness.ts";

Deno.test("decimalHeader encodes ten bytes, and decodes the lengths that Python's int() accepts", () => {
  assertEquals(textOf(decimalHeader().encode(new Uint8Array(22).fill(0x61))), `22        ${"a".repeat(22)}`);
  for (const header of ["3         ", "         3", "  3       ", "0000000003", "03        "]) {
    assertEquals(checkCuts(decimalHeader(), bytes(`${header}abc`)).messages.map(textOf), ["abc"], header);
  }
  const malformed = [
    "          ",
    "+3        ",
    "-3        ",
    "3a        ",
    "1_0       ",
    "1 0       ",
    "3\t        ",
    "3\n        ",
    "0x3       ",
    "3.0       ",
    "٣        ",
  ];
  for (const header of malformed) {
    const { messages, error } = checkCuts(decimalHeader(), bytes(`${header}abc`));
    assertEquals(messages, [], header);
    assert(error instanceof MalformedMessageError, header);
    assertEquals([error.offset, error.bytes], [0, bytes(header).slice(0, 10)]);
  }
  const { error } = checkCuts(decimalHeader(), bytes("9999999999"));
  assert(error instanceof MessageTooLongError);
  assertEquals(error.length, 9_999_999_999);
});
