import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  checkCuts,
  checkFraming,
  decimalHeader,
  decodeChunks,
  delimited,
  fixed,
  type Framing,
  json,
  type JsonValue,
  lengthPrefix,
  lines,
  MalformedMessageError,
  MessageTooLongError,
  netstring,
  tagged,
  type TaggedMessage,
  text,
  TruncatedMessageError,
} from "@wirebench/wirebench/framing";
import { bytes, textOf } from "../harness.ts";

/** Every framing of bytes, with messages it can carry. */
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
  Deno.test(`${name} gives the same messages however the stream is cut, and wherever it ends`, () => {
    checkFraming(framing(), messages.map(bytes));
    for (const message of messages) checkFraming(framing(), [bytes(message)]);
    checkFraming(framing(), []);
    checkFraming(text(framing()), messages);
  });

  Deno.test(`${name} gives the same for random messages and random bytes`, () => {
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
  Deno.test(`${name} takes a message of the limit and refuses one byte more, however it is cut`, () => {
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

Deno.test("tagged gives the same messages however the stream is cut, and wherever it ends", () => {
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

Deno.test("decimalHeader writes ten bytes and reads what Python's int() reads of them", () => {
  assertEquals(textOf(decimalHeader().encode(new Uint8Array(22).fill(0x61))), `22        ${"a".repeat(22)}`);
  for (const header of ["3         ", "         3", "  3       ", "0000000003", "03        "]) {
    assertEquals(checkCuts(decimalHeader(), bytes(`${header}abc`)).messages.map(textOf), ["abc"], header);
  }
  const malformed = [
    "          ",
    "+3        ",
    "-3        ",
    "3a        ",
    "1_0       ",
    "1 0       ",
    "3\t        ",
    "3\n        ",
    "0x3       ",
    "3.0       ",
    "٣        ",
  ];
  for (const header of malformed) {
    const { messages, error } = checkCuts(decimalHeader(), bytes(`${header}abc`));
    assertEquals(messages, [], header);
    assert(error instanceof MalformedMessageError, header);
    assertEquals([error.offset, error.bytes], [0, bytes(header).slice(0, 10)]);
  }
  const { error } = checkCuts(decimalHeader(), bytes("9999999999"));
  assert(error instanceof MessageTooLongError);
  assertEquals(error.length, 9_999_999_999);
});

/** Streams that say something else than was expected, and what the error says they look like. */
const STRANGERS: [stream: Uint8Array, framing: Framing<unknown>, words: string][] = [
  [bytes("GET / HTTP/1.1\r\n"), decimalHeader(), "looks like an HTTP request"],
  [Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0, 1, 0, 1, 0xfc, 3), decimalHeader(), "looks like a TLS hello"],
  [bytes("SSH-2.0-OpenSSH"), decimalHeader(), "looks like an SSH greeting"],
  [bytes("5         hello"), tagged({ A: 4 }), 'got "5"'],
  [bytes("5         hello"), netstring(), 'got "5 "'],
  [Uint8Array.of(5, 0, 0, 0, 1), lengthPrefix({ bytes: 4 }), "5 in the other byte order"],
  [Uint8Array.of(0, 0, 0, 5, 1), lengthPrefix({ bytes: 4, endian: "little" }), "5 in the other byte order"],
];

Deno.test("an error says what the bytes look like", () => {
  for (const [stream, framing, words] of STRANGERS) {
    const { error } = checkCuts(framing, stream);
    assert(error?.message.includes(words), `${error?.message} should say ${words}`);
  }
});

Deno.test("an error shows no byte that could steer a terminal", () => {
  const { error } = checkCuts(decimalHeader(), bytes('\x1b[2J"\r\n\x07\x9b'));
  assertEquals(
    error?.message,
    "Malformed message at byte 0: expected a length of digits padded with spaces to ten bytes, " +
      'got "\\x1b[2J\\x22\\x0d\\x0a\\x07\\xc2\\x9b"',
  );
});

Deno.test("netstring refuses leading zeros, a missing comma and a length that never ends", () => {
  for (const stream of ["00:,", "01:a,", ":,", "a", "-1:", "3:abcX", "1:a;"]) {
    assert(checkCuts(netstring(), bytes(stream)).error instanceof MalformedMessageError, stream);
  }
  const { error } = checkCuts(netstring({ maxLength: 100 }), bytes("1".repeat(50)));
  assert(error instanceof MessageTooLongError);
});

Deno.test("lines and delimited refuse to send what would be read as something else", () => {
  assertThrows(() => lines().encode(bytes("a\nb")), MalformedMessageError, "at byte 1");
  assertThrows(() => lines().encode(bytes("a\r")), MalformedMessageError, "at byte 1");
  assertThrows(() => delimited("\r\n").encode(bytes("a\r\nb")), MalformedMessageError, "at byte 1");
  // The delimiter would be found one byte early, in the message's last byte and its own first.
  assertThrows(() => delimited("aa").encode(bytes("xa")), MalformedMessageError, "at byte 1");
});

Deno.test("lines counts neither end of line, and keeps carriage returns that are none", () => {
  const { messages, error } = checkCuts(lines({ maxLength: 3 }), bytes("abc\r\nabc\na\rb\n\r\n\r\r\nabc\r"));
  assertEquals(messages.map(textOf), ["abc", "abc", "a\rb", "", "\r"]);
  assert(error instanceof MessageTooLongError, "a carriage return at the end of the stream ends no line");
});

Deno.test("lines can take an unterminated last line for an error", () => {
  const { messages, error } = checkCuts(lines({ unterminated: "error" }), bytes("whole\nhalf"));
  assertEquals(messages.map(textOf), ["whole"]);
  assert(error instanceof TruncatedMessageError);
});

Deno.test("what was complete before an error is given first, and the error then stays", () => {
  const decoder = decimalHeader().decoder();
  assertEquals(decoder.push(bytes("1         a1         bnonsense...")).map(textOf), ["a", "b"]);
  const failure = decoder.failure;
  assert(failure instanceof MalformedMessageError);
  assertEquals(failure.offset, 22);
  assertEquals(assertThrows(() => decoder.push(bytes("1         c"))), failure);
  assertEquals(assertThrows(() => decoder.end()), failure);
});

Deno.test("a decoder knows whether a message has begun", () => {
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

Deno.test("a truncated stream says how much was expected and how much came", () => {
  const cases: [Framing<unknown>, string, string][] = [
    [fixed(5000), "a".repeat(1234), "Stream ended inside a message: expected 5000 bytes, got 1234"],
    [decimalHeader(), "12", "Stream ended inside a header: expected 10 bytes, got 2"],
    [decimalHeader(), "12        ", "Stream ended inside a message: expected 12 bytes, got 0"],
    [lengthPrefix({ bytes: 8 }), "\0", "Stream ended inside a header: expected 8 bytes, got 1"],
    [tagged({ A: 4 }), "Aab", "Stream ended inside a message: expected 4 bytes, got 2"],
  ];
  for (const [framing, stream, message] of cases) {
    assertEquals(checkCuts(framing, bytes(stream)).error?.message, message);
  }
});

Deno.test("a header takes no memory on its word", () => {
  const maxLength = 2 ** 40;
  const decoder = lengthPrefix({ bytes: 8, maxLength }).decoder();
  // 1 TiB, which could not be allocated.
  assertEquals(decoder.push(Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0)), []);
  for (let count = 0; count < 100; count++) assertEquals(decoder.push(new Uint8Array(1000)), []);
  assert(decoder.pending);
});

Deno.test("text is exact: nothing is replaced or dropped", () => {
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

Deno.test("json carries any value JSON can express and refuses what it would change", () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
    const framing = json(decimalHeader());
    const once = decodeChunks(framing, [framing.encode(value as JsonValue)]).messages[0];
    assertEquals(JSON.stringify(once), JSON.stringify(value));
  }));
  const { messages, error } = checkCuts(json(lines()), bytes('{"a":[1]}\n{"a":\n[2]\n'));
  assertEquals(messages, [{ a: [1] }]);
  assertEquals(error?.message, 'Malformed message at byte 0: expected a JSON value, got "{\\x22a\\x22:"');
  for (const value of [undefined, NaN, Infinity, () => 1, { a: [undefined] }, 1n]) {
    assertThrows(() => json(lines()).encode(value as unknown as JsonValue), TypeError);
  }
});

Deno.test("wrong parameters are refused with what was expected", () => {
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

Deno.test("the checker finds what is wrong with a framing", () => {
  const good = decimalHeader();
  const wrong: [string, Framing<Uint8Array>][] = [
    ["believes one read is one message", {
      encode: (message) => new Uint8Array(message),
      decoder: () => ({ pending: false, failure: undefined, push: (chunk) => [new Uint8Array(chunk)], end: () => [] }),
    }],
    ["shares the reader's memory", {
      encode: (message) => new Uint8Array(message),
      decoder: () => ({
        pending: false,
        failure: undefined,
        push: (chunk) => chunk.length > 0 ? [chunk] : [],
        end: () => [],
      }),
    }],
    ["takes the end inside a message for a clean end", {
      encode: good.encode,
      decoder() {
        const decoder = good.decoder();
        return { pending: false, failure: undefined, push: (chunk) => decoder.push(chunk), end: () => [] };
      },
    }],
  ];
  for (const [name, framing] of wrong) {
    assertThrows(() => checkFraming(framing, [bytes("abc"), bytes("de")]), Error, undefined, name);
  }
});
