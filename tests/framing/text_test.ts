import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  checkCuts,
  checkFraming,
  decimalHeader,
  decodeChunks,
  decodeText,
  delimited,
  encodeText,
  fixed,
  type Framing,
  json,
  lengthPrefix,
  lines,
  MalformedMessageError,
  netstring,
  text,
  withCodec,
} from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

const SAMPLE = bytes("ASCII\nZo\u00eb\n\ufeffmarked\nand some more characters than a loop would decode\n");
const SAMPLES = ["ASCII", "Zo\u00eb", "\ufeffmarked", "and some more characters than a loop would decode"];
/** Decoded before the runtime's own functions are loaded, which begins with the first use. */
const atFirst = text(lines()).decoder().push(SAMPLE);

Deno.test("text decodes the same before and after the faster functions are loaded", async () => {
  assertEquals(atFirst, SAMPLES);
  await import("node:buffer");
  assertEquals(text(lines()).decoder().push(SAMPLE), SAMPLES);
});

/** Framings whose headers and delimiters may or may not be text. */
const FRAMINGS: Record<string, Framing<Uint8Array>> = {
  "fixed": fixed(2),
  "lines": lines({ maxLength: 300 }),
  "delimited by half a character": delimited(Uint8Array.of(0x80)),
  "decimalHeader": decimalHeader(),
  "lengthPrefix of 1 byte": lengthPrefix({ bytes: 1 }),
  "lengthPrefix of 2 bytes": lengthPrefix({ bytes: 2, endian: "little" }),
  "netstring": netstring(),
};

/** Payloads around the lengths at which decoding changes its way, of whole and halved characters. */
const payload = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map(bytes),
  fc.nat(600).map((length) => bytes("x".repeat(length))),
  fc.nat(300).map((length) => bytes("\u00eb".repeat(length))),
  fc.uint8Array({ maxLength: 3 }),
  fc.constantFrom(Uint8Array.of(0xc3), Uint8Array.of(0xab), Uint8Array.of(0xc3, 0xab)),
);

for (const [name, framing] of Object.entries(FRAMINGS)) {
  Deno.test(`text over ${name} gives the same as decoding the copy of each message`, () => {
    const copying = withCodec(framing, { decode: decodeText, encode: encodeText });
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 12 }), fc.integer({ min: 1, max: 2000 }), (payloads, size) => {
        const stream = concat(payloads.flatMap((message) => {
          try {
            return [framing.encode(message)];
          } catch {
            return [];
          }
        }));
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
        const [given, expected] = [text(framing), copying].map((each) => decodeChunks(each, chunks));
        assertEquals(given!.messages, expected!.messages);
        assertEquals(String(given!.error), String(expected!.error));
      }),
      { numRuns: 200 },
    );
  });

  if (name === "fixed") continue;
  Deno.test(`text over ${name} encodes the same as framing its bytes`, () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (message) => {
      const [given, expected] = [() => text(framing).encode(message), () => framing.encode(encodeText(message))].map(
        (encode) => {
          try {
            return encode();
          } catch (error) {
            return String(error);
          }
        },
      );
      assertEquals(given, expected);
    }));
  });
}

Deno.test("a character halved by the frames around it is malformed", () => {
  // The first byte of the second header completes the character, as far as UTF-8 goes.
  const stream = Uint8Array.of(1, 0, 0xc3, 0x80, 0, ...new Uint8Array(128));
  const { messages, error } = checkCuts(text(lengthPrefix({ bytes: 2, endian: "little" })), stream);
  assertEquals(messages, []);
  assert(error instanceof MalformedMessageError);
  assertEquals(checkCuts(text(fixed(1)), bytes("\u00eb")).messages, []);
});

Deno.test("JSON values before a message that is not UTF-8 are returned, and a value's error comes before it", () => {
  const framing = json(lines());
  const stream = Uint8Array.of(...bytes("1\n[2]\n"), 0xff, 0x0a);
  assertEquals(checkCuts(framing, stream).messages, [1, [2]]);
  const { error } = checkCuts(framing, Uint8Array.of(...bytes("1\n[2\n"), 0xff, 0x0a));
  assert(error instanceof MalformedMessageError && error.expected === "a JSON value", String(error));
});

Deno.test("text replaces and removes no character", () => {
  checkFraming(text(decimalHeader()), ["\ufeffa byte order mark", "Zoë", "👩‍👩‍👧", "\0"]);
  const bad: [number[], number][] = [[[0x61, 0xff, 0x62], 1], [[0xc3], 0], [[0x61, 0xed, 0xa0, 0x80], 2], [
    [0xc0, 0x80],
    0,
  ]];
  for (const [message, offset] of bad) {
    const { error } = checkCuts(text(decimalHeader()), decimalHeader().encode(Uint8Array.from(message)));
    assert(error instanceof MalformedMessageError);
    assert(error.offset <= offset && error.offset >= offset - 1, `${message}: ${error.message}`);
  }
  assertThrows(() => text(lines()).encode("\ud800"), TypeError, "half a surrogate pair");
});
