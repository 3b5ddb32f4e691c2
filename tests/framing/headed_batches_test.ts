import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decimalHeader, FramingError, type HeadedBatch, headedBatches, text } from "@wirebench/wirebench/framing";
import { forward, LIMIT, offsets, perhapsDamaged, splitAt } from "./batches.ts";
import { bytes, textOf } from "../harness.ts";

const headedBytes = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("", "a", "bcd", "Zoë", "x".repeat(LIMIT)).map(headed) },
    { weight: 2, arbitrary: fc.constantFrom("  3       abc", "003       abc", "00        ", "0         ") },
    { weight: 1, arbitrary: fc.constantFrom("4         abc", "21        ", "x", "1 2       ab", "          ") },
  ),
  { maxLength: 12 },
).map((strings) => bytes(strings.join("")));

function headed(payload: string): string {
  return String(bytes(payload).length).padEnd(10) + payload;
}

Deno.test("headedBatches() forwards the same bytes and error as text with decimal headers, however it is split", () => {
  const batches = headedBatches({ maxLength: LIMIT });
  const framing = text(decimalHeader({ maxLength: LIMIT }));
  fc.assert(
    fc.property(perhapsDamaged(headedBytes), offsets, (stream, offsets) => {
      const expected = forward(framing, [stream], (message) => framing.encode(message));
      assertEquals(forward(batches, splitAt(stream, offsets), ({ bytes }) => bytes), expected);
    }),
    { numRuns: 3000, seed: 7 },
  );
});

Deno.test("headedBatches() gives the offset of the end of each message", () => {
  const decoder = headedBatches().decoder();
  const batches = decoder.push(
    bytes(["Hey", "", "you"].map(headed).join("") + "  2       hi" + headed("late").slice(0, -1)),
  );
  const messages = (batch: HeadedBatch) =>
    batch.ends.map((end, at) => textOf(batch.bytes.subarray(batch.ends[at - 1] ?? 0, end)));
  assertEquals(batches.flatMap(messages), ["Hey", "", "you", "hi"].map(headed));
  assert(decoder.pending);
  assertEquals(decoder.push(bytes("e")).flatMap(messages), [headed("late")]);
  assert(!decoder.pending);
});

Deno.test("headedBatches() refuses to encode a message over the limit", () => {
  const batch = { bytes: bytes(headed("x".repeat(5))), ends: [15] };
  assertThrows(() => headedBatches({ maxLength: 4 }).encode(batch), FramingError, "at most 4 bytes");
  assertEquals(headedBatches().encode(batch), batch.bytes);
});
