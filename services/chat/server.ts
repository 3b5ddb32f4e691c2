/**
 * Chat: many clients, every message sent on to all the others.
 *
 * @module
 */

import { choice, integer, runTcpServer } from "../../lib/cli/mod.ts";
import { Log, quoteText } from "../../lib/log/mod.ts";
import {
  Broadcast,
  framed,
  serveTcp,
  type ServeTcpOptions,
  SLOW_POLICIES,
  type SlowPolicy,
  type TcpServer,
} from "../../lib/net/mod.ts";
import { checkName, framing, PORT } from "./protocol.ts";

/** Options of {@linkcode serveChat}. */
export interface ServeChatOptions extends ServeTcpOptions {
  /**
   * The longest name or text accepted, in bytes.
   *
   * @default {1048576}
   */
  maxMessage?: number;
  /**
   * What becomes of a member that reads less fast than the others talk.
   *
   * @default {"disconnect"}
   */
  slow?: SlowPolicy;
  /**
   * How many bytes a member may be behind the others before that.
   *
   * @default {16777216}
   */
  maxLag?: number;
}

/**
 * Serves chat: the first message of a client is its name, every other one goes to all the others, after the name.
 *
 * Whoever only listens may do so for as long as they like, so there is no idle timeout unless one is given.
 *
 * @param options Where to listen, and limits; the port is 1234 unless given.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveChat } from "@wirebench/wirebench/chat";
 * import { decimalHeader, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 *
 * await using server = serveChat({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const messages = framed(connection, text(decimalHeader()));
 * await messages.send("alice");
 * await messages.send("Hey");
 * ```
 */
export function serveChat(options: ServeChatOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const protocol = framing(options.maxMessage);
  const room = new Broadcast({ slow: options.slow, maxLag: options.maxLag });

  return serveTcp({ port: PORT, idleTimeout: Infinity, ...options, log }, async (connection) => {
    const messages = framed(connection, protocol);
    const name = await messages.receive();
    if (name === undefined) return;
    checkName(name);
    const encodedName = protocol.encode(name);
    const who = { name: quoteText(name), peer: connection.remote };
    using member = room.subscribe(
      connection,
      (dropped) =>
        log.warn(`{name} at {peer} is too slow: ${dropped > 0 ? "{dropped} bytes dropped" : "the others wait"}`, {
          ...who,
          dropped,
        }),
    );
    log.info("{name} joined from {peer}", who);
    try {
      for (let batch; (batch = await messages.receiveBatch()).length > 0;) {
        for (const text of batch) {
          // Name and text in one write: the tutorial's client loses its place when they come apart.
          room.publish([encodedName, protocol.encode(text)], member);
          if (log.showsMessages) log.said(connection.remote, "Server", text);
        }
        if (room.crowded) await room.settle();
      }
      await member.leave();
    } finally {
      log.info("{name} left from {peer}", who);
    }
  });
}

const options = {
  slow: choice("What becomes of a member that does not keep up", SLOW_POLICIES, "disconnect"),
  maxLag: integer("BYTES", "How far behind the others a member may be", 16 * 1024 * 1024, { least: 1 }),
};

if (import.meta.main) {
  await runTcpServer({
    name: "chat",
    summary: "Sends every message on to all the other clients.",
    port: PORT,
    idleTimeout: Infinity,
    options,
  }, serveChat);
}
