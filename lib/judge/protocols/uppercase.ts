import type { DatagramProtocol } from "../protocol.ts";

/** One datagram to the server; the same text in upper case back to the sender. Only `a` to `z` change. */
export function uppercase(): DatagramProtocol {
  return {
    name: "uppercase",
    transport: "udp",
    shows: "one datagram in, one out; three ways to know who answered",
    port: 3000,
    messages: ["hello", "Mixed Case, 123", "x"],
    answer: (datagram) => datagram.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte),
    scripts: [
      {
        name: "not-ascii",
        level: "must",
        sends: "A text with letters that ASCII does not have.",
        right: "Changes a to z only, and returns all other bytes unchanged.",
        mistake: "A program that decodes ASCII fails; one that changes every letter of Unicode changes the length too",
        datagram: "größe, straße, ﬁn, ı",
      },
      {
        name: "not-utf8",
        level: "must",
        sends: "All 256 values of a byte, which are not UTF-8.",
        right: "Changes a to z only, and returns all other bytes unchanged.",
        mistake: "A program that decodes what any stranger sends fails",
        datagram: Uint8Array.from({ length: 256 }, (_, byte) => byte),
      },
    ],
    cases: [],
    clients: [
      { args: ["anybody may answer, so I look who does"], prints: "ANYBODY MAY ANSWER, SO I LOOK WHO DOES\n" },
      { args: ["--connected", "only the server is heard"], prints: "ONLY THE SERVER IS HEARD\n" },
      { args: ["--to", "{host}:{port}", "zoë: only a to z change"], prints: "ZOë: ONLY A TO Z CHANGE\n" },
    ],
    client: {
      input: ["hello there", "and again"],
      ends: true,
      knowsEnd: true,
      unfinished: "",
    },
  };
}
