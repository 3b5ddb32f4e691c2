import { bytesOf } from "../peer.ts";
import type { DatagramProtocol } from "../protocol.ts";

/**
 * Turns of text, the client first. No names, no framing, no end; the empty datagram is a legal turn.
 *
 * @param options The text with which the program answers every turn; any text if it is empty.
 */
export function udpChat({ reply }: { reply: string }): DatagramProtocol {
  const answer = reply === "" ? undefined : bytesOf(reply);
  return {
    name: "udp-chat",
    transport: "udp",
    shows: "taking turns over datagrams",
    port: 3001,
    messages: ["how are you?", "and otherwise?"],
    answer: () => answer,
    scripts: [
      {
        name: "not-ascii",
        level: "must",
        sends: "A turn with letters that ASCII does not have.",
        right: "Takes its turn.",
        mistake: "A program that decodes ASCII does this",
        datagram: "wie geht es dir in Köln? 😀",
      },
      {
        name: "not-utf8",
        level: "must",
        sends: "A turn that is not UTF-8.",
        right: "Takes its turn: a text that cannot be shown is no reason to end.",
        mistake: "A program that decodes what any stranger sends fails",
        datagram: Uint8Array.of(0xff, 0xfe, 0x80),
      },
    ],
    cases: [],
    clients: [{ args: ["how are you?", ""], prints: `${reply}\n`.repeat(2) }],
    client: {
      input: ["hello", "grüße an alle", "and once more"],
      replies: ["fine, and you?", "schöne Grüße", "good bye"],
      isText: true,
      ends: true,
      knowsEnd: true,
      unfinished: "",
    },
  };
}
