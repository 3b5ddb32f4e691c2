import { encodeText } from "../../framing/mod.ts";
import type { Data, Script, StreamProtocol } from "../protocol.ts";
import { characterCut } from "../scripts.ts";
import { chunks, stream } from "../stream.ts";

const receipt = (length: number) => `received ${length} bytes\n`;

/** The client sends bytes and ends its side. The server reads to the end, then answers `received <n> bytes` and closes. */
export function exchange(): StreamProtocol<Uint8Array> {
  return stream({
    name: "exchange",
    shows: "a request that ends by shutting down the sending side",
    port: 3006,
    framing: chunks,
    messages: ["everything I ", "have to", " say\n"].map(encodeText),
    long: new Uint8Array(1_000_000).fill(120),
    answers: "end",
    answer: ({ length }) => encodeText(receipt(length)),
    scripts: [
      counted("empty", "No bytes at all.", "A program that takes no bytes for no request does this", ""),
      counted(
        "control",
        "Newlines, zeros, and other control characters.",
        "A program that stops at one does this",
        "a\n\0\x04\n",
      ),
      characterCut({ text: "Grüße", answers: receipt(7) }),
      counted(
        "not-utf8",
        "Bytes that are not UTF-8.",
        "A program that expects text, or counts characters instead of bytes, does this",
        Uint8Array.of(0xff, 0xfe, 0x80),
      ),
    ],
    clients: [{ args: ["everything I have to say"], prints: receipt(24) }],
    client: {
      input: ["everything I have to say"],
      ends: true,
      knowsEnd: false,
      unfinished: "The program sends something that it should not",
    },
  });
}

function counted(name: string, sends: string, mistake: string, bytes: Data): Script {
  const { length } = bytes;
  return {
    name,
    level: "must",
    sends: `${sends.slice(0, -1)}, and then the end of the client's side.`,
    right: `Answers that it received ${length} bytes, and closes.`,
    mistake,
    chunks: [bytes],
    ends: true,
    answers: receipt(length),
    then: "stays",
  };
}
