import { concat } from "@std/bytes/concat";
import { encodeText, tagged as taggedFraming, type TaggedMessage } from "../../framing/mod.ts";
import { unknownType } from "../cases/unknown_type.ts";
import type { StreamProtocol } from "../protocol.ts";
import { cutOff } from "../scripts.ts";
import { stream } from "../stream.ts";

/** One type byte, then a body whose length the type decides; each message is sent back. An unknown type closes. */
export function tagged({ lengths }: { lengths: Record<string, number> }): StreamProtocol<TaggedMessage<string>> {
  const types = Object.keys(lengths);
  const framing = taggedFraming(lengths);
  const message = (type: string) => ({
    type,
    body: Uint8Array.from({ length: lengths[type]! }, (_, at) => 97 + at % 26),
  });
  const [first, last] = [types[0]!, types.at(-1)!].map((type) => framing.encode(message(type)));
  const unknown = [..."?!Z"].find((type) => !types.includes(type))!;
  return stream({
    name: "tagged",
    shows: "a type byte that decides the length",
    port: 3005,
    framing,
    framed: `tagged:${Object.entries(lengths).map((entry) => entry.join("=")).join()}`,
    messages: types.map(message),
    scripts: [
      {
        name: "unknown-type",
        level: "must",
        sends: "A message, and then a type byte that no message has.",
        right: "Answers the message, and closes at the unknown type.",
        mistake: "A program that skips an unknown type, or reads on after it, takes the bytes of its body for types; " +
          "an error that nobody catches ends the program",
        alone: true,
        chunks: [concat([first!, encodeText(`${unknown}${String.fromCharCode(...first!)}`)])],
        answers: first!,
        then: "refuses",
      },
      cutOff({ before: first!, part: last!.subarray(0, Math.ceil(last!.length / 2)), answers: first! }),
    ],
    clients: [{ args: ["A:four", "B:exactly sixteen!"], prints: "A:four\nB:exactly sixteen!\n" }],
    client: {
      input: ["A:four", "B:exactly sixteen!"],
      ends: true,
      knowsEnd: true,
      unfinished:
        "Each type has its length: a body that is shorter leaves the other side waiting, and what is longer " +
        "is taken for the next message",
      escape: concat([encodeText(types.at(-1)!), encodeText("\x1b[2J".padEnd(lengths[types.at(-1)!]!, "."))]),
      cases: [unknownType(unknown)],
    },
  });
}
