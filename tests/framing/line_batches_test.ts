import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FramingError, lineBatches, lines, text } from "@wirebench/wirebench/framing";
import { forward, LIMIT, offsets, perhapsDamaged, splitAt } from "./batches.ts";
import { bytes, textOf } from "../harness.ts";

/** Random lines: mostly ordinary characters, some newlines, few of the characters that need special treatment. */
const lineBytes = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("a", "bcd", "Zoë", "€", "😀") },
    { weight: 8, arbitrary: fc.constant("\n") },
    { weight: 3, arbitrary: fc.constantFrom("\r\n", "\r", "\r\r\n", "\n\n") },
    { weight: 1, arbitrary: fc.constant("x".repeat(LIMIT)) },
  ),
  { maxLength: 40 },
).map((strings) => bytes(strings.join("")));

Deno.test("lineBatches() forwards the same bytes and error as lines of text, however the stream is split", () => {
  const batches = lineBatches({ maxLength: LIMIT });
  const reference = text(lines({ maxLength: LIMIT }));
  fc.assert(
    fc.property(perhapsDamaged(lineBytes), offsets, (stream, offsets) => {
      const expected = forward(reference, [stream], (line) => bytes(`${line}\n`));
      assertEquals(forward(batches, splitAt(stream, offsets), (batch) => batch), expected);
    }),
    { numRuns: 3000, seed: 7 },
  );
});

Deno.test("lineBatches() forwards whole lines in one chunk without a copy", () => {
  const chunk = bytes("one\ntwo\n");
  const [batch] = lineBatches().decoder().push(chunk);
  assert(batch!.buffer === chunk.buffer);
});

Deno.test("lineBatches() refuses to encode a batch that would decode differently", () => {
  for (const wrong of ["no newline", "one\ntwo"]) {
    assertThrows(() => lineBatches().encode(bytes(wrong)), FramingError, "lines that end in a newline");
  }
  assertThrows(() => lineBatches().encode(Uint8Array.of(0xff, 0x0a)), FramingError, "UTF-8");
  assertEquals(textOf(lineBatches().encode(bytes("one\n"))), "one\n");
});
