import { encodeText } from "../../framing/mod.ts";
import { chunks, stream } from "../stream.ts";
import type { StreamProtocol } from "../protocol.ts";

/** The server sends back what it gets until the client ends its side, then closes. */
export function echo(): StreamProtocol<Uint8Array> {
  return stream({
    name: "echo",
    shows: "a byte stream, sent back unchanged",
    port: 65432,
    framing: chunks,
    messages: ["Hello, world", "\0\n\r\xff is data too", "x"].map(encodeText),
    long: encodeText("Hello, world ".repeat(10_000)),
    clients: [{ args: [], prints: "Hello, world\n" }],
    client: {
      input: [],
      ends: true,
      knowsEnd: true,
      unfinished: "The program sends something that it should not",
    },
  });
}
