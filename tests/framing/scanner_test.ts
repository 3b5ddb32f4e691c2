import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  checkFraming,
  customByteFraming,
  decimalHeader,
  delimited,
  fixed,
  type FramePart,
  FrameScanner,
  type Framing,
  FRAMING_NAMES,
  type FramingError,
  headedBatches,
  json,
  lengthField,
  lengthPrefix,
  lineBatches,
  lines,
  MessageTooLongError,
  netstring,
  parseFraming,
  partsOf,
  pickle,
  tagged,
  text,
  withCodec,
} from "@wirebench/wirebench/framing";
import { layoutOf } from "../../lib/framing/layout_of.ts";
import { bytes, headed } from "../harness.ts";

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

/** Streams of encoded messages, of some with a wrong byte and of random bytes, and where they are split. */
function streams(framing: Framing<Uint8Array>): fc.Arbitrary<[stream: Uint8Array, sizes: number[]]> {
  const noise = fc.array(alphabet, { maxLength: 12 }).map((codes) => Uint8Array.from(codes));
  const encoded = noise.map((message) => {
    try {
      return framing.encode(message);
    } catch {
      return message;
    }
  });
  const wrong = fc.tuple(encoded, fc.nat(), alphabet)
    .map(([bytes, at, wrong]) => bytes.map((byte, index) => index === at % bytes.length ? wrong : byte));
  const pieces = fc.array(fc.oneof({ weight: 6, arbitrary: encoded }, wrong, noise), { maxLength: 6 });
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
          for (const { role, length, start, end } of own) {
            if (length !== undefined) assertEquals(length, end! - start);
            else assertEquals(role, layout.kind === "delimited" ? "payload" : "header");
          }
        });
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("a scanner names the parts of every framing, however the stream is split", () => {
  const lengthed = (length: number[]) => concat([Uint8Array.from(length), bytes("abc")]);
  const cases: [framing: string, stream: Uint8Array, parts: string][] = [
    [
      "header",
      concat([headed("Hey"), headed(""), headed("You")]),
      "header0 payload10 header13 payload23 header23 payload33",
    ],
    ["lines", bytes("one\r\n\nthree\n"), "line0 newline3 line5 newline5 line6 newline11"],
    ["netstring", bytes("3:Hey,0:,"), "header0 colon1 payload2 comma5 header6 colon7 payload8 comma8"],
    ["length1", lengthed([3]), "header0 payload1"],
    ["length2", lengthed([0, 3]), "header0 payload2"],
    ["length2le", lengthed([3, 0]), "header0 payload2"],
    ["length4", lengthed([0, 0, 0, 3]), "header0 payload4"],
    ["length8", lengthed([0, 0, 0, 0, 0, 0, 0, 3]), "header0 payload8"],
    ["field:bytes=3,endian=little,adjustment=1", lengthed([2, 0, 0]), "header0 payload3"],
    ["field:bytes=varint,offset=1,strip=0", lengthed([0x10, 3]), "header0 payload2"],
    ["fixed:4", bytes("abcdefghij"), "payload0 payload4 payload8"],
    ["tagged:A=2,B=0,\\x2c=1", bytes("AhiBAyo,!"), "type0 payload1 type3 payload4 type4 payload5 type7 payload8"],
    ["delimited:\\r\\n", bytes("a\r\n\r\n"), "payload0 delimiter1 payload3 delimiter3"],
    ["delimited:ë", bytes("aëb"), "payload0 delimiter1 payload3"],
  ];
  for (const [name, stream, expected] of cases) {
    const framing = parseFraming(name);
    for (const size of [1, 2, 5, stream.length]) {
      const { parts } = scan(framing, split(stream, [size]));
      assertEquals(parts.map(({ name, start }) => name + start).join(" "), expected, `${name} by ${size}`);
    }
    const names = partsOf(framing).map(({ name }) => name);
    const { parts } = scan(framing, [stream]);
    parts.forEach(({ name }, at) => assertEquals(name, names[at % names.length]));
  }
});

Deno.test("every name of a framing is parsed, and encodes what its decoder decodes", () => {
  const examples: Record<string, string> = {
    "field:bytes=BYTES,...": "field:bytes=4,offset=2,adjustment=-6,strip=6,endian=little",
    "fixed:LENGTH": "fixed:3",
    "tagged:TYPE=LENGTH,...": "tagged:A=2,\\x00=0",
    "delimited:TEXT": "delimited:\\0\\t\\\\",
  };
  for (const form of FRAMING_NAMES) {
    const name = examples[form] ?? form;
    const framing = parseFraming(name);
    assertEquals([framing.name, framing.layout], [name, layoutOf(name)]);
    assertEquals(JSON.parse(JSON.stringify(framing.layout)), framing.layout);
    checkFraming(framing, [bytes("Abc")]);
    checkFraming(text(framing), ["Abc"]);
  }
  for (
    const [name, expected] of [
      ["xml", "expected one of header, lines, netstring, length1"],
      ["length3", "expected one of header"],
      ["lines:", "expected one of header"],
      ["fixed", "expected one of header"],
      ["fixed:0", "expected fixed:LENGTH"],
      ["fixed:1e3", "expected fixed:LENGTH"],
      ["tagged:AB=1", "expected tagged:TYPE=LENGTH"],
      ["tagged:A=1,", "expected tagged:TYPE=LENGTH"],
      ["tagged:A=1,A=2", "expected tagged:TYPE=LENGTH"],
      ["tagged:\\x=1", "expected tagged:TYPE=LENGTH"],
      ["delimited:", "expected delimited:TEXT"],
      ["delimited:\\x0g", "expected delimited:TEXT"],
      ["delimited:\\", "expected delimited:TEXT"],
      ["field:offset=1", "expected field:bytes=BYTES"],
      ["field:bytes=3,bytes=4", "expected field:bytes=BYTES"],
      ["field:bytes=3,size=4", "expected field:bytes=BYTES"],
    ]
  ) {
    assertThrows(() => parseFraming(name!), TypeError, `${expected}`);
  }
  assertThrows(() => parseFraming("field:bytes=5"), RangeError, "expected 1, 2, 3, 4, 8");
  assertThrows(() => parseFraming("header").encode(new Uint8Array(2 ** 20 + 1)), MessageTooLongError);
  assertThrows(() => parseFraming("header", { maxLength: 3 }).encode(bytes("four")), MessageTooLongError);
});

Deno.test("a framing over another has its layout, and one of one's own has none", () => {
  const layout = layoutOf("header");
  assertEquals(text(decimalHeader()).layout, layout);
  assertEquals(json(decimalHeader()).layout, layout);
  assertEquals(pickle(decimalHeader()).layout, layout);
  assertEquals(headedBatches().layout, layout);
  assertEquals(lineBatches().layout, layoutOf("lines"));
  assertEquals(withCodec(lines(), { decode: String, encode: bytes }).layout, layoutOf("lines"));
  assertEquals(lengthPrefix({ bytes: 4, endian: "little" }).layout, layoutOf("length4le"));
  assertEquals(tagged({ A: 2 }).layout, layoutOf("tagged:A=2"));
  assertEquals(FRAMINGS.at(-1)![1].layout, undefined);
});
