import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  checkCuts,
  decimalHeader,
  decodeChunks,
  delimited,
  encodePickle,
  fixed,
  type Framing,
  json,
  lengthPrefix,
  lines,
  netstring,
  pickle,
  tagged,
  text,
} from "@wirebench/wirebench/framing";
import { bytes, headed } from "../harness.ts";

const HELLO = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0xf0, 0x9f, 0xff, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7);
const ALERT = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 0x46);
const OBJECT = encodePickle(["Hey", "There"]);
const BIG = Uint8Array.of(0, 0, 0, 5, ...bytes("hello"));
const LITTLE = Uint8Array.of(5, 0, 0, 0, ...bytes("hello"));
const GET = bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");

const four = lengthPrefix({ bytes: 4 });

/** Streams of other protocols, and what the decoder says they look like, however they are split. */
const OTHER_PROTOCOLS: [framing: Framing<unknown, never>, stream: Uint8Array, looksLike: string | undefined][] = [
  [decimalHeader(), GET, "an HTTP request"],
  [decimalHeader(), bytes("PRI * HTTP/2.0\r\n"), "an HTTP/2 request"],
  [decimalHeader(), bytes("HTTP/1.1 400 Bad Request\r\n"), "an HTTP response"],
  [decimalHeader(), HELLO, "a TLS hello"],
  [decimalHeader(), ALERT, "a TLS alert"],
  [decimalHeader(), bytes("SSH-2.0-OpenSSH_9.2\r\n"), "an SSH greeting"],
  [decimalHeader(), OBJECT, "a pickle"],
  [decimalHeader(), bytes("Hello server!\n"), "text"],
  [decimalHeader(), bytes("Hello!\r\n"), "a line of text"],
  [decimalHeader(), bytes("5:alice,3:Hey,"), "a netstring"],
  [decimalHeader(), BIG, "a length of 4 bytes, the most significant first"],
  [decimalHeader(), LITTLE, "a length of 4 bytes, the least significant first"],
  [four, GET, "an HTTP request"],
  [four, bytes("HTTP/1.1 400 Bad Request\r\n"), "text"],
  [four, HELLO, "a TLS hello"],
  [four, ALERT, "a TLS alert"],
  [four, OBJECT, "a pickle"],
  [four, bytes("Hello server!\n"), "text"],
  [lengthPrefix({ bytes: 2 }), GET, "an HTTP request"],
  [lengthPrefix({ bytes: 8 }), bytes("GET / HTTP/1.1\r\n"), "an HTTP request"],
  [fixed(16), headed("alice"), "a decimal length header"],
  [fixed(16), bytes("Hello server!\n"), "a line of text"],
  [fixed(16), bytes("5:alice,"), "a netstring"],
  [fixed(16), BIG, "a length of 4 bytes, the most significant first"],
  [fixed(5000), LITTLE, "a length of 4 bytes, the least significant first"],
  [fixed(5000), GET, "an HTTP request"],
  [fixed(5000), HELLO, "a TLS hello"],
  [lines({ maxLength: 20 }), concat([headed("alice"), headed("Hey"), headed("You")]), "a decimal length header"],
  [lines({ maxLength: 20 }), bytes("GET /index.html?with=much HTTP/1.1\r\n"), "an HTTP request"],
  [delimited("\0", { maxLength: 20 }), bytes("Hello server!\nHello server!\n"), "a line of text"],
  [lines({ unterminated: "error" }), headed("alice"), "a decimal length header"],
  [text(lines()), concat([HELLO, bytes("\n")]), "a TLS hello"],
  [text(decimalHeader()), headed(OBJECT), "a pickle"],
  [json(lines()), GET, "an HTTP request"],
  [pickle(decimalHeader()), headed("Hello server!\n"), "a line of text"],
  // The decoder fails at the first byte, which identifies nothing.
  [tagged({ A: 4 }), GET, undefined],
  [netstring(), GET, undefined],
];

/** Streams of the framing's own protocol with an error later on. */
const OWN_PROTOCOL: [framing: Framing<unknown, never>, stream: Uint8Array][] = [
  [fixed(5000), bytes("a".repeat(1234))],
  [fixed(16), bytes("Hi there")],
  [fixed(5), bytes("whole5:a,")],
  [decimalHeader(), bytes("12     ")],
  [decimalHeader(), bytes("12        Hello\n")],
  [decimalHeader(), bytes("12        5:hey,")],
  [decimalHeader({ maxLength: 3 }), headed("four")],
  [netstring(), bytes("12:Hello\n")],
  [netstring(), bytes("5:alice;")],
  [netstring({ maxLength: 3 }), bytes("4:four,")],
  [four, BIG.subarray(0, 7)],
  [lengthPrefix({ bytes: 8, endian: "little" }), Uint8Array.of(5, 0, 0)],
  [lines({ maxLength: 3 }), bytes("four\n")],
  [text(lines()), Uint8Array.of(...bytes("Hello "), 0xff, 0x0a)],
  [text(decimalHeader()), headed(Uint8Array.of(...bytes("Hello\n"), 0xff))],
  [json(decimalHeader()), headed('{"a":\n')],
  [pickle(decimalHeader()), headed(OBJECT.subarray(0, -1))],
];

/** Streams of other protocols, and what the error says about their first bytes. */
const FIRST_BYTES: [stream: Uint8Array, framing: Framing<unknown>, words: string][] = [
  [bytes("GET / HTTP/1.1\r\n"), decimalHeader(), "looks like an HTTP request"],
  [Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0, 1, 0, 1, 0xfc, 3), decimalHeader(), "looks like a TLS hello"],
  [bytes("SSH-2.0-OpenSSH"), decimalHeader(), "looks like an SSH greeting"],
  [bytes("5         hello"), tagged({ A: 4 }), 'got "5"'],
  [bytes("5         hello"), netstring(), 'got "5 "'],
  [Uint8Array.of(5, 0, 0, 0, 1), lengthPrefix({ bytes: 4 }), "5 in the other byte order"],
  [Uint8Array.of(0, 0, 0, 5, 1), lengthPrefix({ bytes: 4, endian: "little" }), "5 in the other byte order"],
];

Deno.test("an error says what the stream looks like, however it is split", () => {
  for (const [framing, stream, expected] of OTHER_PROTOCOLS) {
    const { error } = checkCuts(framing, stream);
    assert(error !== undefined, Deno.inspect(stream));
    assertEquals(/; it looks like (.*)$/.exec(error.message)?.[1], expected, error.message);
  }
});

Deno.test("an error does not guess the protocol of a stream that starts correctly", () => {
  for (const [framing, stream] of OWN_PROTOCOL) {
    const { error } = decodeChunks(framing, [stream]);
    assert(error !== undefined, Deno.inspect(stream));
    assertEquals(error.message.includes("looks like"), false, error.message);
    error.addHint(stream);
    assertEquals(error.message.includes("looks like"), false, error.message);
  }
});

Deno.test("addHint() says what the first bytes look like, even if the decoder failed at the first one", () => {
  const cases: [framing: Framing<unknown, never>, stream: Uint8Array, looksLike: string][] = [
    [tagged({ A: 4 }), GET, "an HTTP request"],
    [tagged({ A: 4 }), HELLO, "a TLS hello"],
    [tagged({ A: 4 }), headed("alice"), "a decimal length header"],
    [tagged({ A: 4 }), bytes("Hi there, server"), "text"],
    [netstring(), headed("alice"), "a decimal length header"],
    [netstring(), bytes("HTTP/1.0 200 OK\r\n"), "an HTTP response"],
    [four, bytes("Hello server!\n"), "a line of text"],
    [decimalHeader(), bytes("Hello server!\n"), "a line of text"],
    [decimalHeader(), bytes("Hi there, server"), "text"],
    // A hint that the decoder gave is kept.
    [decimalHeader(), GET, "an HTTP request"],
  ];
  for (const [framing, stream, expected] of cases) {
    const { error } = decodeChunks(framing, [stream]);
    const before = error!.message.replace(/; it looks like .*/, "");
    error!.addHint(stream.subarray(0, 32));
    assertEquals(error!.message, `${before}; it looks like ${expected}`);
    error!.addHint(stream.subarray(0, 32));
    assertEquals(error!.message, `${before}; it looks like ${expected}`, "added once");
  }
});

Deno.test("an error quotes the bytes or says what they look like", () => {
  for (const [stream, framing, words] of FIRST_BYTES) {
    const { error } = checkCuts(framing, stream);
    assert(error?.message.includes(words), `${error?.message} should say ${words}`);
  }
});

Deno.test("an error contains no byte that could control a terminal", () => {
  const { error } = checkCuts(decimalHeader(), bytes('\x1b[2J"\r\n\x07\x9b'));
  assertEquals(
    error?.message,
    "Malformed message at byte 0: expected a length of digits padded with spaces to ten bytes, " +
      'got "\\x1b[2J\\x22\\x0d\\x0a\\x07\\xc2\\x9b"',
  );
});

Deno.test("the error of a truncated stream states how many bytes were expected and received", () => {
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
