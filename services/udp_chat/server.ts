/**
 * UDP chat: client and server take turns, one datagram each.
 *
 * @module
 */

import { openConversation, text } from "../../lib/cli/mod.ts";
import { runUdpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { decodeBytes, Log } from "../../lib/log/mod.ts";
import { formatAddress } from "../../lib/net/address.ts";
import { serveUdp, type ServeUdpOptions, type UdpServer } from "../../lib/net/serve_udp.ts";
import { PORT } from "./protocol.ts";

/** Options of {@linkcode serveUdpChat}. */
export interface ServeUdpChatOptions extends ServeUdpOptions {
  /** Answers a client's turn, given its text and the client's address; `undefined` sends no answer. */
  reply: (turn: string, from: string) => string | undefined | Promise<string | undefined>;
}

/** The bytes by which an answer may be longer than its turn: two terminal lines in UTF-8. */
const MAX_GROWTH = 640;

/**
 * Serves UDP chat: strict turns, the client first. Each turn is answered before the next is read from the socket, so the
 * turns of two clients are never mixed up; later turns wait in the socket's buffer.
 *
 * @param options Where to listen, and how to answer; the default port is 3001.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveUdpChat } from "@wirebench/wirebench/udp-chat";
 * import { connectUdp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveUdpChat({ port: 0, reply: (turn) => `${turn}, you say?` });
 * using peer = await connectUdp({ port: server.addr.port });
 * await peer.send(new TextEncoder().encode("Hey"));
 * assertEquals(new TextDecoder().decode(await peer.receive()), "Hey, you say?");
 * ```
 */
export function serveUdpChat(options: ServeUdpChatOptions): UdpServer {
  const log = options.log ?? new Log("Server");

  return serveUdp(
    { ...options, port: options.port ?? PORT, maxGrowth: options.maxGrowth ?? MAX_GROWTH, log },
    async (datagram, address) => {
      const from = formatAddress(address);
      const turn = decodeBytes(datagram);
      log.said(from, "Server", turn);
      const answer = await options.reply(turn, from);
      if (answer === undefined) return;
      log.said("Server", from, answer);
      return encodeText(answer);
    },
  );
}

const options = {
  reply: text("TEXT", "Answer every turn with this text (default: a person answers)", ""),
};

if (import.meta.main) {
  runUdpServer({
    ...task("udp-chat:server"),
    summary: "Takes turns with its clients, one datagram each.",
    port: PORT,
    options,
  }, ({ reply, ...options }, requests) => {
    if (reply !== "") return serveUdpChat({ ...options, reply: () => reply });

    const conversation = openConversation(requests);
    requests.stop.addEventListener("abort", () => conversation[Symbol.dispose]());
    return serveUdpChat({
      ...options,
      // The terminal shows the turns above the prompt; the log repeats them at debug only.
      log: new Log("Server", "debug"),
      async reply(turn, from) {
        await conversation.show(`${from} > ${turn}`);
        const answer = await conversation.ask("> ");
        if (answer === undefined && !requests.stop.aborted) {
          options.log?.warn("Standard input has ended: no more answers, stopping");
          requests.request("end of standard input");
        }
        return answer;
      },
    });
  });
}
