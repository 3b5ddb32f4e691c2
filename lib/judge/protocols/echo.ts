import { encodeText } from "../../framing/mod.ts";
import { characterCut, notUtf8 } from "../scripts.ts";
import { chunks, stream } from "../stream.ts";
import type { StreamProtocol } from "../protocol.ts";

const CONTROL = " \0\n\r is data too\t\r\n";
const NOT_UTF8 = Uint8Array.of(0xff, 0xfe, 0x00, 0x80);

/** The server sends back what it gets until the client ends its side, then closes. */
export function echo(): StreamProtocol<Uint8Array> {
  return stream({
    name: "echo",
    shows: "a byte stream, sent back unchanged",
    port: 65432,
    framing: chunks,
    messages: ["Hello, world", "How are you?", "x"].map(encodeText),
    long: encodeText("Hello, world ".repeat(10_000)),
    scripts: [
      {
        name: "control",
        level: "must",
        sends: "Newlines, zeros, and other control characters.",
        right: "Returns them: a stream has bytes, not lines.",
        mistake: "A program that strips whitespace, or stops at a newline or a zero, does this",
        chunks: [CONTROL],
        ends: true,
        answers: CONTROL,
        then: "stays",
      },
      characterCut({ text: "Grüße 😀", answers: "Grüße 😀" }),
      {
        ...notUtf8(NOT_UTF8),
        right: "Returns them: a stream has bytes, not text.",
        ends: true,
        answers: NOT_UTF8,
        then: "stays",
      },
    ],
    clients: [{ args: [], prints: "Hello, world\n" }],
    client: {
      input: ["Hello, world"],
      ends: true,
      knowsEnd: true,
      unfinished: "The program sends something that it should not",
    },
  });
}
