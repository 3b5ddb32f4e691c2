import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  checkCuts,
  checkFraming,
  decimalHeader,
  delimited,
  fixed,
  type Framing,
  lengthPrefix,
  lines,
  MalformedMessageError,
  MessageTooLongError,
  netstring,
  tagged,
  text,
} from "@wirebench/wirebench/framing";
import { bytes, textOf } from "../harness.ts";

/** Every framing of bytes, with messages it can encode. */
const FRAMINGS: [name: string, framing: (maxLength?: number) => Framing<Uint8Array>, messages: string[]][] = [
  ["fixed", () => fixed(3), ["abc", "d\ne", "   "]],
  ["delimited by one byte", (maxLength) => delimited("\0", { maxLength }), ["abc", "", "\n"]],
  ["delimited by a repeating delimiter", (maxLength) => delimited("aab", { maxLength }), ["xa", "", "aba"]],
  ["delimited by the end of a header", (maxLength) => delimited("\r\n\r\n", { maxLength }), [
    "a\r\nb",
    "",
    "c\r\n d",
  ]],
  ["lines", (maxLength) => lines({ maxLength }), ["ab", "", "c\rd"]],
  ["decimalHeader", (maxLength) => decimalHeader({ maxLength }), ["ab", "", "12        "]],
  ["netstring", (maxLength) => netstring({ maxLength }), ["ab", "", ",1:", "0123456789a"]],
  ...([1, 2, 4, 8] as const).flatMap((size) =>
    (["big", "little"] as const).map((endian) => {
      const framing = (maxLength?: number) => lengthPrefix({ bytes: size, endian, maxLength });
      return [`lengthPrefix of ${size} bytes, ${endian} endian`, framing, ["ab", "", "\0\x01"]] as [
        string,
        typeof framing,
        string[],
      ];
    })
  ),
];

for (const [name, framing, messages] of FRAMINGS) {
  Deno.test(`${name} decodes the same messages however the stream is split, and wherever it ends`, () => {
    checkFraming(framing(), messages.map(bytes));
    for (const message of messages) checkFraming(framing(), [bytes(message)]);
    checkFraming(framing(), []);
    checkFraming(text(framing()), messages);
  });

  Deno.test(`${name} decodes random messages and random bytes the same however they are split`, () => {
    const fixedLength = name === "fixed" ? { minLength: 3, maxLength: 3 } : { maxLength: 40 };
    fc.assert(
      fc.property(fc.array(fc.uint8Array(fixedLength), { maxLength: 5 }), (random) => {
        const sent = random.filter((message) => canEncode(framing(), message));
        checkFraming(framing(), sent);
      }),
      { numRuns: 25 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (stream) => void checkCuts(framing(16), stream)), {
      numRuns: 50,
    });
  });

  if (name === "fixed") continue;
  Deno.test(`${name} takes a message of the limit and refuses one byte more, however it is split`, () => {
    for (const maxLength of [0, 1, 9, 10, 11]) {
      const message = new Uint8Array(maxLength).fill(0x2e);
      checkFraming(framing(maxLength), [message, message]);
      const longer = new Uint8Array(maxLength + 1).fill(0x2e);
      const refused = assertThrows(() => framing(maxLength).encode(longer), MessageTooLongError);
      assertEquals([refused.limit, refused.length], [maxLength, maxLength + 1]);
      const good = framing(maxLength).encode(message);
      const { messages, error } = checkCuts(framing(maxLength), concat([good, framing(maxLength + 1).encode(longer)]));
      assertEquals(messages, [message]);
      assert(error instanceof MessageTooLongError, String(error));
      assertEquals([error.limit, error.length], [maxLength, maxLength + 1]);
    }
  });
}

function canEncode(framing: Framing<Uint8Array>, message: Uint8Array): boolean {
  try {
    framing.encode(message);
    return true;
  } catch {
    return false;
  }
}

Deno.test("messages complete before an error are returned first, and every later call throws the error", () => {
  const decoder = decimalHeader().decoder();
  assertEquals(decoder.push(bytes("1         a1         bnonsense...")).map(textOf), ["a", "b"]);
  const failure = decoder.failure;
  assert(failure instanceof MalformedMessageError);
  assertEquals(failure.offset, 22);
  assertEquals(assertThrows(() => decoder.push(bytes("1         c"))), failure);
  assertEquals(assertThrows(() => decoder.end()), failure);
});

Deno.test("a decoder is pending from the first byte of a message to the last", () => {
  for (const [name, framing, messages] of FRAMINGS) {
    const decoder = framing().decoder();
    assertEquals(decoder.pending, false, name);
    for (const byte of framing().encode(bytes(messages[0]!)).slice(0, -1)) {
      decoder.push(Uint8Array.of(byte));
      assertEquals(decoder.pending, true, name);
    }
  }
  const decoder = lines().decoder();
  decoder.push(bytes("a\nb"));
  assertEquals([decoder.end().map(textOf), decoder.pending], [["b"], false]);
  assertThrows(() => decoder.push(bytes("c")), TypeError, "the stream has ended");
});

Deno.test("an invalid argument throws an error that states what was expected", () => {
  assertThrows(() => fixed(0), RangeError, "expected an integer of 1 or more");
  assertThrows(() => fixed(1.5), RangeError);
  assertThrows(() => delimited(""), TypeError, "empty delimiter");
  assertThrows(() => lines({ maxLength: -1 }), RangeError, "expected an integer of 0 or more");
  assertThrows(() => lines({ maxLength: NaN }), RangeError);
  assertThrows(() => lengthPrefix({ bytes: 3 as 4 }), RangeError, "expected 1, 2, 4 or 8");
  assertThrows(() => lengthPrefix({ bytes: 4, endian: "middle" as "big" }), RangeError);
  assertThrows(() => tagged({}), RangeError, "empty table");
  assertThrows(() => tagged({ AB: 1 }), RangeError, "expected one character");
  assertThrows(() => tagged({ A: -1 }), RangeError, "expected an integer");
});
