import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import { stripTypeScriptTypes } from "node:module";
import {
  customByteFraming,
  decimalHeader,
  delimited,
  fixed,
  type FramePart,
  FrameScanner,
  type Framing,
  type FramingError,
  lengthField,
  lines,
  netstring,
  parseFraming,
} from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

/** Framings with a low limit, so that random bytes exceed it. */
const FRAMINGS: [name: string, framing: Framing<Uint8Array>][] = [
  ["decimalHeader", decimalHeader({ maxLength: 12 })],
  ["netstring", netstring({ maxLength: 12 })],
  ["fixed", fixed(3)],
  ["lines", lines({ maxLength: 4 })],
  ["lines that must be terminated", lines({ maxLength: 4, unterminated: "error" })],
  ["delimited by one byte", delimited(",", { maxLength: 4 })],
  ["delimited by a repeating delimiter", delimited("110", { maxLength: 4 })],
  ["delimited by the end of a header", delimited("\r\n\r\n", { maxLength: 4, unterminated: "error" })],
  ["tagged", parseFraming("tagged:1=2,2=0,\\r=3")],
  ["lengthField of a byte", lengthField({ bytes: 1, maxLength: 60 })],
  [
    "lengthField that counts itself",
    lengthField({ bytes: 2, adjustment: -2, endian: "little", strip: 0, maxLength: 60 }),
  ],
  [
    "lengthField in the middle of a header",
    lengthField({ bytes: 1, offset: 1, adjustment: 2, strip: 4, maxLength: 60 }),
  ],
  ["lengthField of a varint", lengthField({ bytes: "varint", maxLength: 300 })],
  ["lengthField of a varint after a type", lengthField({ bytes: "varint", offset: 1, strip: 0, maxLength: 300 })],
  [
    "a framing without a layout",
    customByteFraming({
      maxLength: 8,
      encode: (message) => concat([Uint8Array.of(message.length), message]),
      decode(bytes, start, end, { malformed }) {
        if (bytes[start]! > 0x30) throw malformed("a length of at most 48", start);
        const next = start + 1 + bytes[start]!;
        return next <= end ? { from: start + 1, to: next, end: next } : next - end;
      },
    }),
  ],
];

const alphabet = fc.oneof(
  fc.constantFrom(...bytes("0123 ,:\r\n")),
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom(0x80, 0xff),
);

/** Streams of encoded messages and of random bytes, and where they are split. */
function streams(framing: Framing<Uint8Array>): fc.Arbitrary<[stream: Uint8Array, sizes: number[]]> {
  const noise = fc.array(alphabet, { maxLength: 12 }).map((codes) => Uint8Array.from(codes));
  const encoded = noise.map((message) => {
    try {
      return framing.encode(message);
    } catch {
      return message;
    }
  });
  const pieces = fc.array(fc.oneof({ weight: 4, arbitrary: encoded }, noise), { maxLength: 6 });
  return fc.tuple(pieces.map((all) => concat(all)), fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }));
}

function split(stream: Uint8Array, sizes: number[]): Uint8Array[] {
  const chunks = [];
  for (let at = 0, next = 0; at < stream.length; at += sizes[next++ % sizes.length]!) {
    chunks.push(stream.subarray(at, at + sizes[next % sizes.length]!));
  }
  return chunks;
}

function describe(error: FramingError | undefined): string {
  return error === undefined ? "none" : `${error.message} ${JSON.stringify(error)}`;
}

/** Decodes and scans a stream, and checks that both agree after each chunk. */
function scan(framing: Framing<Uint8Array>, chunks: Uint8Array[]): { parts: FramePart[]; messages: Uint8Array[] } {
  const decoder = framing.decoder();
  const scanner = new FrameScanner(framing);
  const parts: FramePart[] = [];
  const messages: Uint8Array[] = [];
  const call = (decode: () => Uint8Array[], scan: () => void) => {
    try {
      messages.push(...decode());
    } catch (error) {
      assert(error === decoder.failure, String(error));
    }
    scan();
    assertEquals(describe(scanner.failure), describe(decoder.failure));
    const last = parts.findLast(({ end }) => end === undefined);
    assert(scanner.part === last);
    const complete = (last?.message ?? (parts.at(-1)?.message ?? 0) + 1) - 1;
    assertEquals(complete, messages.length);
    if (decoder.failure === undefined) assertEquals(scanner.part !== undefined, decoder.pending);
  };
  for (const chunk of chunks) {
    // The decoder and the scanner must not keep the chunk.
    const reused = new Uint8Array(chunk);
    call(() => decoder.push(reused), () => parts.push(...scanner.push(reused)));
    reused.fill(0xaa);
  }
  call(() => decoder.end(), () => scanner.end());
  assertEquals(scanner.offset, concat(chunks).length);
  return { parts, messages };
}

for (const [name, framing] of FRAMINGS) {
  Deno.test(`a scanner of ${name} finds the decoder's messages and refuses what it refuses, however it is split`, () => {
    fc.assert(
      fc.property(streams(framing), ([stream, sizes]) => {
        const { parts, messages } = scan(framing, split(stream, sizes));
        assertEquals(parts, scan(framing, split(stream, [1])).parts);
        assertEquals(parts, scan(framing, [stream]).parts);
        // Parts follow each other, without gaps.
        parts.forEach(({ start }, at) => assertEquals(start, at === 0 ? 0 : parts[at - 1]!.end));
        if (framing.layout === undefined) return;
        const { layout } = framing;
        messages.forEach((message, at) => {
          const own = parts.filter((part) => part.message === at + 1);
          const whole = layout.kind === "tagged" || (layout.kind === "length" && layout.strip === 0);
          const from = whole ? own[0]! : own.find(({ role }) => role === "payload")!;
          const to = own.findLast(({ role }) => role === "payload")!;
          assertEquals(stream.slice(from.start, to.end), new Uint8Array(message));
          for (const { length, start, end } of own) assert(length === undefined || length === end! - start);
        });
      }),
      { numRuns: 300 },
    );
  });
}

/** The modules that a module imports, directly or not, types excluded. */
async function closureOf(module: string, known = new Map<string, string>()): Promise<Map<string, string>> {
  if (known.has(module)) return known;
  const source = await Deno.readTextFile(`lib/framing/${module}`);
  const stripped = stripTypeScriptTypes(source);
  known.set(module, stripped);
  for (const [, from] of stripped.matchAll(/^(?:import|export)[^;]* from "([^"]*)";/gms)) {
    assert(/^\.\/\w+\.ts$/.test(from!), `${module} imports ${from}`);
    await closureOf(from!.slice(2), known);
  }
  return known;
}

Deno.test("the scanner and the layouts of framings work in a browser: nothing of Deno, Node or npm, no build step", async () => {
  const modules = await closureOf("layout_of.ts", await closureOf("scanner.ts"));
  for (const [module, source] of modules) assert(!/\bDeno\b|node:|\bimport\(|\bprocess\b/.test(source), module);
  assert(modules.size <= 15, [...modules.keys()].join(", "));
});
