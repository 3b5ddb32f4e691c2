import { assertEquals, assertThrows } from "@std/assert";
import { checkCuts, checkFraming, tagged, type TaggedMessage } from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

Deno.test("tagged decodes the same messages however the stream is split, and wherever it ends", () => {
  const framing = tagged({ A: 4, B: 16, C: 300, Z: 0 });
  const messages: TaggedMessage<"A" | "B" | "C" | "Z">[] = [
    { type: "Z", body: bytes("") },
    { type: "A", body: bytes("four") },
    { type: "B", body: bytes("sixteen bytes...") },
    { type: "C", body: new Uint8Array(300).fill(7) },
  ];
  for (const message of messages) checkFraming(framing, [message]);
  checkFraming(framing, messages.slice(0, 3));
  const { messages: [first], error } = checkCuts(framing, bytes("AfourXfive"));
  assertEquals(first, messages[1]);
  assertEquals(error?.message, 'Malformed message at byte 5: expected one of the types A, B, C, Z, got "X"');
  assertThrows(() => framing.encode({ type: "A", body: bytes("five!") }), RangeError, "expected 4 bytes, got 5");
  assertThrows(
    () => framing.encode({ type: "toString" as "A", body: bytes("") }),
    RangeError,
    "expected one of A, B, C, Z",
  );
});
