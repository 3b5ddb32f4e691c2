import { encodeText, fixed } from "../../framing/mod.ts";
import type { StreamProtocol } from "../protocol.ts";
import { cutOff } from "../scripts.ts";
import { stream } from "../stream.ts";

const LENGTH = 16;
const GREETING = "Hi there, server";
const FAREWELL = "Farewell, client";

/** The client sends exactly 16 bytes; the server reads until it has them, answers exactly 16, and closes. */
export function sixteen(): StreamProtocol<Uint8Array> {
  return stream({
    name: "sixteen",
    shows: "read exactly 16 bytes, however they arrive",
    port: 3002,
    framing: fixed(LENGTH),
    framed: `fixed:${LENGTH}`,
    messages: [encodeText(GREETING)],
    answers: "first",
    answer: () => encodeText(FAREWELL),
    scripts: [
      {
        name: "one-more",
        level: "must",
        sends: "17 bytes, one more than the server reads.",
        right: "Answers, ends its side, drops what is left, and then closes.",
        mistake:
          "A program that closes with a byte unread makes the system reset the connection, which may destroy the answer",
        chunks: [`${GREETING}!`],
        answers: FAREWELL,
        then: "ends",
      },
      cutOff({ part: GREETING.slice(0, 8) }),
    ],
    clients: [{ args: [], prints: `${FAREWELL}\n` }],
    client: {
      input: [GREETING],
      ends: true,
      knowsEnd: true,
      unfinished:
        "The message is exactly 16 bytes: with fewer the server waits for the rest, and one more, such as a newline, " +
        "stays unread and resets the connection",
      escape: "\x1b[2J\x1b[31mHello!!",
    },
  });
}
