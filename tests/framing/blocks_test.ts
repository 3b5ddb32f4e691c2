import { concat } from "@std/bytes/concat";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decimalHeader,
  type Framing,
  FramingError,
  type HeadedBatch,
  headedBatches,
  lineBatches,
  lines,
  text,
} from "@wirebench/wirebench/framing";
import { includesByte } from "../../lib/framing/_includes_byte.ts";
import { bytes, textOf } from "../harness.ts";

const LIMIT = 20;

/** What a stream comes to: the bytes that are passed on, and the error at its end. */
interface Passed {
  passed: Uint8Array;
  error: string | undefined;
}

/** Pushes pieces into a decoder, each overwritten afterwards as a read buffer is. */
function pass<Block>(
  framing: Framing<Block, never>,
  pieces: Uint8Array[],
  bytesOf: (block: Block) => Uint8Array,
): Passed {
  const decoder = framing.decoder();
  const passed: Uint8Array[] = [];
  try {
    for (const piece of pieces) {
      const chunk = new Uint8Array(piece);
      for (const block of decoder.push(chunk)) passed.push(new Uint8Array(bytesOf(block)));
      chunk.fill(0xff);
    }
    for (const block of decoder.end()) passed.push(new Uint8Array(bytesOf(block)));
    if (decoder.failure !== undefined) throw decoder.failure;
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    return { passed: concat(passed), error: error.message };
  }
  return { passed: concat(passed), error: undefined };
}

/** Cuts a stream at any places. */
function cutAt(stream: Uint8Array, places: number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return cuts.slice(1).map((end, at) => stream.subarray(cuts[at], end));
}

/** Bytes of which lines are made: of all the kinds that make a difference, ordinary ones most of all. */
const lineBytes = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("a", "bcd", "Zoë", "€", "😀") },
    { weight: 8, arbitrary: fc.constant("\n") },
    { weight: 3, arbitrary: fc.constantFrom("\r\n", "\r", "\r\r\n", "\n\n") },
    { weight: 1, arbitrary: fc.constant("x".repeat(LIMIT)) },
  ),
  { maxLength: 40 },
).map((parts) => bytes(parts.join("")));

const headedBytes = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("", "a", "bcd", "Zoë", "x".repeat(LIMIT)).map(headed) },
    { weight: 2, arbitrary: fc.constantFrom("  3       abc", "003       abc", "00        ", "0         ") },
    { weight: 1, arbitrary: fc.constantFrom("4         abc", "21        ", "x", "1 2       ab", "          ") },
  ),
  { maxLength: 12 },
).map((parts) => bytes(parts.join("")));

function headed(payload: string): string {
  return String(bytes(payload).length).padEnd(10) + payload;
}

/** A stream with perhaps one byte of it changed. */
function perhapsBroken(stream: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(stream, fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { freq: 4 })).map(
    ([stream, change]) => {
      const changed = new Uint8Array(stream);
      if (change !== null && stream.length > 0) changed[change[0] % stream.length] = change[1];
      return changed;
    },
  );
}

const cuts = fc.array(fc.nat(), { maxLength: 5 });

Deno.test("lineBatches() passes on what lines of text come to, however the stream is cut", () => {
  const blocks = lineBatches({ maxLength: LIMIT });
  const reference = text(lines({ maxLength: LIMIT }));
  fc.assert(
    fc.property(perhapsBroken(lineBytes), cuts, (stream, places) => {
      const expected = pass(reference, [stream], (line) => bytes(`${line}\n`));
      assertEquals(pass(blocks, cutAt(stream, places), (block) => block), expected);
    }),
    { numRuns: 3000, seed: 7 },
  );
});

Deno.test("headedBatches() passes on what text under decimal headers comes to, however the stream is cut", () => {
  const blocks = headedBatches({ maxLength: LIMIT });
  const framing = text(decimalHeader({ maxLength: LIMIT }));
  fc.assert(
    fc.property(perhapsBroken(headedBytes), cuts, (stream, places) => {
      const expected = pass(framing, [stream], (message) => framing.encode(message));
      assertEquals(pass(blocks, cutAt(stream, places), ({ bytes }) => bytes), expected);
    }),
    { numRuns: 3000, seed: 7 },
  );
});

Deno.test("headedBatches() says where each message of a block ends", () => {
  const decoder = headedBatches().decoder();
  const blocks = decoder.push(
    bytes(["Hey", "", "you"].map(headed).join("") + "  2       hi" + headed("late").slice(0, -1)),
  );
  const messages = (block: HeadedBatch) =>
    block.ends.map((end, at) => textOf(block.bytes.subarray(block.ends[at - 1] ?? 0, end)));
  assertEquals(blocks.flatMap(messages), ["Hey", "", "you", "hi"].map(headed));
  assert(decoder.pending);
  assertEquals(decoder.push(bytes("e")).flatMap(messages), [headed("late")]);
  assert(!decoder.pending);
});

Deno.test("whole lines in one piece are passed on without a copy", () => {
  const chunk = bytes("one\ntwo\n");
  const [block] = lineBatches().decoder().push(chunk);
  assert(block!.buffer === chunk.buffer);
});

Deno.test("blocks that could not be read back are not sent", () => {
  for (const wrong of ["no newline", "one\ntwo"]) {
    assertThrows(() => lineBatches().encode(bytes(wrong)), FramingError, "lines that end in a newline");
  }
  assertThrows(() => lineBatches().encode(Uint8Array.of(0xff, 0x0a)), FramingError, "UTF-8");
  assertEquals(textOf(lineBatches().encode(bytes("one\n"))), "one\n");
  const block = { bytes: bytes(headed("x".repeat(5))), ends: [15] };
  assertThrows(() => headedBatches({ maxLength: 4 }).encode(block), FramingError, "at most 4 bytes");
  assertEquals(headedBatches().encode(block), block.bytes);
});

Deno.test("includesByte() finds a byte wherever it stands, and no other for it", () => {
  const bytes = Uint8Array.from({ length: 3000 }, (_, at) => (at * 7) & 0xff).map((byte) => byte === 13 ? 14 : byte);
  // What differs from it in one bit, or follows one that does.
  bytes.set([12, 14, 141, 0, 13 ^ 0x80, 0x8d, 0x0c], 700);
  for (const length of [0, 1, 511, 512, 513, 514, 515, 1000]) {
    for (const start of [0, 1, 2, 3]) {
      const part = bytes.subarray(start, start + length);
      assertEquals(includesByte(part, 13), false);
      for (const place of [0, 1, 2, 3, 4, length - 4, length - 3, length - 2, length - 1].filter((at) => at in part)) {
        const before = part[place]!;
        part[place] = 13;
        assertEquals(includesByte(part, 13), true, `${length} from ${start}, at ${place}`);
        part[place] = before;
      }
    }
  }
});
