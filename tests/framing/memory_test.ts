import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { decimalHeader, type Framing, lengthPrefix, lines, text } from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

const CHUNK = 64 * 1024;
const CHUNKS = 2000;
const MEGABYTE = 1024 * 1024;

/** Decodes 125 MiB in chunks of 64 KiB, and keeps one short message of each. */
function keepOneOfEachChunk<Message>(framing: Framing<Message>, message: Message): Message[] {
  const encoded = framing.encode(message);
  const chunk = concat(new Array<Uint8Array>(Math.floor(CHUNK / encoded.length)).fill(encoded));
  const decoder = framing.decoder();
  return Array.from({ length: CHUNKS }, () => decoder.push(chunk)[7]!);
}

Deno.test("a kept string does not keep its chunk in memory", () => {
  const before = Deno.memoryUsage().heapUsed;
  const kept = keepOneOfEachChunk(text(lines()), "a line of some sixty bytes, which is as long as many a log line");
  const grown = Deno.memoryUsage().heapUsed - before;
  assert(grown < 32 * MEGABYTE, `${kept.length} lines keep ${grown} bytes`);
});

Deno.test("kept bytes do not keep their chunk in memory", () => {
  const before = Deno.memoryUsage().external;
  const kept = keepOneOfEachChunk(lengthPrefix({ bytes: 2 }), bytes("sixteen bytes..."));
  const grown = Deno.memoryUsage().external - before;
  assert(grown < 64 * MEGABYTE, `${kept.length} messages keep ${grown} bytes`);
});

Deno.test("100,000 kept lines that came a byte at a time take little more memory than their bytes", () => {
  const line = bytes("sixteen bytes...\n");
  const decoder = lines().decoder();
  const before = Deno.memoryUsage().external;
  const kept: Uint8Array[] = [];
  for (let count = 0; count < 100_000; count++) {
    for (let at = 0; at < line.length; at++) kept.push(...decoder.push(line.subarray(at, at + 1)));
  }
  const grown = Deno.memoryUsage().external - before;
  assertEquals(kept.length, 100_000);
  assert(grown < 16 * MEGABYTE, `They take ${grown} bytes`);
});

Deno.test("messages stay as they are while others are decoded and encoded", () => {
  const framing = decimalHeader();
  const decoder = framing.decoder();
  const kept: Uint8Array[] = [];
  const expected: Uint8Array[] = [];
  for (let length = 0; length < 5000; length += 37) {
    const message = new Uint8Array(length).fill(length);
    const stream = concat([framing.encode(message), framing.encode(message)]);
    // One message in one chunk, and one cut in two.
    for (const chunk of [stream.subarray(0, -length >> 1), stream.subarray(-length >> 1)]) {
      const reused = new Uint8Array(chunk);
      kept.push(...decoder.push(reused));
      reused.fill(0xaa);
    }
    expected.push(message, message);
  }
  assertEquals(kept, expected);
});
