/**
 * Chat: many clients, every message sent on to all the others.
 *
 * @module
 */

import { choice, integer } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { decodeText, headedBatches } from "../../lib/framing/mod.ts";
import { Log, quoteText } from "../../lib/log/mod.ts";
import {
  Broadcast,
  type Connection,
  framed,
  serveTcp,
  type ServeTcpOptions,
  SLOW_POLICIES,
  type SlowPolicy,
  type Subscriber,
  type TcpServer,
} from "../../lib/net/mod.ts";
import { checkName, HEADER_LENGTH, PORT } from "./protocol.ts";

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
  const framing = headedBatches({ maxLength: options.maxMessage });
  const room = new Broadcast({ slow: options.slow, maxLag: options.maxLag });

  return serveTcp({ port: PORT, idleTimeout: Infinity, ...options, log }, async (connection) => {
    let member: Member | undefined;
    try {
      for await (const { bytes, ends } of framed(connection, framing)) {
        let start = 0;
        for (const end of ends) {
          const message = bytes.subarray(start, end);
          start = end;
          if (member === undefined) member = new Member(room, connection, message, log);
          else member.say(message);
          // Wait for members that lag before reading on.
          const ready = room.ready();
          if (ready !== undefined) await ready;
        }
      }
      await member?.leave();
    } finally {
      member?.[Symbol.dispose]();
    }
  });
}

/** Somebody in the chat: a connection that has said its name. */
class Member implements Disposable {
  /** The name under its header, as it stands before everything that this member says. */
  readonly #name: Uint8Array;
  readonly #subscriber: Subscriber;
  readonly #log: Log;
  readonly #who: { name: string; peer: string };

  constructor(room: Broadcast, connection: Connection, message: Uint8Array, log: Log) {
    const name = textOf(message);
    checkName(name);
    this.#name = new Uint8Array(message);
    this.#log = log;
    this.#who = { name: quoteText(name), peer: connection.remote };
    this.#subscriber = room.subscribe(connection, (dropped) => {
      const what = dropped > 0 ? "{dropped} bytes dropped" : "the others wait";
      log.warn(`{name} at {peer} is too slow: ${what}`, { ...this.#who, dropped });
    });
    log.info("{name} joined from {peer}", this.#who);
  }

  /** Passes a message on to all the others, as it came. */
  say(message: Uint8Array): void {
    // Name and text in one write: the tutorial's client loses its place when they come apart.
    this.#subscriber.publish([this.#name, message]);
    if (this.#log.showsMessages) this.#log.said(this.#who.peer, "Server", message.subarray(HEADER_LENGTH));
  }

  /** Waits until everything that the others have said is written. */
  leave(): Promise<void> {
    return this.#subscriber.leave();
  }

  [Symbol.dispose](): void {
    this.#subscriber[Symbol.dispose]();
    this.#log.info("{name} left from {peer}", this.#who);
  }
}

/** The text of a message under its header. */
function textOf(message: Uint8Array): string {
  return decodeText(message.subarray(HEADER_LENGTH));
}

const options = {
  slow: choice("What becomes of a member that does not keep up", SLOW_POLICIES, "disconnect"),
  maxLag: integer(
    "BYTES",
    "How far behind the others a member may be, and what a room keeps at the most",
    16 * 1024 * 1024,
    { least: 1 },
  ),
};

if (import.meta.main) {
  runTcpServer({
    name: "chat",
    summary: "Sends every message on to all the other clients.",
    port: PORT,
    idleTimeout: Infinity,
    options,
  }, serveChat);
}
