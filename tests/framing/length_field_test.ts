import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  checkCuts,
  checkFraming,
  type Framing,
  json,
  lengthField,
  type LengthFieldOptions,
  MessageTooLongError,
  text,
} from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

const SIZES = [1, 2, 3, 4, 8, "varint"] as const;

for (const size of SIZES) {
  Deno.test(`lengthField of ${size} bytes decodes the same however the stream is split, with any other options`, () => {
    for (const endian of ["big", "little"] as const) {
      for (const offset of [0, 2]) {
        for (const adjustment of [0, 1, -3]) {
          const framing = lengthField({ bytes: size, endian, offset, adjustment });
          checkFraming(framing, ["abc", "d", "efghi"].map(bytes));
          checkFraming(text(framing), ["abc", "Zoë", "é".repeat(70)]);
        }
      }
    }
    checkFraming(json(lengthField({ bytes: size })), [{ a: [1, "b"] }, 3]);
    checkFraming(lengthField({ bytes: size }), [bytes(""), bytes("a")]);
    for (const strip of [0, 1]) {
      const whole = lengthField({ bytes: size, offset: 1, strip });
      const stripped = lengthField({ bytes: size, offset: 1 });
      const frames = ["", "ab", "x".repeat(130)].map((message) => stripped.encode(bytes(message)));
      checkFraming(whole, frames.map((frame) => frame.subarray(strip)));
      checkFraming(whole, []);
    }
    const random = lengthField({ bytes: size, offset: 1, adjustment: 1, maxLength: 100 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (stream) => void checkCuts(random, stream)));
  });
}

/** Checks that frames are decoded to these messages and encoded from them. */
function checkBytes(framing: Framing<Uint8Array>, frames: number[][], messages: number[][]): void {
  const wanted = messages.map((message) => Uint8Array.from(message));
  assertEquals(wanted.map((message) => [...framing.encode(message)]), frames);
  const { messages: decoded, error } = checkCuts(framing, Uint8Array.from(frames.flat()));
  assertEquals([decoded, error], [wanted, undefined]);
}

Deno.test("lengthField frames what Kafka, MySQL, MQTT and Protocol Buffers send", () => {
  const correlated = [0, 0, 0, 7, 1, 2];
  checkBytes(lengthField({ bytes: 4 }), [[0, 0, 0, 6, ...correlated]], [correlated]); // Kafka: 4 bytes.
  const query = [0x03, ...bytes("SELECT 1")];
  const mysql = { bytes: 3, endian: "little", adjustment: 1 } as const;
  checkBytes(lengthField({ ...mysql }), [[9, 0, 0, 5, ...query]], [[5, ...query]]);
  checkBytes(lengthField({ ...mysql, strip: 4 }), [[9, 0, 0, 0, ...query]], [query]);
  checkBytes(lengthField({ ...mysql, strip: 0 }), [[9, 0, 0, 5, ...query]], [[9, 0, 0, 5, ...query]]);
  const publish = [0x30, 0x87, 0x01, ...new Uint8Array(135).fill(7)];
  checkBytes(lengthField({ bytes: "varint", offset: 1, strip: 0 }), [[0xc0, 0], publish], [[0xc0, 0], publish]);
  const record = new Array(300).fill(1);
  checkBytes(lengthField({ bytes: "varint" }), [[0xac, 0x02, ...record]], [record]);
});

Deno.test("a length that counts itself, or the whole frame, is adjusted", () => {
  const counting = lengthField({ bytes: 2, offset: 1, adjustment: -3, strip: 3 });
  checkBytes(counting, [[0, 0, 5, 8, 9], [0, 0, 3]], [[8, 9], []]);
  const { error } = checkCuts(counting, Uint8Array.of(0, 0, 5, 8, 9, 0, 0, 2));
  assertEquals(error?.message, 'Malformed message at byte 6: expected a length of at least 3, got "\\x00\\x02"');
  const short = checkCuts(lengthField({ bytes: 1, strip: 3 }), Uint8Array.of(2, 0, 0, 1, 0)).error;
  assertEquals(short?.message, 'Malformed message at byte 3: expected a length of at least 2, got "\\x01"');
});

Deno.test("lengthField takes a message of the limit and refuses one byte more, however it is split", () => {
  for (const size of SIZES) {
    for (const maxLength of [0, 1, 127, 128, 200]) {
      const framing = lengthField({ bytes: size, maxLength });
      const message = new Uint8Array(maxLength).fill(0x2e);
      checkFraming(framing, [message]);
      const longer = new Uint8Array(maxLength + 1).fill(0x2e);
      assertThrows(() => framing.encode(longer), MessageTooLongError);
      assertThrows(() => text(framing).encode(".".repeat(maxLength + 1)), MessageTooLongError);
      const stream = concat([framing.encode(message), lengthField({ bytes: size }).encode(longer)]);
      const { messages, error } = checkCuts(framing, stream);
      assertEquals(messages, [message]);
      assert(error instanceof MessageTooLongError, String(error));
      assertEquals([error.limit, error.length], [maxLength, maxLength + 1]);
    }
  }
  assertThrows(() => lengthField({ bytes: 1 }).encode(new Uint8Array(256)), MessageTooLongError);
  assertThrows(
    () => lengthField({ bytes: 3, maxLength: 2 ** 40 }).encode(new Uint8Array(2 ** 24)),
    MessageTooLongError,
  );
});

Deno.test("a length over the limit is refused before any of the message arrives", () => {
  for (
    const [size, header] of [[3, [1, 0, 0]], [8, [0, 1, 0, 0, 0, 0, 0, 0]], ["varint", [0xff, 0xff, 0x7f]]] as const
  ) {
    const decoder = lengthField({ bytes: size, maxLength: 1000 }).decoder();
    assertThrows(() => decoder.push(Uint8Array.from(header)), MessageTooLongError);
  }
  const { error } = checkCuts(lengthField({ bytes: 3, maxLength: 1000 }), Uint8Array.of(5, 0, 0, 1, 2, 3, 4, 5));
  assertEquals(error?.message, "Message too long: expected at most 1000 bytes, got 327680 (5 in the other byte order)");
  const http = checkCuts(lengthField({ bytes: 4, offset: 4 }), bytes("GET / HTTP/1.1\r\n")).error;
  assertEquals(http?.message.endsWith("; it looks like an HTTP request"), true);
});

Deno.test("a varint of more than eight bytes is malformed, and one that is longer than need be is not", () => {
  const framing = lengthField({ bytes: "varint", offset: 1 });
  const { error } = checkCuts(framing, Uint8Array.of(1, ...new Uint8Array(9).fill(0x80), 0));
  assertEquals(error?.name, "MalformedMessageError");
  assertEquals(error?.message.includes("at byte 1: expected a varint of at most 8 bytes"), true);
  assertEquals(checkCuts(framing, Uint8Array.of(1, 0x81, 0x80, 0, 5)).messages, [Uint8Array.of(5)]);
});

Deno.test("encode of lengthField refuses a message that the length cannot describe", () => {
  const whole = lengthField({ bytes: "varint", offset: 1, strip: 0 });
  assertThrows(() => whole.encode(Uint8Array.of(1, 2, 3)), RangeError, "its length is for 4 bytes, got 3");
  assertThrows(() => whole.encode(Uint8Array.of(1, 2, 3, 4, 5)), RangeError, "its length is for 4 bytes, got 5");
  assertThrows(() => whole.encode(Uint8Array.of(1)), RangeError);
  const mysql = lengthField({ bytes: 3, adjustment: 1 });
  assertThrows(() => mysql.encode(Uint8Array.of()), RangeError, "expected at least 1 bytes, got 0");
});

Deno.test("an option of lengthField out of range throws an error that states what was expected", () => {
  const refused: [LengthFieldOptions, string][] = [
    [{ bytes: 5 as 4 }, 'expected 1, 2, 3, 4, 8 or "varint"'],
    [{ bytes: 4, endian: "middle" as "big" }, 'expected "big" or "little"'],
    [{ bytes: 4, offset: -1 }, "expected an integer of 0 or more"],
    [{ bytes: 4, adjustment: 0.5 }, "expected an integer"],
    [{ bytes: 4, offset: 2, strip: 3 }, "expected an integer from 0 to 2, or of 6 or more"],
    [{ bytes: "varint", strip: 1 }, "expected an integer from 0 to 0"],
    [{ bytes: 4, maxLength: -1 }, "expected an integer of 0 or more"],
  ];
  for (const [options, expected] of refused) assertThrows(() => lengthField(options), RangeError, expected);
});
