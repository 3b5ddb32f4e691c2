import { encodeText } from "../../framing/mod.ts";
import { answering, chunks } from "../answering.ts";
import type { StreamProtocol } from "../protocol.ts";

/** The server sends back what it gets until the client ends its side, then closes. */
export function echo(): StreamProtocol<Uint8Array> {
  return answering({
    name: "echo",
    shows: "a byte stream, sent back unchanged",
    port: 65432,
    framing: chunks,
    messages: ["Hello, world", "\0\n\r\xff is data too", "x"].map(encodeText),
    long: encodeText("Hello, world ".repeat(10_000)),
    answer: (chunk) => chunk,
    clients: [{ args: [], prints: "Hello, world\n" }],
  });
}
