import { encodeText } from "../../framing/mod.ts";
import type { Data, Script, StreamProtocol } from "../protocol.ts";
import { pause } from "../patience.ts";
import { characterCut } from "../scripts.ts";
import { chunks, stream } from "../stream.ts";

/** A pause that no server takes for a client that has gone silent, in milliseconds. */
const PAUSE = 1300;
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
        "a\n",
        "\0\x04",
        "\n\n",
        "b",
      ),
      characterCut({ text: "Grüße", answers: receipt(7) }),
      counted(
        "not-utf8",
        "Bytes that are not UTF-8.",
        "A program that expects text, or counts characters instead of bytes, does this",
        Uint8Array.of(0xff, 0xfe, 0x80),
      ),
    ],
    cases: [{
      name: "pause",
      level: "must",
      sends: `Some bytes, the others ${PAUSE / 1000} s later, and then the end of the client's side.`,
      right: "Waits for the end.",
      mistake: "A program that takes a pause for the end, as one that waits for a timeout of recv, does this",
      async run(stage) {
        using peer = await stage.connect();
        await peer.send("some ");
        await pause(PAUSE);
        await peer.send("more");
        peer.finish();
        await peer.expect(receipt(9));
      },
    }],
    clients: [{ args: ["everything I have to say"], prints: receipt(24) }],
    client: {
      input: ["everything I have to say"],
      ends: true,
      knowsEnd: false,
      unfinished: "The program sends something that it should not",
    },
  });
}

function counted(name: string, sends: string, mistake: string, ...chunks: Data[]): Script {
  const length = chunks.reduce((sum, { length }) => sum + length, 0);
  return {
    name,
    level: "must",
    sends: `${sends.slice(0, -1)}, and then the end of the client's side.`,
    right: `Answers that it received ${length} bytes, and closes.`,
    mistake,
    chunks,
    ends: true,
    answers: receipt(length),
    then: "stays",
  };
}
