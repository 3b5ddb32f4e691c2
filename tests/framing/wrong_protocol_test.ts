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

/** What a decoder alone says of strangers, whatever the cuts: it may have had to see a byte only. */
const STRANGERS: [framing: Framing<unknown, never>, stream: Uint8Array, looksLike: string | undefined][] = [
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
  // A byte that could be anything's.
  [tagged({ A: 4 }), GET, undefined],
  [netstring(), GET, undefined],
];

/** Right beginnings: what is wrong with the rest is not that it is something else. */
const OWN: [framing: Framing<unknown, never>, stream: Uint8Array][] = [
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

Deno.test("an error says what the bytes look like, however they were cut", () => {
  for (const [framing, stream, expected] of STRANGERS) {
    const { error } = checkCuts(framing, stream);
    assert(error !== undefined, Deno.inspect(stream));
    assertEquals(/; it looks like (.*)$/.exec(error.message)?.[1], expected, error.message);
  }
});

Deno.test("an error of a stream that began well says nothing of the kind", () => {
  for (const [framing, stream] of OWN) {
    const { error } = decodeChunks(framing, [stream]);
    assert(error !== undefined, Deno.inspect(stream));
    assertEquals(error.message.includes("looks like"), false, error.message);
    error.addHint(stream);
    assertEquals(error.message.includes("looks like"), false, error.message);
  }
});

Deno.test("addHint() says what the whole opening looks like, where the decoder saw a byte of it", () => {
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
    // What is known already stays.
    [decimalHeader(), GET, "an HTTP request"],
  ];
  for (const [framing, stream, expected] of cases) {
    const { error } = decodeChunks(framing, [stream]);
    const before = error!.message.replace(/; it looks like .*/, "");
    error!.addHint(stream.subarray(0, 32));
    assertEquals(error!.message, `${before}; it looks like ${expected}`);
    error!.addHint(stream.subarray(0, 32));
    assertEquals(error!.message, `${before}; it looks like ${expected}`, "said once");
  }
});

Deno.test("a length over the limit that would do in the other byte order is said, with the number", () => {
  for (const size of [2, 4, 8] as const) {
    for (const [endian, other] of [["big", "little"], ["little", "big"]] as const) {
      const stream = lengthPrefix({ bytes: size, endian: other }).encode(bytes("hello"));
      const { error } = checkCuts(lengthPrefix({ bytes: size, endian, maxLength: 1000 }), stream);
      assertEquals(
        error?.message,
        `Message too long: expected at most 1000 bytes, got ${5 * 256 ** (size - 1)} (5 in the other byte order)`,
      );
    }
  }
});
