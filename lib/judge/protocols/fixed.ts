import { decodeText, fixed as fixedFraming } from "../../framing/mod.ts";
import type { StreamProtocol } from "../protocol.ts";
import { cutOff } from "../scripts.ts";
import { stream } from "../stream.ts";

/** Messages of exactly `length` bytes, each sent back. A connection that ends inside a message is an error. */
export function fixed({ length }: { length: number }): StreamProtocol<Uint8Array> {
  const message = (first: number) => Uint8Array.from({ length }, (_, at) => 48 + (first + at) % 10);
  return stream({
    name: "fixed",
    shows: "messages of a fixed length, many on one connection",
    port: 3003,
    framing: fixedFraming(length),
    framed: `fixed:${length}`,
    messages: [message(0), message(3), message(7)],
    scripts: length === 1 ? [] : [
      cutOff({ before: message(0), part: message(3).subarray(0, Math.floor(length / 2)), answers: message(0) }),
    ],
    clients: [{
      args: ["--length", `${length}`, "--count", "2"],
      prints: `${new TextDecoder().decode(message(0))}\n`.repeat(2),
    }],
    client: {
      input: [decodeText(message(0))],
      ends: true,
      knowsEnd: true,
      unfinished: `A message is exactly ${length} bytes, without a newline or anything else behind it`,
      escape: length < 4 ? undefined : "\x1b[2J".padEnd(length, "."),
    },
  });
}
